#ifndef FLIXTUBE_COMMON_HTTP_HEAD_H
#define FLIXTUBE_COMMON_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What RFC 9112 wants of a request's head and libmicrohttpd 0.9.75 does not
 * look at: a length that can be read in two ways is an attack on whoever
 * stands between. Pure; any thread.
 */
struct http_head {
    unsigned hosts;
    unsigned lengths;
    unsigned encodings;
    bool other_encoding; /* Transfer-Encoding is not "chunked" alone */
    bool bad_name;
};

/* Takes one field in; names are compared in any case. Zero *head before. */
void http_head_field(struct http_head *head, const char *name,
                     const char *value);

/*
 * The status to refuse the request with (400 or 501) and the reason, or 0
 * where nothing is wrong. After a refusal the connection must be closed.
 */
unsigned http_head_refusal(const struct http_head *head, const char *version,
                           const char **ret_why);

/*
 * Where path and query begin in a request's target: itself, or for the
 * absolute form ("http://host/path", RFC 9112 section 3.2.2) what follows the
 * authority. That may be without a path: "" or "?query", which mean "/".
 */
const char *http_target_path(const char *target);

#endif
