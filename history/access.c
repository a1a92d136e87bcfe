#include "access.h"

#include <string.h>
#include <strings.h>

#include "clock.h"
#include "log.h"

enum {
    MS_PER_S = 1000,
    LEFT_S_MAX = 10 * 365 * 86400, /* any more is for ever */
};

#define LACKING(scope)                                                         \
    "Bearer error=\"insufficient_scope\", scope=\"" scope "\""

/* The token of "Authorization: Bearer …", or NULL. */
static const char *token_of(const struct http_request *request)
{
    static const char scheme[] = "Bearer ";
    const char *value = http_request_header(request, "Authorization");
    if (value == NULL || strncasecmp(value, scheme, sizeof scheme - 1) != 0)
        return NULL;
    value += sizeof scheme - 1;
    return value + strspn(value, " ");
}

static bool refuse_unknown(struct http_reply *reply, const char *challenge,
                           const char *why)
{
    http_reply_problem(reply, 401, "%s", why);
    http_reply_header(reply, "WWW-Authenticate", challenge);
    return false;
}

static bool refuse(struct http_reply *reply, const char *challenge,
                   const char *why)
{
    http_reply_problem(reply, 403, "%s", why);
    http_reply_header(reply, "WWW-Authenticate", challenge);
    return false;
}

static bool in_rate(const struct access *access, struct http_request *request,
                    struct http_reply *reply)
{
    if (access->limit == NULL ||
        rate_limit_takes(access->limit, http_request_socket(request),
                         clock_monotonic_ms()))
        return true;
    http_reply_problem(reply, 429,
                       "more requests than HTTP_REQUESTS_PER_S_MAX allows");
    http_reply_header(reply, "Retry-After", "1");
    return false;
}

static bool claims_allow(enum access_need need,
                         const struct token_claims *claims,
                         const struct http_request *request,
                         struct http_reply *reply)
{
    const char *user_id;
    if (need == ACCESS_ROW || token_has_scope(claims, SCOPE_ADMIN))
        return true;
    if (need == ACCESS_ADMIN)
        return refuse(reply, LACKING(SCOPE_ADMIN),
                      "this takes the scope " SCOPE_ADMIN);
    if (need == ACCESS_WRITE && !token_has_scope(claims, SCOPE_WRITE))
        return refuse(reply, LACKING(SCOPE_WRITE),
                      "this takes the scope " SCOPE_WRITE);
    if (need == ACCESS_WRITE)
        return true;
    user_id = http_request_parameter(request, "userId");
    if (user_id != NULL && user_id[0] != '\0' &&
        strcmp(user_id, claims->subject) == 0)
        return true;
    return refuse(reply, LACKING(SCOPE_ADMIN),
                  user_id == NULL
                      ? "say whose history it is: userId, the token's subject"
                      : "the token is of another user");
}

bool access_allows(const struct access *access, const struct http_route *route,
                   struct http_request *request, struct http_reply *reply)
{
    struct token_claims claims;
    struct fault fault = {0};
    if (!in_rate(access, request, reply))
        return false;
    if (access->keys == NULL || route->access == ACCESS_OPEN)
        return true;
    const char *token = token_of(request);
    if (token == NULL)
        return refuse_unknown(reply, "Bearer",
                              "this takes a token: Authorization: Bearer …");
    enum result r = token_check(access->keys, token, &claims, &fault);
    struct fault trouble;
    if (token_keys_trouble(access->keys, &trouble))
        log_warn("the keys stay as they were", log_text("why", trouble.text),
                 log_end());
    if (r != RESULT_OK)
        return refuse_unknown(reply, "Bearer error=\"invalid_token\"",
                              fault.text);
    return claims_allow((enum access_need)route->access, &claims, request,
                        reply);
}

int64_t access_until_ms(const struct access *access,
                        const struct http_request *request)
{
    struct token_claims claims;
    struct fault fault = {0};
    if (access->keys == NULL)
        return INT64_MAX;
    const char *token = token_of(request);
    if (token == NULL ||
        token_check(access->keys, token, &claims, &fault) != RESULT_OK)
        return 0;
    int64_t left_s =
        claims.expires_s + TOKEN_LEEWAY_S - clock_now_ms() / MS_PER_S;
    return left_s < LEFT_S_MAX ? clock_monotonic_ms() + left_s * MS_PER_S
                               : INT64_MAX;
}

bool access_sees(const struct access *access,
                 const struct http_request *request, const char *user_id,
                 size_t user_id_bytes)
{
    struct token_claims claims;
    struct fault fault = {0};
    if (access->keys == NULL)
        return true;
    const char *token = token_of(request);
    return token != NULL &&
           token_check(access->keys, token, &claims, &fault) == RESULT_OK &&
           (token_has_scope(&claims, SCOPE_ADMIN) ||
            (user_id_bytes > 0 && strlen(claims.subject) == user_id_bytes &&
             memcmp(user_id, claims.subject, user_id_bytes) == 0));
}
