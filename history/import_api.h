#ifndef FLIXTUBE_HISTORY_IMPORT_API_H
#define FLIXTUBE_HISTORY_IMPORT_API_H

#include "http_server.h"

/*
 * What `history import` asks of the service that has the store open. The
 * context is the api.
 *
 * POST /imports/{name}: rows of ours, one a line, 1 to VIEWED_BATCH_VIEWS_MAX;
 * what is new is the import's. A row that cannot be a view refuses all of them.
 * DELETE /imports/{name}: takes back what it added; for operators.
 */
void import_api_post(void *context, struct http_request *request,
                     struct http_reply *reply);
void import_api_delete(void *context, struct http_request *request,
                       struct http_reply *reply);

#endif
