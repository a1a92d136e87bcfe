#ifndef FLIXTUBE_STREAMING_RANGE_H
#define FLIXTUBE_STREAMING_RANGE_H

#include <stdint.h>

/* What to do with a Range header, RFC 9110 section 14. */
enum range_kind {
    RANGE_NONE,          /* 200 with the whole file */
    RANGE_PARTIAL,       /* 206 with *ret */
    RANGE_UNSATISFIABLE, /* 416 with "Content-Range: bytes * / file_bytes" */
};

/* Both ends belong to it: first <= last < file_bytes. */
struct byte_range {
    uint64_t first;
    uint64_t last;
};

/*
 * Reads the value of a Range header; NULL means that there is none. RANGE_NONE
 * also for what a server has to or may pass over (section 14.2): another unit,
 * a value outside of the grammar, last before first, and several ranges. One
 * range is what players ask for, and a multipart answer would let a short
 * request make a long and costly reply.
 *
 * Numbers of any length are right: what no 64 bits hold lies behind the end
 * of every file. An empty file satisfies no range from a place on; of its last
 * n bytes it serves all, which are none, so that is RANGE_NONE.
 *
 * Pure. *ret changes only with RANGE_PARTIAL.
 */
enum range_kind range_parse(const char *header, uint64_t file_bytes,
                            struct byte_range *ret);

#endif
