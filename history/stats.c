#include "stats.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "cleanup.h"
#include "store_videos.h"

/* --- by time -------------------------------------------------------------- */

static void ignore_row(void *context, const struct store_row *row)
{
    (void)context;
    (void)row;
}

static enum result
count(struct store *store, const struct store_query *query, int64_t since_ms,
      int64_t until_ms, void (*row)(void *context, const struct store_row *row),
      void *context, int64_t *ret, struct fault *fault)
{
    struct store_page page = {0};
    struct store_query counted = {
        .user_id = query->user_id,
        .video_id = query->video_id,
        .since_ms = since_ms,
        .until_ms = until_ms,
        .limit = 1,
        .count = true,
    };
    enum result r = store_query(store, &counted, row, context, &page, fault);
    *ret = page.total;
    return r;
}

/* The start of the bucket that the time is in, also before 1970. */
static int64_t bucket_of(int64_t ms, int64_t bucket_ms)
{
    int64_t into = ms % bucket_ms;
    return ms - (into < 0 ? into + bucket_ms : into);
}

enum result stats_plays(struct store *store, const struct store_query *query,
                        int64_t bucket_ms,
                        void (*each)(void *context, int64_t start_ms,
                                     int64_t plays),
                        void *context, struct fault *fault)
{
    enum result r = RESULT_OK;
    int64_t start_ms = bucket_of(query->since_ms, bucket_ms);
    if ((query->until_ms - start_ms) / bucket_ms > STATS_BUCKETS_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "from since to until are more than %d",
                         STATS_BUCKETS_MAX);
    for (; r == RESULT_OK && start_ms < query->until_ms;
         start_ms += bucket_ms) {
        int64_t end_ms = start_ms + bucket_ms;
        int64_t plays = 0;
        r = count(store, query,
                  start_ms > query->since_ms ? start_ms : query->since_ms,
                  end_ms < query->until_ms ? end_ms : query->until_ms,
                  ignore_row, NULL, &plays, fault);
        if (r == RESULT_OK && plays > 0)
            each(context, start_ms, plays);
    }
    return r;
}

/* --- by video ------------------------------------------------------------- */

/* With a NUL behind each. */
static void add_id(void *context, const char *video_id, size_t bytes)
{
    struct buffer *ids = context;
    buffer_append(ids, video_id, bytes);
    buffer_append(ids, "", 1);
}

static void note_path(void *context, const struct store_row *row)
{
    struct stats_video *video = context;
    memcpy(video->path, row->video_path, row->video_path_bytes);
    video->path[row->video_path_bytes] = '\0';
}

/* Ids come in order, so one with as many plays as another goes behind it. */
static void rank(struct stats_top *top, size_t most,
                 const struct stats_video *video)
{
    size_t at = top->count;
    while (at > 0 && top->videos[at - 1].plays < video->plays)
        at--;
    if (at == most)
        return;
    if (top->count < most)
        top->count++;
    memmove(top->videos + at + 1, top->videos + at,
            (top->count - at - 1) * sizeof *video);
    top->videos[at] = *video;
}

static enum result count_video(struct store *store,
                               const struct store_query *query, const char *id,
                               size_t most, struct stats_top *top,
                               struct fault *fault)
{
    struct stats_video video = {0};
    struct store_query of_video = *query;
    of_video.video_id = id;
    strncpy(video.id, id, sizeof video.id - 1);
    enum result r = count(store, &of_video, query->since_ms, query->until_ms,
                          note_path, &video, &video.plays, fault);
    if (r != RESULT_OK || video.plays == 0)
        return r;
    top->seen++;
    rank(top, most, &video);
    return RESULT_OK;
}

enum result stats_videos(struct store *store, const struct store_query *query,
                         size_t most, struct stats_top *ret,
                         struct fault *fault)
{
    CLEANUP(buffer_done)
    struct buffer ids =
        buffer_make((size_t)STATS_VIDEOS_MAX * (VIEWED_VIDEO_BYTES_MAX + 1));
    bool more = false;
    ret->count = 0;
    ret->seen = 0;
    enum result r =
        store_videos(store, STATS_VIDEOS_MAX, add_id, &ids, &more, fault);
    if (r == RESULT_OK && ids.failed)
        r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    ret->complete = !more;
    for (size_t at = 0; r == RESULT_OK && at < ids.bytes;
         at += strlen(ids.data + at) + 1)
        r = count_video(store, query, ids.data + at, most, ret, fault);
    return r;
}

/* --- of a user ------------------------------------------------------------ */

static void note_time(void *context, const struct store_row *row)
{
    int64_t *viewed_at_ms = context;
    *viewed_at_ms = row->place.viewed_at_ms;
}

enum result stats_span(struct store *store, const struct store_query *query,
                       struct stats_span *ret, struct fault *fault)
{
    struct store_page page;
    struct store_query oldest = {
        .user_id = query->user_id,
        .video_id = query->video_id,
        .since_ms = query->since_ms,
        .until_ms = query->until_ms,
        .oldest_first = true,
        .limit = 1,
    };
    enum result r = count(store, query, query->since_ms, query->until_ms,
                          note_time, &ret->last_ms, &ret->plays, fault);
    if (r == RESULT_OK && ret->plays > 0)
        r = store_query(store, &oldest, note_time, &ret->first_ms, &page,
                        fault);
    return r;
}
