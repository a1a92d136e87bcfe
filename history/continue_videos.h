#ifndef FLIXTUBE_HISTORY_CONTINUE_VIDEOS_H
#define FLIXTUBE_HISTORY_CONTINUE_VIDEOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Up to when views of a video count for nothing, by the video's id or path: a
 * table of 64-bit hashes. Two videos under one hash (1 in 2^37 of 10,000 each)
 * would count as one. Zero it before, continue_videos_done() after.
 */
struct continue_videos {
    struct continue_video *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

void continue_videos_done(struct continue_videos *videos);

/* The time of the video, which the caller may change until the next call;
 * INT64_MIN where it is new. NULL without memory. */
int64_t *continue_videos_at(struct continue_videos *videos, const char *video,
                            size_t video_bytes);

#endif
