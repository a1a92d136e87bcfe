#ifndef FLIXTUBE_STREAMING_MP4_DURATION_H
#define FLIXTUBE_STREAMING_MP4_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The duration of an ISO base media file (ISO/IEC 14496-12: MP4, M4V, and
 * QuickTime's MOV). The file is a row of boxes, each a size, a type and a
 * body; the box `moov`, anywhere in the row, holds the box `mvhd`, which holds
 * the number of ticks and the ticks in a second.
 *
 * The file is not trusted: every read lies inside of it, and the number of
 * boxes that are looked at is limited.
 */
enum {
    /* Files have a handful; a fragmented one thousands, but behind `moov`.
     * A box costs one read. */
    MP4_BOXES_MAX = 1024,
    MP4_DURATION_UNKNOWN = -1,
};

/*
 * In ms, at least 1 and under VIEWED_SECONDS_MAX s; MP4_DURATION_UNKNOWN where
 * the file does not say, is cut, malformed, or cannot be read. Reads by pread
 * from `file`, of which the first file_bytes count.
 */
int64_t mp4_duration_of_file(int file, uint64_t file_bytes);

/* The same, of bytes in memory. Pure. */
int64_t mp4_duration_of_memory(const void *data, size_t bytes);

#endif
