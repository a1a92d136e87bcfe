#ifndef FLIXTUBE_STREAMING_VIEWER_H
#define FLIXTUBE_STREAMING_VIEWER_H

#include <stdbool.h>

#include "http_server.h"
#include "uuid.h"

/*
 * Who asks: the id in the cookie "viewer", else a new one, which the reply
 * then sets. A client that keeps no cookies is another viewer each time.
 */
struct uuid viewer_of(const struct http_request *request,
                      struct http_reply *reply);

#endif
