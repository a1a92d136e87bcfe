#ifndef FLIXTUBE_HISTORY_STATS_H
#define FLIXTUBE_HISTORY_STATS_H

#include "store.h"

/*
 * Counts of views: by time, by video, of a user. They are counted from the
 * lists' index when asked for, some 50 ns a view, so they are right after any
 * removal, and storing a view costs nothing more. Each single count is right
 * at its moment and reaches to STORE_TOTAL_MAX.
 *
 * `query` says whose, of what and from when until when; the rest of it is not
 * looked at. All are of any thread; errors are store_query()'s.
 */
enum {
    STATS_BUCKETS_MAX = 1000,
    STATS_VIDEOS_MAX = 10000, /* that are counted, some 15 us each */
    STATS_TOP_MAX = 100,
};

/*
 * Hands out each hour or day (UTC, `bucket_ms` long) that has views, in order;
 * the first and last are cut by the query's times. RESULT_MALFORMED for more
 * than STATS_BUCKETS_MAX.
 */
enum result stats_plays(struct store *store, const struct store_query *query,
                        int64_t bucket_ms,
                        void (*each)(void *context, int64_t start_ms,
                                     int64_t plays),
                        void *context, struct fault *fault);

struct stats_video {
    char id[VIEWED_VIDEO_BYTES_MAX + 1];
    char path[VIEWED_PATH_BYTES_MAX + 1]; /* of its newest view; "": none */
    int64_t plays;
};

struct stats_top {
    struct stats_video videos[STATS_TOP_MAX]; /* most plays first, then by id */
    size_t count;
    size_t seen;   /* videos with views */
    bool complete; /* else there are over STATS_VIDEOS_MAX, in order of ids */
};

/* The `most` videos (1 to STATS_TOP_MAX) that were viewed most. */
enum result stats_videos(struct store *store, const struct store_query *query,
                         size_t most, struct stats_top *ret,
                         struct fault *fault);

struct stats_span {
    int64_t plays;
    int64_t first_ms; /* viewed at; only with plays */
    int64_t last_ms;
};

enum result stats_span(struct store *store, const struct store_query *query,
                       struct stats_span *ret, struct fault *fault);

#endif
