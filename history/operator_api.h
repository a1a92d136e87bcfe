#ifndef FLIXTUBE_HISTORY_OPERATOR_API_H
#define FLIXTUBE_HISTORY_OPERATOR_API_H

#include "http_server.h"

/*
 * GET /operator.json: what an operator wants to see at once, of the service
 * and of its queues. Totals are since the start: who asks twice has the rates.
 * For whom: admin.h. The page that shows it (page.h) holds nothing of anybody.
 */
void operator_api_get(void *context, struct http_request *request,
                      struct http_reply *reply);

#endif
