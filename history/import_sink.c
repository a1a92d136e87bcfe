#include "import_sink.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "command.h"
#include "erase.h"
#include "import_seen.h"
#include "json_read.h"
#include "store_look.h"
#include "viewed_batch.h"

enum {
    LINE_BYTES_MAX = VIEWED_BODY_BYTES_MAX,
    ANSWER_BYTES_MAX = 64 << 10,
    BUSY_TRIES = 30,
    BUSY_WAIT_S = 1, /* as its Retry-After says */
};

struct import_sink {
    const struct import_options *options;
    /* One of the three: writes the file, asks the service, looks. */
    struct store *store;
    bool asks;
    struct store_look *look; /* NULL also where there is no file */
    /* Of a dry run, as the file or those beside it have them. */
    struct erased_set erased;
    struct removed_set removed;
    struct import_seen *seen; /* of a dry run */
    struct buffer lines;      /* for the service */
    size_t lines_count;
    size_t count; /* of what follows, with store */
    struct store_view *views;
    struct viewed *viewed;
};

/* --- open ----------------------------------------------------------------- */

static enum result open_store(struct import_sink *sink, struct fault *fault)
{
    const struct config *config = sink->options->config;
    struct store_config store = {.path = config->db, .readers = 1};
    sink->views = calloc(STORE_BATCH_MAX, sizeof *sink->views);
    sink->viewed = calloc(STORE_BATCH_MAX, sizeof *sink->viewed);
    if (sink->views == NULL || sink->viewed == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    enum result r = store_open(&store, &sink->store, fault);
    return r == RESULT_OK ? erase_at_start(sink->store, config->db,
                                           config->backup_dir, fault)
                          : r;
}

static enum result open_look(struct import_sink *sink, struct fault *fault)
{
    enum result r = import_seen_make(IMPORT_SEEN_MAX, &sink->seen, fault);
    if (r == RESULT_OK)
        r = command_erased(sink->options->config, &sink->erased, fault);
    if (r == RESULT_OK)
        r = command_removed(sink->options->config, &sink->removed, fault);
    if (r == RESULT_OK)
        r = store_look_open(sink->options->config->db, &sink->look, fault);
    return r == RESULT_NOT_FOUND ? RESULT_OK : r; /* all would be new */
}

enum result import_sink_open(const struct import_options *options,
                             struct import_sink **ret,
                             struct import_progress *progress,
                             struct fault *fault)
{
    struct import_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    sink->options = options;
    sink->lines = buffer_make(VIEWED_BATCH_BYTES_MAX);
    progress->by_service = store_is_open(options->config->db);
    sink->asks = progress->by_service && !options->dry_run;
    enum result r = RESULT_OK;
    if (options->dry_run)
        r = open_look(sink, fault);
    else if (!sink->asks)
        r = open_store(sink, fault);
    if (r == RESULT_OK)
        *ret = sink;
    else
        (void)import_sink_close(sink, NULL);
    return r;
}

/* --- to look -------------------------------------------------------------- */

static void count(enum store_written written, struct import_counts *counts)
{
    switch (written) {
    case STORE_NEW:
        counts->added++;
        return;
    case STORE_KNOWN:
        counts->known++;
        return;
    case STORE_ERASED:
        counts->erased++;
        return;
    case STORE_REMOVED:
        counts->removed++;
        return;
    case STORE_PAUSED:
        counts->paused++;
        return;
    case STORE_EXPIRED:
    default:
        counts->expired++;
    }
}

static int compare(const void *a, const void *b)
{
    const struct removed_view *left = a;
    const struct removed_view *right = b;
    return memcmp(left->id.bytes, right->id.bytes, sizeof left->id.bytes);
}

static bool was_removed(const struct import_sink *sink, const struct uuid *id)
{
    const struct removed_view wanted = {.id = *id};
    return sink->removed.count > 0 &&
           bsearch(&wanted, sink->removed.views, sink->removed.count,
                   sizeof wanted, compare) != NULL;
}

/* As store_write() would answer. */
static enum result look(struct import_sink *sink, const struct viewed *viewed,
                        enum store_written *ret, struct fault *fault)
{
    struct erased_question question = {
        .user_id = viewed->user_id,
        .user_id_bytes = strlen(viewed->user_id),
        .time_given = viewed->time_given,
        .viewed_at_ms = viewed->viewed_at_ms,
    };
    enum erased_why why = erased_set_why(&sink->erased, &question);
    bool is_so = false;
    enum result r = RESULT_OK;
    *ret = STORE_NEW;
    if (why != ERASED_NOT) {
        *ret = why == ERASED_USER ? STORE_ERASED : STORE_PAUSED;
        return r;
    }
    if (was_removed(sink, &viewed->id)) {
        *ret = STORE_REMOVED;
        return r;
    }
    if (sink->look == NULL)
        return r;
    r = store_look_expired(sink->look, viewed, &is_so, fault);
    *ret = is_so ? STORE_EXPIRED : *ret;
    if (r == RESULT_OK && !is_so) {
        r = store_look_has(sink->look, &viewed->id, &is_so, fault);
        *ret = is_so ? STORE_KNOWN : *ret;
    }
    return r;
}

static enum result look_at(struct import_sink *sink,
                           const struct viewed *viewed,
                           struct import_progress *progress,
                           struct fault *fault)
{
    enum store_written written = STORE_NEW;
    enum result r = look(sink, viewed, &written, fault);
    if (r == RESULT_OK && written == STORE_NEW &&
        import_seen_add(sink->seen, &viewed->id, &progress->uncounted))
        written = STORE_KNOWN;
    if (r == RESULT_OK)
        count(written, &progress->counts);
    return r;
}

/* --- to write ------------------------------------------------------------- */

static enum result flush_store(struct import_sink *sink,
                               struct import_progress *progress,
                               struct fault *fault)
{
    enum result r = store_import_write(sink->store, sink->options->name,
                                       sink->views, sink->count, fault);
    for (size_t i = 0; i < sink->count && r == RESULT_OK; i++)
        count(sink->views[i].written, &progress->counts);
    sink->count = 0;
    return r;
}

static enum result add_to_store(struct import_sink *sink,
                                const struct viewed *viewed,
                                struct import_progress *progress,
                                struct fault *fault)
{
    sink->viewed[sink->count] = *viewed;
    sink->views[sink->count] = (struct store_view){
        .viewed = &sink->viewed[sink->count], .received_ms = clock_now_ms()};
    return ++sink->count == STORE_BATCH_MAX ? flush_store(sink, progress, fault)
                                            : RESULT_OK;
}

/* --- to ask --------------------------------------------------------------- */

int64_t import_number(const cJSON *json, const char *name)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(json, name);
    return cJSON_IsNumber(number) ? (int64_t)number->valuedouble : 0;
}

static enum result take_answer(const struct buffer *answer,
                               struct import_counts *counts,
                               struct fault *fault)
{
    CLEANUP(json_done) cJSON *json = NULL;
    enum result r = json_read(answer->data, answer->bytes, &json, fault);
    if (r != RESULT_OK)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "the service's answer cannot be read");
    counts->added += import_number(json, "new");
    counts->known += import_number(json, "known");
    counts->erased += import_number(json, "erased");
    counts->removed += import_number(json, "removed");
    counts->paused += import_number(json, "paused");
    counts->expired += import_number(json, "expired");
    return RESULT_OK;
}

/* A service that is asked more than it allows in a second (429) is asked again
 * in the next. */
static enum result ask(struct import_sink *sink, unsigned *ret_status,
                       struct buffer *answer, struct fault *fault)
{
    enum result r = RESULT_OK;
    for (int i = 0; i < BUSY_TRIES; i++) {
        buffer_clear(answer);
        r = import_ask(sink->options->config, "POST", sink->options->name,
                       &sink->lines, ret_status, answer, fault);
        if (r != RESULT_OK || *ret_status != 429)
            break;
        (void)sleep(BUSY_WAIT_S);
    }
    return r;
}

static enum result flush_lines(struct import_sink *sink,
                               struct import_progress *progress,
                               struct fault *fault)
{
    CLEANUP(buffer_done) struct buffer answer = buffer_make(ANSWER_BYTES_MAX);
    unsigned status = 0;
    if (sink->lines_count == 0)
        return RESULT_OK;
    enum result r = ask(sink, &status, &answer, fault);
    if (r == RESULT_OK && status != 200)
        r = fault_set(fault, RESULT_UNAVAILABLE,
                      "the store is in use, and its service answers with "
                      "%u: %.*s",
                      status, (int)answer.bytes,
                      answer.data != NULL ? answer.data : "");
    if (r == RESULT_OK)
        r = take_answer(&answer, &progress->counts, fault);
    buffer_clear(&sink->lines);
    sink->lines_count = 0;
    return r;
}

static enum result add_line(struct import_sink *sink,
                            const struct viewed *viewed,
                            struct import_progress *progress,
                            struct fault *fault)
{
    enum result r = RESULT_OK;
    if (sink->lines_count == VIEWED_BATCH_VIEWS_MAX ||
        sink->lines.bytes + LINE_BYTES_MAX > VIEWED_BATCH_BYTES_MAX)
        r = flush_lines(sink, progress, fault);
    import_view_write(viewed, &sink->lines);
    buffer_append_text(&sink->lines, "\n");
    sink->lines_count++;
    return r == RESULT_OK && sink->lines.failed
               ? fault_set(fault, RESULT_UNAVAILABLE, "no memory")
               : r;
}

/* --- all of it ------------------------------------------------------------ */

enum result import_sink_take(struct import_sink *sink,
                             const struct viewed *viewed,
                             struct import_progress *progress,
                             struct fault *fault)
{
    if (sink->options->dry_run)
        return look_at(sink, viewed, progress, fault);
    return sink->asks ? add_line(sink, viewed, progress, fault)
                      : add_to_store(sink, viewed, progress, fault);
}

enum result import_sink_flush(struct import_sink *sink,
                              struct import_progress *progress,
                              struct fault *fault)
{
    if (sink->options->dry_run)
        return RESULT_OK;
    return sink->asks ? flush_lines(sink, progress, fault)
                      : flush_store(sink, progress, fault);
}

static enum result tidy(struct store *store, struct fault *fault)
{
    bool more = true;
    enum result r = RESULT_OK;
    while (r == RESULT_OK && more)
        r = store_tidy(store, true, &more, fault);
    return r;
}

enum result import_sink_close(struct import_sink *sink, struct fault *fault)
{
    if (sink == NULL)
        return RESULT_OK;
    enum result r = RESULT_OK;
    if (sink->store != NULL)
        r = tidy(sink->store, fault);
    enum result closed =
        store_close(sink->store, r == RESULT_OK ? fault : NULL);
    store_look_close(sink->look);
    erased_set_done(&sink->erased);
    removed_set_done(&sink->removed);
    import_seen_free(sink->seen);
    buffer_done(&sink->lines);
    free(sink->views);
    free(sink->viewed);
    free(sink);
    return r == RESULT_OK ? closed : r;
}
