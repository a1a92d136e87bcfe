#ifndef FLIXTUBE_COMMON_GZIP_H
#define FLIXTUBE_COMMON_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/*
 * gzip (RFC 1952): the only module that uses zlib. It compresses, and nothing
 * here ever expands what came from elsewhere.
 */
enum gzip_effort {
    /* For one answer. A window of 8 KiB holds 25 rows, and to make its 64 KiB
     * of state takes 7 us where zlib's usual 256 take 34. Level 1: level 6
     * takes 1.7 times as long and saves a tenth. */
    GZIP_QUICK,
    GZIP_SMALL, /* for what is kept as long as the process lives */
};

#define GZIP_FAILED SIZE_MAX

/* Appends `data`, compressed; false without memory or room: `to` has failed. */
bool gzip_all(const void *data, size_t bytes, enum gzip_effort effort,
              struct buffer *to);

/*
 * What comes bit by bit, compressed bit by bit, in the state and a block of 4
 * KiB, however long it is. `more` writes up to out_bytes to `out` and returns
 * how many, 0 at the end, GZIP_FAILED where it ends before its end.
 */
struct gzip_stream;

/* NULL without memory. The caller ends it with gzip_stream_free(). */
struct gzip_stream *gzip_stream_make(size_t (*more)(void *context, char *out,
                                                    size_t out_bytes),
                                     void *context);
/* As `more`; asks it for as much as that takes. Not after it failed. */
size_t gzip_stream_more(struct gzip_stream *stream, char *out,
                        size_t out_bytes);
void gzip_stream_free(struct gzip_stream *stream); /* NULL is fine */

#endif
