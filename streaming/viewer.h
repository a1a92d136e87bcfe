#ifndef FLIXTUBE_STREAMING_VIEWER_H
#define FLIXTUBE_STREAMING_VIEWER_H

#include <stdbool.h>

#include "bearer_token.h"
#include "http_server.h"
#include "uuid.h"

/*
 * Who asks: the id in the cookie "viewer", else a new one, which the reply
 * then sets. A client that keeps no cookies is another viewer each time.
 * With keys the cookie is a token of theirs (scope "viewer"), so that nobody
 * can be another viewer by knowing his id; without (NULL) it is the bare id.
 */
struct uuid viewer_of(struct token_keys *keys,
                      const struct http_request *request,
                      struct http_reply *reply);

#endif
