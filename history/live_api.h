#ifndef FLIXTUBE_HISTORY_LIVE_API_H
#define FLIXTUBE_HISTORY_LIVE_API_H

#include "buffer.h"
#include "http_server.h"
#include "live.h"

/* GET /history/stream. `context` is the struct api. */
void live_api_stream(void *context, struct http_request *request,
                     struct http_reply *reply);

void live_api_metrics(struct buffer *buffer, struct live *live);

#endif
