#ifndef FLIXTUBE_STREAMING_BYTE_SET_H
#define FLIXTUBE_STREAMING_BYTE_SET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Which bytes of a file were delivered: disjoint intervals in order, and how
 * many bytes they hold. Bytes that come twice count once.
 */
enum {
    /* A player that seeks leaves a few holes; more holes than this are made
     * to cost memory. 128 intervals are 2 KiB. */
    BYTE_SET_INTERVALS_MAX = 128,
};

struct byte_interval {
    uint64_t first;
    uint64_t last; /* belongs to it */
};

/* {0} is the empty set, and holds no memory. For one thread at a time. */
struct byte_set {
    struct byte_interval *intervals;
    uint32_t count;
    uint32_t capacity;
    uint64_t bytes;
};

/*
 * Adds the bytes first to last. False if they were dropped whole: at the limit
 * an addition that touches no interval is, and one for which there is no
 * memory. So the set may miss bytes, and never has one that was not added.
 * first <= last <= INT64_MAX.
 */
bool byte_set_add(struct byte_set *set, uint64_t first, uint64_t last);

/* Empties it and frees its memory; the set may be used again. */
void byte_set_done(struct byte_set *set);

#endif
