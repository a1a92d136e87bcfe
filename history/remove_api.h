#ifndef FLIXTUBE_HISTORY_REMOVE_API_H
#define FLIXTUBE_HISTORY_REMOVE_API_H

#include "http_server.h"

/* DELETE /history/{id} and POST /history/{id}/restore; the context is the api.
 */
void remove_api_delete(void *context, struct http_request *request,
                       struct http_reply *reply);
void remove_api_restore(void *context, struct http_request *request,
                        struct http_reply *reply);

#endif
