#ifndef FLIXTUBE_HISTORY_CHANGES_REPLY_H
#define FLIXTUBE_HISTORY_CHANGES_REPLY_H

#include "api.h"

/* GET /history with `updatedSince`: see store_changes.h. */
void changes_reply(const struct api *api, struct http_request *request,
                   struct http_reply *reply);

#endif
