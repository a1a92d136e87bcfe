#include "import.h"

#include <stdio.h>
#include <string.h>

#include "access.h"
#include "bearer_token.h"
#include "cleanup.h"
#include "clock.h"
#include "erase.h"
#include "import_sink.h"
#include "json_read.h"
#include "local_request.h"
#include "store_look.h"

enum {
    TOKEN_S = 60,
    TIMEOUT_S = 60,
    TARGET_BYTES = STORE_IMPORT_NAME_BYTES_MAX + 32,
    ANSWER_BYTES_MAX = 64 << 10,
    PROGRESS_EVERY = 256, /* items between two calls */
};

int64_t import_refused(const struct import_counts *counts)
{
    return counts->erased + counts->removed + counts->paused + counts->expired;
}

int64_t import_skipped(const struct import_counts *counts)
{
    int64_t skipped = 0;
    for (size_t i = 0; i < IMPORT_SKIPS; i++)
        skipped += counts->skipped[i];
    return skipped;
}

/* --- the service ---------------------------------------------------------- */

/* Where it wants tokens, one of its own keys' makes ours. */
static enum result make_token(const struct config *config,
                              char token[TOKEN_BYTES_MAX], struct fault *fault)
{
    struct token_keys *keys = NULL;
    enum result r =
        token_keys_open(config->auth_keys, config->auth_audience, &keys, fault);
    if (r == RESULT_OK)
        r = token_make(keys, "", SCOPE_ADMIN, TOKEN_S, token, TOKEN_BYTES_MAX,
                       fault);
    token_keys_close(keys);
    return r == RESULT_OK ? r : RESULT_UNAVAILABLE;
}

enum result import_ask(const struct config *config, const char *method,
                       const char *name, const struct buffer *body,
                       unsigned *ret_status, struct buffer *answer,
                       struct fault *fault)
{
    char target[TARGET_BYTES];
    char token[TOKEN_BYTES_MAX];
    bool tokens = config->auth_keys[0] != '\0';
    struct local_body with = {.type = "application/x-ndjson"};
    if (body != NULL) {
        with.data = body->data;
        with.bytes = body->bytes;
    }
    (void)snprintf(target, sizeof target, "/imports/%s", name);
    enum result r = RESULT_OK;
    if (tokens)
        r = make_token(config, token, fault);
    return r == RESULT_OK
               ? local_request_with(config->bind, config->port, method, target,
                                    tokens ? token : NULL,
                                    body != NULL ? &with : NULL, TIMEOUT_S,
                                    ret_status, answer, fault)
               : r;
}

/* --- an import ------------------------------------------------------------ */

struct run {
    const struct import_options *options;
    struct import_progress *progress;
    struct import_sink *sink;
    struct import_items *items;
    int64_t started_ms;
};

/* The item's number is said before what is wrong with it. */
static enum result bad_item(const struct run *run,
                            const struct import_item *item,
                            const struct fault *why, struct fault *fault)
{
    return fault_set(fault, RESULT_MALFORMED, "%s %lld: %s",
                     import_items_word(run->items), (long long)item->number,
                     why->text);
}

static enum result settle_format(struct run *run,
                                 const struct import_item *item,
                                 struct fault *fault)
{
    struct import_progress *progress = run->progress;
    enum result r = RESULT_OK;
    if (progress->format == IMPORT_UNKNOWN)
        r = import_recognise(item->text, item->bytes, &progress->format, fault);
    if (r == RESULT_OK && run->options->user_id[0] == '\0' &&
        !import_format_has_user(progress->format))
        return fault_set(fault, RESULT_LIMIT,
                         "an export of %s does not say whose views they are: "
                         "say --user ID",
                         import_format_name(progress->format));
    return r;
}

static enum result take(struct run *run, const struct import_item *item,
                        struct fault *fault)
{
    struct import_progress *progress = run->progress;
    enum import_skip skip = IMPORT_TAKEN;
    struct viewed viewed;
    struct fault why = {0};
    enum result r = RESULT_OK;
    if (progress->counts.read == 0)
        r = settle_format(run, item, &why);
    if (r == RESULT_OK)
        r = import_view(progress->format, run->options->user_id, item->text,
                        item->bytes, &viewed, &skip, &why);
    if (r == RESULT_LIMIT)
        return fault_set(fault, r, "%s", why.text);
    if (r != RESULT_OK)
        return bad_item(run, item, &why, fault);
    progress->counts.read++;
    if (skip != IMPORT_TAKEN) {
        progress->counts.skipped[skip]++;
        return RESULT_OK;
    }
    return import_sink_take(run->sink, &viewed, progress, fault);
}

static bool is_stopped(struct run *run)
{
    run->progress->elapsed_ms = clock_monotonic_ms() - run->started_ms;
    return run->options->progress != NULL &&
           run->options->progress(run->options->context, run->progress);
}

static enum result take_all(struct run *run, struct fault *fault)
{
    struct import_item item;
    enum result r = RESULT_OK;
    for (int64_t turn = 1; r == RESULT_OK; turn++) {
        r = import_items_next(run->items, &item, fault);
        if (r == RESULT_OK)
            r = take(run, &item, fault);
        if (r == RESULT_OK && turn % PROGRESS_EVERY == 0 && is_stopped(run))
            return fault_set(fault, RESULT_STOPPED, "stopped");
    }
    return r == RESULT_NOT_FOUND ? RESULT_OK : r;
}

/* What was read before a stop or a fault is kept. */
static enum result flush(struct run *run, enum result r, struct fault *fault)
{
    struct fault why = {0};
    if (r != RESULT_OK && r != RESULT_STOPPED && r != RESULT_MALFORMED)
        return r;
    enum result flushed = import_sink_flush(run->sink, run->progress, &why);
    if (flushed == RESULT_OK || r == RESULT_MALFORMED)
        return r;
    *fault = why;
    return flushed;
}

enum result import_run(const struct import_options *options,
                       struct import_progress *ret, struct fault *fault)
{
    struct run run = {.options = options,
                      .progress = ret,
                      .started_ms = clock_monotonic_ms()};
    *ret = (struct import_progress){.format = options->format};
    enum result r = import_items_open(options->read, options->read_context,
                                      &run.items, fault);
    if (r == RESULT_OK)
        r = import_sink_open(options, &run.sink, ret, fault);
    if (r != RESULT_OK) {
        import_items_close(run.items);
        return RESULT_NOT_FOUND;
    }
    r = take_all(&run, fault);
    r = flush(&run, r, fault);
    import_items_close(run.items);
    struct fault closing = {0};
    enum result closed = import_sink_close(run.sink, &closing);
    if (r == RESULT_OK && closed != RESULT_OK) {
        r = closed;
        *fault = closing;
    }
    ret->elapsed_ms = clock_monotonic_ms() - run.started_ms;
    return r;
}

/* --- to take it back ------------------------------------------------------ */

static enum result undo_here(const struct config *config, const char *name,
                             int64_t *ret_views, struct fault *fault)
{
    static struct store_undo undo;
    struct store *store = NULL;
    struct store_config with = {.path = config->db, .readers = 1};
    bool more = true;
    undo = (struct store_undo){.name = name};
    enum result r = store_open(&with, &store, fault);
    if (r == RESULT_OK)
        r = erase_at_start(store, config->db, config->backup_dir, fault);
    while (r == RESULT_OK && more)
        r = store_import_undo_step(store, &undo, &more, fault);
    *ret_views = undo.views;
    enum result closed = store_close(store, r == RESULT_OK ? fault : NULL);
    return r == RESULT_OK ? closed : r;
}

static enum result take_undo(unsigned status, const struct buffer *answer,
                             int64_t *views, bool *ret_more,
                             struct fault *fault)
{
    CLEANUP(json_done) cJSON *json = NULL;
    enum result r = status == 404   ? RESULT_NOT_FOUND
                    : status == 403 ? RESULT_LIMIT
                                    : RESULT_UNAVAILABLE;
    if (status != 200)
        return fault_set(fault, r,
                         "the store is in use, and its service answers with "
                         "%u: %.*s",
                         status, (int)answer->bytes,
                         answer->data != NULL ? answer->data : "");
    r = json_read(answer->data, answer->bytes, &json, fault);
    const cJSON *more = cJSON_GetObjectItemCaseSensitive(json, "more");
    if (r != RESULT_OK || !cJSON_IsBool(more))
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "the service's answer cannot be read");
    *views += import_number(json, "views");
    *ret_more = cJSON_IsTrue(more);
    return RESULT_OK;
}

/* The service does a part at a time. */
static enum result undo_there(const struct config *config, const char *name,
                              int64_t *ret_views, struct fault *fault)
{
    CLEANUP(buffer_done) struct buffer answer = buffer_make(ANSWER_BYTES_MAX);
    unsigned status = 0;
    bool more = true;
    enum result r = RESULT_OK;
    *ret_views = 0;
    while (r == RESULT_OK && more) {
        buffer_clear(&answer);
        r = import_ask(config, "DELETE", name, NULL, &status, &answer, fault);
        if (r == RESULT_OK)
            r = take_undo(status, &answer, ret_views, &more, fault);
    }
    return r;
}

enum result import_undo(const struct config *config, const char *name,
                        int64_t *ret_views, struct fault *fault)
{
    return store_is_open(config->db)
               ? undo_there(config, name, ret_views, fault)
               : undo_here(config, name, ret_views, fault);
}
