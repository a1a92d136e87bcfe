#include "viewer.h"

#include <stdio.h>

#include "cookie.h"

#define YEAR_S 31536000

struct uuid viewer_of(const struct http_request *request,
                      struct http_reply *reply)
{
    struct uuid viewer;
    if (cookie_viewer(http_request_header(request, "Cookie"), &viewer))
        return viewer;
    viewer = uuid_make();
    char id[UUID_TEXT_BYTES];
    char cookie[160];
    uuid_format(&viewer, id);
    (void)snprintf(cookie, sizeof cookie,
                   "viewer=%s; HttpOnly; SameSite=Lax; Path=/; Max-Age=%d", id,
                   YEAR_S);
    http_reply_header(reply, "Set-Cookie", cookie);
    return viewer;
}
