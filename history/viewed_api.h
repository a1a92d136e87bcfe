#ifndef FLIXTUBE_HISTORY_VIEWED_API_H
#define FLIXTUBE_HISTORY_VIEWED_API_H

#include "http_server.h"
#include "viewed_batch.h"

#define VIEWED_API_TYPES "application/json,application/x-ndjson"

/* POST /viewed: one view, or a batch of them. `context` is the struct api. */
void viewed_api_post(void *context, struct http_request *request,
                     struct http_reply *reply);

#endif
