#ifndef FLIXTUBE_COMMON_CONDITIONS_H
#define FLIXTUBE_COMMON_CONDITIONS_H

#include <stdint.h>

/* Conditional GET and HEAD of what is there, RFC 9110 section 13. */
enum condition_answer {
    CONDITION_SERVE,               /* as asked: 200, or 206 by the Range */
    CONDITION_SERVE_WHOLE,         /* If-Range is false: 200, pass Range over */
    CONDITION_NOT_MODIFIED,        /* 304 */
    CONDITION_PRECONDITION_FAILED, /* 412 */
};

/* The values of the request's headers; NULL for one that is not there. */
struct conditions {
    const char *if_match;
    const char *if_unmodified_since;
    const char *if_none_match;
    const char *if_modified_since;
    const char *if_range; /* NULL also where there is no Range: 13.1.5 */
};

struct validators {
    const char *etag;   /* strong, with its quotes */
    int64_t modified_s; /* the Last-Modified that is sent */
};

/*
 * The answer by the precedence of section 13.2.2. Where a list of entity tags
 * leaves the grammar, what stands before that place counts and the rest does
 * not. A date that is none is passed over, but in If-Range it is false.
 * now_s only places years of two digits, see http_date.h. Pure.
 */
enum condition_answer conditions_check(const struct conditions *conditions,
                                       const struct validators *current,
                                       int64_t now_s);

#endif
