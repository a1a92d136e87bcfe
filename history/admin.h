#ifndef FLIXTUBE_HISTORY_ADMIN_H
#define FLIXTUBE_HISTORY_ADMIN_H

#include "api.h"

/*
 * The routes for operators. Where tokens are on (AUTH_KEYS), access.h decides
 * who may use them. Without, they are off unless ADMIN_API=on, and then answer
 * this machine alone: who comes from another address, or by a name that is not
 * this machine's (a web page of somebody else whose name was turned to
 * 127.0.0.1), gets 403.
 */
enum {
    ADMIN_BODY_BYTES_MAX = 64 * 1024, /* DEAD_IDS_MAX ids */
};

/* Whether the request may go on; if not, the reply is made. */
bool admin_allows(const struct api *api, struct http_request *request,
                  struct http_reply *reply);

void admin_get_dead(void *context, struct http_request *request,
                    struct http_reply *reply);
void admin_retry_dead(void *context, struct http_request *request,
                      struct http_reply *reply);
void admin_discard_dead(void *context, struct http_request *request,
                        struct http_reply *reply);

/* DELETE /history. With tokens a user may do it too, of his own. */
void admin_erase(void *context, struct http_request *request,
                 struct http_reply *reply);

#endif
