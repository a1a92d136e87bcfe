#include "continue_list.h"

#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "continue_videos.h"
#include "store_dismissed.h"

enum {
    PAGE_ROWS = 200,          /* most users' lists end, or are full, in one */
    FINISHED_LEFT_MS = 30000, /* titles and thanks */
    LONG_MS = 5 * 60 * 1000,  /* of a shorter one 30 s are much */
    FINISHED_SHARE = 20,
};

bool continue_is_finished(int64_t position_ms, int64_t duration_ms)
{
    int64_t left_ms = duration_ms - position_ms;
    return duration_ms > 0 &&
           (left_ms <= duration_ms / FINISHED_SHARE ||
            (duration_ms >= LONG_MS && left_ms <= FINISHED_LEFT_MS));
}

struct continuing {
    void (*row)(void *context, const struct store_row *row);
    void *context;
    uint32_t left; /* to hand out */
    struct continue_videos videos;
    bool no_memory;
};

static void continuing_done(struct continuing *c)
{
    continue_videos_done(&c->videos);
}

static const char *video_of(const struct store_row *row, size_t *ret_bytes)
{
    bool by_id = row->video_id_bytes > 0;
    *ret_bytes = by_id ? row->video_id_bytes : row->video_path_bytes;
    return by_id ? row->video_id : row->video_path;
}

static void take_dismissed(void *context, const char *video, size_t video_bytes,
                           int64_t until_ms)
{
    struct continuing *c = context;
    int64_t *until = continue_videos_at(&c->videos, video, video_bytes);
    if (until != NULL)
        *until = until_ms;
    else
        c->no_memory = true;
}

static void take_row(void *context, const struct store_row *row)
{
    struct continuing *c = context;
    size_t bytes;
    const char *video = video_of(row, &bytes);
    if (row->position_ms <= 0 || c->left == 0)
        return;
    int64_t *until = continue_videos_at(&c->videos, video, bytes);
    if (until == NULL) {
        c->no_memory = true;
        return;
    }
    if (row->place.viewed_at_ms <= *until)
        return;
    *until = INT64_MAX; /* older ones of it say nothing more */
    if (continue_is_finished(row->position_ms, row->duration_ms))
        return;
    c->row(c->context, row);
    c->left--;
}

/* The user's rows, newest first, until *done or the last that is looked at. */
static enum result walk(struct store *store, const char *user_id,
                        void (*row)(void *context, const struct store_row *row),
                        void *context, bool (*done)(const void *context),
                        struct fault *fault)
{
    struct store_query query = {
        .user_id = user_id,
        .since_ms = CLOCK_MIN_MS,
        .until_ms = CLOCK_MAX_MS + 1,
        .limit = PAGE_ROWS,
    };
    struct store_page page = {.more = true};
    enum result r = RESULT_OK;
    for (uint32_t seen = 0; r == RESULT_OK && page.more && !done(context) &&
                            seen < CONTINUE_VIEWS_MAX;
         seen += PAGE_ROWS) {
        r = store_query(store, &query, row, context, &page, fault);
        query.after_given = true;
        query.after = page.last;
    }
    return r;
}

static bool is_full(const void *context)
{
    const struct continuing *c = context;
    return c->left == 0 || c->no_memory;
}

enum result
continue_list(struct store *store, const char *user_id, uint32_t limit,
              void (*row)(void *context, const struct store_row *row),
              void *context, struct fault *fault)
{
    CLEANUP(continuing_done)
    struct continuing c = {.row = row, .context = context, .left = limit};
    enum result r = store_dismissed(store, user_id, take_dismissed, &c, fault);
    if (r == RESULT_OK)
        r = walk(store, user_id, take_row, &c, is_full, fault);
    if (r == RESULT_OK && c.no_memory)
        r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    return r;
}

struct finding {
    const char *video;
    bool found;
    int64_t viewed_at_ms;
};

static void compare_row(void *context, const struct store_row *row)
{
    struct finding *finding = context;
    size_t bytes;
    const char *video = video_of(row, &bytes);
    if (finding->found || row->position_ms <= 0 ||
        strlen(finding->video) != bytes ||
        memcmp(finding->video, video, bytes) != 0)
        return;
    finding->found = true;
    finding->viewed_at_ms = row->place.viewed_at_ms;
}

static bool is_found(const void *context)
{
    return ((const struct finding *)context)->found;
}

enum result continue_find(struct store *store, const char *user_id,
                          const char *video, int64_t *ret_viewed_at_ms,
                          struct fault *fault)
{
    struct finding finding = {.video = video};
    enum result r =
        walk(store, user_id, compare_row, &finding, is_found, fault);
    if (r == RESULT_OK && !finding.found)
        r = fault_set(fault, RESULT_NOT_FOUND, "there is no such view");
    if (r == RESULT_OK)
        *ret_viewed_at_ms = finding.viewed_at_ms;
    return r;
}

struct forgetting {
    const char *user_id;
    const char *video;
};

static enum result forget(struct store *store, void *context,
                          struct fault *fault)
{
    const struct forgetting *forgetting = context;
    return store_undismiss(store, forgetting->user_id, forgetting->video,
                           fault);
}

enum result continue_forget(struct store *store, struct ingest *ingest,
                            const char *user_id, const char *video,
                            struct fault *fault)
{
    int64_t viewed_at_ms;
    struct forgetting forgetting = {user_id, video};
    if (user_id[0] == '\0')
        return RESULT_OK;
    enum result r = continue_find(store, user_id, video, &viewed_at_ms, fault);
    return r == RESULT_NOT_FOUND
               ? ingest_run(ingest, forget, &forgetting, fault)
               : r;
}
