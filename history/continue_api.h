#ifndef FLIXTUBE_HISTORY_CONTINUE_API_H
#define FLIXTUBE_HISTORY_CONTINUE_API_H

#include "http_server.h"

/* GET /continue and DELETE /continue; the context is the api. See
 * continue_list.h. */
void continue_get(void *context, struct http_request *request,
                  struct http_reply *reply);
void continue_dismiss(void *context, struct http_request *request,
                      struct http_reply *reply);

#endif
