#ifndef FLIXTUBE_COMMON_HTTP_QUERY_H
#define FLIXTUBE_COMMON_HTTP_QUERY_H

#include <stddef.h>

#include "buffer.h"
#include "result.h"

/*
 * Percent-decoding, strict: a "%" without two hex digits, a NUL, a control
 * character or invalid UTF-8 is refused, never repaired. Pure; any thread.
 */
enum {
    HTTP_PARAMETERS_MAX = 16,        /* of one query string, and of a route */
    HTTP_PARAMETER_BYTES_MAX = 1024, /* a decoded value; longer is refused */
};

struct http_parameter {
    const char *name;
    const char *value;
};

/* Zero it before; http_query_done() frees it, parsed or not. */
struct http_query {
    struct http_parameter parameters[HTTP_PARAMETERS_MAX];
    size_t count;
    char *text;
};

/*
 * Reads "a=1&b=two+words" (application/x-www-form-urlencoded: "+" is a space).
 * Empty pieces ("a=1&&b=2") are passed over; a name without "=" has the value
 * "". Errors: RESULT_MALFORMED (also for a name given twice, and at the
 * limits), RESULT_UNAVAILABLE without memory.
 */
enum result http_query_parse(const char *raw, struct http_query *ret,
                             struct fault *fault);
void http_query_done(struct http_query *query);

/* The parameter's value, or NULL. */
const char *http_query_get(const struct http_query *query, const char *name);

/*
 * Decodes one path segment into `text`, NUL-terminated. "%2F" is refused as
 * well: no name of ours has a slash. Errors: RESULT_MALFORMED.
 */
enum result http_segment_decode(const char *raw, size_t raw_bytes, char *text,
                                size_t text_bytes, struct fault *fault);

/* Percent-encodes all but RFC 3986's unreserved characters. */
void http_query_encode(struct buffer *buffer, const char *text);

#endif
