#include "viewer.h"

#include <string.h>

#include "cleanup.h"
#include "cookie.h"

#define YEAR_S       31536000
#define SCOPE_VIEWER "viewer"

static bool viewer_of_token(struct token_keys *keys, const char *token,
                            struct uuid *ret)
{
    struct token_claims claims;
    struct fault fault = {0};
    return token_check(keys, token, &claims, &fault) == RESULT_OK &&
           token_has_scope(&claims, SCOPE_VIEWER) &&
           uuid_parse(claims.subject, strlen(claims.subject), ret);
}

__attribute__((noinline)) static bool
signed_viewer(struct token_keys *keys, const char *header, struct uuid *ret)
{
    struct cookie cookie;
    char token[TOKEN_BYTES_MAX];
    while (header != NULL && cookie_next(&header, &cookie)) {
        if (cookie.name_bytes != strlen(COOKIE_VIEWER) ||
            memcmp(cookie.name, COOKIE_VIEWER, cookie.name_bytes) != 0 ||
            cookie.value_bytes >= sizeof token)
            continue;
        memcpy(token, cookie.value, cookie.value_bytes);
        token[cookie.value_bytes] = '\0';
        if (viewer_of_token(keys, token, ret))
            return true;
    }
    return false;
}

static void set_cookie(const char *value, struct http_reply *reply)
{
    CLEANUP(buffer_done)
    struct buffer cookie = buffer_make(TOKEN_BYTES_MAX + 128);
    buffer_append_format(&cookie,
                         "viewer=%s; HttpOnly; SameSite=Lax; Path=/; "
                         "Max-Age=%d",
                         value, YEAR_S);
    buffer_append(&cookie, "", 1);
    if (!cookie.failed)
        http_reply_header(reply, "Set-Cookie", cookie.data);
}

/* Without a cookie he is another viewer the next time. Not inlined: what a
 * connection's stack has once touched stays in memory. */
__attribute__((noinline)) static void
set_signed_cookie(struct token_keys *keys, const char *id,
                  struct http_reply *reply)
{
    char token[TOKEN_BYTES_MAX];
    struct fault fault = {0};
    if (token_make(keys, id, SCOPE_VIEWER, YEAR_S, token, sizeof token,
                   &fault) == RESULT_OK)
        set_cookie(token, reply);
}

struct uuid viewer_of(struct token_keys *keys,
                      const struct http_request *request,
                      struct http_reply *reply)
{
    struct uuid viewer;
    const char *header = http_request_header(request, "Cookie");
    if (keys != NULL ? signed_viewer(keys, header, &viewer)
                     : cookie_viewer(header, &viewer))
        return viewer;
    viewer = uuid_make();
    char id[UUID_TEXT_BYTES];
    uuid_format(&viewer, id);
    if (keys != NULL)
        set_signed_cookie(keys, id, reply);
    else
        set_cookie(id, reply);
    return viewer;
}
