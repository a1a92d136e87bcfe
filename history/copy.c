#include "copy.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "store_dismissed.h"
#include "store_erase.h"
#include "store_expire.h"
#include "store_log.h"
#include "store_look.h"
#include "store_removed.h"

enum {
    BATCH_VIEWS = STORE_LOG_ROWS_MAX,
    DISMISSALS_AT_ONCE = 500,
    VIDEO_BYTES_MAX = VIEWED_PATH_BYTES_MAX, /* an id is no longer */
};

_Static_assert((int)VIEWED_VIDEO_BYTES_MAX <= (int)VIDEO_BYTES_MAX,
               "room for both");

struct copying {
    const struct copy_options *options;
    struct copy_progress *done;
    int64_t began_ms;
    struct store_log *log;
    struct store_look *look;
    struct store *to;
    struct store_contained contained; /* of the first, at the beginning */
    struct viewed viewed[BATCH_VIEWS];
    struct store_view views[BATCH_VIEWS];
    size_t count;
};

static void copying_end(struct copying *c)
{
    if (c == NULL)
        return;
    store_log_close(c->log);
    store_look_close(c->look);
    free(c);
}

static void copying_end_at(struct copying **c)
{
    copying_end(*c);
}

/* What was stored fits: it was a view once. */
static void copy_text(char *to, size_t to_bytes, const char *text, size_t bytes)
{
    size_t kept = bytes < to_bytes ? bytes : to_bytes - 1;
    memcpy(to, text, kept);
    to[kept] = '\0';
}

static bool take(void *context, const struct store_row *row)
{
    struct copying *c = context;
    struct viewed *viewed = &c->viewed[c->count];
    *viewed = (struct viewed){
        .id = row->id,
        .id_given = row->id_given,
        .time_given = row->time_given,
        .viewed_at_ms = row->place.viewed_at_ms,
        .position_ms = row->position_ms,
        .duration_ms = row->duration_ms,
        .session_given = row->session_given,
        .session_id = row->session_id,
        .rule = row->rule,
        .trace = row->trace,
    };
    copy_text(viewed->user_id, sizeof viewed->user_id, row->user_id,
              row->user_id_bytes);
    copy_text(viewed->video_id, sizeof viewed->video_id, row->video_id,
              row->video_id_bytes);
    copy_text(viewed->video_path, sizeof viewed->video_path, row->video_path,
              row->video_path_bytes);
    c->views[c->count++] =
        (struct store_view){.viewed = viewed, .received_ms = row->received_ms};
    return true;
}

static void count(struct copying *c)
{
    struct copy_progress *done = c->done;
    for (size_t i = 0; i < c->count; i++) {
        if (c->views[i].written == STORE_NEW)
            done->added++;
        else if (c->views[i].written == STORE_KNOWN)
            done->known++;
        else
            done->refused++;
    }
    done->read += (int64_t)c->count;
    done->elapsed_ms = clock_monotonic_ms() - c->began_ms;
}

static enum result copy_batch(struct copying *c, struct fault *fault)
{
    bool more = false;
    int64_t last = c->done->at;
    c->count = 0;
    enum result r =
        store_log_read(c->log, c->done->at, BATCH_VIEWS, take, c, &last, fault);
    if (r == RESULT_OK && c->count > 0)
        r = store_write(c->to, c->views, c->count, fault);
    if (r == RESULT_OK)
        r = store_tidy(c->to, false, &more, fault);
    if (r != RESULT_OK)
        return r;
    count(c);
    c->done->at = last;
    return RESULT_OK;
}

/* To the end of the log, which may grow meanwhile. */
static enum result copy_views(struct copying *c, struct fault *fault)
{
    enum result r = RESULT_OK;
    do {
        r = copy_batch(c, fault);
        if (r == RESULT_OK && c->count == 0)
            break;
        if (r == RESULT_OK)
            r = store_log_reach(c->log, &c->done->reach, fault);
        if (r == RESULT_OK && c->options->progress != NULL &&
            c->options->progress(c->options->context, c->done))
            r = fault_set(fault, RESULT_STOPPED, "stopped");
    } while (r == RESULT_OK);
    return r;
}

/* Before the views, so that none is stored that must go again, and after them,
 * for what was erased or removed meanwhile. */
static enum result copy_refusals(struct copying *c, struct fault *fault)
{
    CLEANUP(erased_set_done) struct erased_set erased = {0};
    CLEANUP(removed_set_done) struct removed_set removed = {0};
    int64_t views = 0;
    enum result r = store_look_erased(c->look, &erased, fault);
    if (r == RESULT_OK)
        r = store_look_removals(c->look, &removed, fault);
    removed_set_sort(&removed);
    if (r == RESULT_OK)
        r = store_erase_import(c->to, &erased, &views, fault);
    return r == RESULT_OK ? store_removed_import(c->to, &removed, &views, fault)
                          : r;
}

/* --- what users and operators have set -------------------------------------
 */

struct settings {
    struct copying *c;
    enum result result;
    struct fault *fault;
    struct store_dismissal dismissed[DISMISSALS_AT_ONCE];
    char videos[DISMISSALS_AT_ONCE][VIDEO_BYTES_MAX + 1];
    size_t count;
};

static void settings_end_at(struct settings **settings)
{
    free(*settings);
}

/* What the other has stays. */
static bool take_rule(void *context, const char *user_id, uint32_t days)
{
    struct settings *s = context;
    if (store_keep_days(s->c->to, user_id) == 0)
        s->result = store_set_keep_days(s->c->to, user_id, days, s->fault);
    return s->result == RESULT_OK;
}

static void write_dismissed(struct settings *s)
{
    if (s->result == RESULT_OK && s->count > 0)
        s->result =
            store_dismiss_all(s->c->to, s->dismissed, s->count, s->fault);
    s->count = 0;
}

static bool take_dismissal(void *context,
                           const struct store_dismissal *dismissal)
{
    struct settings *s = context;
    struct store_dismissal *mine = &s->dismissed[s->count];
    *mine = *dismissal;
    mine->video = s->videos[s->count];
    copy_text(s->videos[s->count], sizeof s->videos[0], dismissal->video,
              strlen(dismissal->video));
    if (++s->count == DISMISSALS_AT_ONCE)
        write_dismissed(s);
    return s->result == RESULT_OK;
}

static enum result copy_settings(struct copying *c, struct fault *fault)
{
    CLEANUP(settings_end_at) struct settings *s = calloc(1, sizeof *s);
    if (s == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    s->c = c;
    s->fault = fault;
    enum result r = store_look_keep_rules(c->look, take_rule, s, fault);
    if (r == RESULT_OK && s->result == RESULT_OK)
        r = store_look_dismissed(c->look, take_dismissal, s, fault);
    write_dismissed(s);
    return r == RESULT_OK ? s->result : r;
}

/* --- all of it -------------------------------------------------------------
 */

static enum result note_contained(struct copying *c, struct fault *fault)
{
    struct store_contained there = store_contained(c->to);
    if (c->contained.offset <= there.offset)
        return RESULT_OK;
    return store_write_contained(c->to, NULL, 0, &c->contained, fault);
}

static enum result copy_all(struct copying *c, struct fault *fault)
{
    enum result r = store_look_contained(c->look, &c->contained, fault);
    if (r == RESULT_OK)
        r = copy_refusals(c, fault);
    if (r == RESULT_OK) /* which a new tombstone would take along */
        r = copy_settings(c, fault);
    if (r == RESULT_OK)
        r = copy_views(c, fault);
    if (r == RESULT_OK)
        r = copy_refusals(c, fault);
    return r == RESULT_OK ? note_contained(c, fault) : r;
}

static enum result open_from(struct copying *c, const char *from,
                             struct fault *fault)
{
    enum result r = store_look_open(from, &c->look, fault);
    if (r == RESULT_OK)
        r = store_log_open(from, &c->log, fault);
    return r == RESULT_OK ? store_log_reach(c->log, &c->done->reach, fault) : r;
}

enum result copy_store(const struct copy_options *options,
                       struct copy_progress *done, struct fault *fault)
{
    *done = (struct copy_progress){.read = 0};
    if (strcmp(options->from, options->to) == 0)
        return fault_set(fault, RESULT_MALFORMED,
                         "a store is not copied to itself");
    CLEANUP(copying_end_at) struct copying *c = calloc(1, sizeof *c);
    if (c == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    c->options = options;
    c->done = done;
    c->began_ms = clock_monotonic_ms();
    struct store_config to = {.path = options->to, .readers = 1};
    enum result r = open_from(c, options->from, fault);
    if (r == RESULT_OK)
        r = store_open(&to, &c->to, fault);
    if (r == RESULT_OK)
        r = copy_all(c, fault);
    enum result closed = store_close(c->to, r == RESULT_OK ? fault : NULL);
    done->elapsed_ms = clock_monotonic_ms() - c->began_ms;
    return r == RESULT_OK ? closed : r;
}
