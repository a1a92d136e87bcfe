#ifndef FLIXTUBE_COMMON_TRACE_PARENT_H
#define FLIXTUBE_COMMON_TRACE_PARENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The value of `traceparent` (W3C Trace Context, section 3.2), version 00: the
 * trace that a request is part of, its parent there, and flags. It is handed
 * on as it came; none is ever made.
 */
enum {
    TRACE_PARENT_TEXT_BYTES = 56, /* "00-…-…-01" and NUL */
    TRACE_PARENT_BYTES = 25,      /* trace 16, parent 8, flags 1 */
};

struct trace_parent {
    bool given; /* false: there is none, and the bytes are zero */
    uint8_t bytes[TRACE_PARENT_BYTES];
};

/*
 * Strict: exactly 55 characters, hex in lower case, neither id all zero. Of
 * another version nothing is known here, so that is none. Pure, any thread;
 * where it returns false *ret is unchanged.
 */
bool trace_parent_parse(const char *text, size_t bytes,
                        struct trace_parent *ret);

/* As trace_parent_parse() gives it; NULL or wrong bytes: none. */
struct trace_parent trace_parent_of_bytes(const void *bytes, size_t count);

/* The same text again; "" for none. */
void trace_parent_format(const struct trace_parent *trace,
                         char text[TRACE_PARENT_TEXT_BYTES]);

#endif
