#ifndef FLIXTUBE_HISTORY_STATS_API_H
#define FLIXTUBE_HISTORY_STATS_API_H

#include "http_server.h"

/* GET /stats/plays, /stats/videos and /stats/user; the context is the api. See
 * stats.h. */
void stats_get_plays(void *context, struct http_request *request,
                     struct http_reply *reply);
void stats_get_videos(void *context, struct http_request *request,
                      struct http_reply *reply);
void stats_get_user(void *context, struct http_request *request,
                    struct http_reply *reply);

#endif
