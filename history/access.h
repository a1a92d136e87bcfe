#ifndef FLIXTUBE_HISTORY_ACCESS_H
#define FLIXTUBE_HISTORY_ACCESS_H

#include <stdbool.h>

#include "bearer_token.h"
#include "http_server.h"
#include "rate_limit.h"

/*
 * Who may what. A token (bearer_token.h) says who asks in `sub`, and what else
 * he may in `scope`. Without keys everyone may everything, but what admin.h
 * keeps for this machine.
 */
enum access_need {
    /* Scope history:admin, which also may all that follows; of a route that
     * says nothing. */
    ACCESS_ADMIN,
    ACCESS_WRITE, /* scope history:write */
    ACCESS_OWN,   /* the parameter userId must be the token's subject */
    ACCESS_ROW,   /* any token; the handler asks access_sees() of the row */
    ACCESS_OPEN,  /* nothing of anybody is in it */
};

#define SCOPE_WRITE "history:write"
#define SCOPE_ADMIN "history:admin"

struct access {
    struct token_keys *keys;  /* NULL: no tokens */
    struct rate_limit *limit; /* NULL: none */
};

/*
 * Whether the request may go on. If not, the reply is made: 429 (Retry-After),
 * 401 (WWW-Authenticate, RFC 6750 section 3), or 403.
 */
bool access_allows(const struct access *access, const struct http_route *route,
                   struct http_request *request, struct http_reply *reply);

/* Until when the request's token is good, by clock_monotonic_ms(); INT64_MAX
 * where none is needed. */
int64_t access_until_ms(const struct access *access,
                        const struct http_request *request);

/* Whether the request's token may see what is the user's ("": nobody's). */
bool access_sees(const struct access *access,
                 const struct http_request *request, const char *user_id,
                 size_t user_id_bytes);

#endif
