#ifndef FLIXTUBE_HISTORY_LIST_REPLY_H
#define FLIXTUBE_HISTORY_LIST_REPLY_H

#include "http_server.h"

/*
 * GET /history. An answer is kept and given again while its list is unchanged
 * (list_changes.h), and its ETag says which state of the list it shows, so
 * that If-None-Match is answered without a look at the store.
 */
void list_reply(void *api, struct http_request *request,
                struct http_reply *reply);

#endif
