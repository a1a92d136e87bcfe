#include "ingest.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "condition.h"
#include "log.h"

enum {
    IDLE_MS = 200, /* how soon a quiet store begins to tidy itself */
};

struct ingest {
    struct ingest_config config;
    struct batcher *batcher;
    struct store_view views[BATCHER_BATCH_MAX];
    struct condition condition;
    /* The writer's thread's. */
    bool only_tidy_failed; /* no commit has */
    bool is_lost;
};

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

/* What was in the file's pages in memory may never come to the disk, and the
 * next sync would not say so. */
static void end_if_lost(struct ingest *ingest, const struct fault *fault)
{
    if (ingest->is_lost || !store_sync_failed(ingest->config.store))
        return;
    ingest->is_lost = true;
    if (ingest->config.lost != NULL)
        ingest->config.lost(ingest->config.lost_context, fault->text);
}

/* Remembers how the last commit went; says so once at each change. */
static void note(struct ingest *ingest, enum result result,
                 const struct fault *fault)
{
    bool works = result == RESULT_OK;
    ingest->only_tidy_failed = false;
    bool changed = condition_set(&ingest->condition, works, fault->text);
    if (!works)
        ingest->config.counters->batches_failed++;
    if (changed && works)
        log_info("views are stored again", log_end());
    else if (changed && !ingest->is_lost)
        log_error("views cannot be stored", log_text("why", fault->text),
                  log_end());
}

static _Atomic uint64_t *counter_of(struct counters *counters,
                                    enum store_written written)
{
    switch (written) {
    case STORE_NEW:
        return &counters->views_new;
    case STORE_KNOWN:
        return &counters->views_known;
    case STORE_REMOVED:
        return &counters->views_removed;
    case STORE_PAUSED:
        return &counters->views_paused;
    case STORE_EXPIRED:
        return &counters->views_expired;
    case STORE_ERASED:
    default:
        return &counters->views_erased;
    }
}

static void count(struct counters *counters, const struct store_view *view)
{
    ++*counter_of(counters, view->written);
    if (!view->viewed->id_given)
        counters->views_without_id++;
}

static const char *outcome_of(enum store_written written)
{
    switch (written) {
    case STORE_NEW:
        return "stored";
    case STORE_KNOWN:
        return "known";
    case STORE_REMOVED:
        return "removed";
    case STORE_PAUSED:
        return "paused";
    case STORE_EXPIRED:
        return "expired";
    case STORE_ERASED:
    default:
        return "erased";
    }
}

static void log_view(const struct store_view *view)
{
    char id[UUID_TEXT_BYTES];
    char trace[TRACE_PARENT_TEXT_BYTES];
    uuid_format(&view->viewed->id, id);
    trace_parent_format(&view->viewed->trace, trace);
    log_debug("view taken", log_text("id", id),
              log_text("outcome", outcome_of(view->written)),
              log_text("traceparent", trace), log_end());
}

static enum result write_views(struct ingest *ingest, size_t views_count,
                               struct fault *fault)
{
    struct counters *counters = ingest->config.counters;
    int64_t started_us = now_us();
    if (ingest->is_lost)
        return fault_set(fault, RESULT_UNAVAILABLE, "a sync has failed");
    enum result r =
        store_write(ingest->config.store, ingest->views, views_count, fault);
    if (r != RESULT_OK) {
        end_if_lost(ingest, fault);
        return r;
    }
    metrics_observe(&counters->commit, (uint64_t)(now_us() - started_us));
    counters->batches++;
    for (size_t i = 0; i < views_count; i++)
        count(counters, &ingest->views[i]);
    for (size_t i = 0; i < views_count && log_takes(LOG_DEBUG); i++)
        log_view(&ingest->views[i]);
    if (ingest->config.committed != NULL)
        ingest->config.committed(ingest->config.committed_context);
    return RESULT_OK;
}

static struct ingest_view *view_of(struct batch_item *item)
{
    return (struct ingest_view *)item;
}

static struct store_view store_view_of(struct batch_item *item)
{
    return (struct store_view){.viewed = &view_of(item)->viewed,
                               .received_ms = view_of(item)->received_ms};
}

/* One view that the store refuses must not hold up the others. */
static void apply_one_by_one(struct ingest *ingest, struct batch_item **items,
                             size_t items_count)
{
    for (size_t i = 0; i < items_count; i++) {
        struct fault fault = {0};
        ingest->views[0] = store_view_of(items[i]);
        items[i]->result = write_views(ingest, 1, &fault);
        view_of(items[i])->written = ingest->views[0].written;
        if (items[i]->result != RESULT_MALFORMED)
            note(ingest, items[i]->result, &fault);
    }
}

static void apply_views(struct ingest *ingest, struct batch_item **items,
                        size_t items_count)
{
    struct fault fault = {0};
    if (items_count == 0)
        return;
    for (size_t i = 0; i < items_count; i++)
        ingest->views[i] = store_view_of(items[i]);
    enum result r = write_views(ingest, items_count, &fault);
    if (r == RESULT_MALFORMED) {
        apply_one_by_one(ingest, items, items_count);
        return;
    }
    note(ingest, r, &fault);
    for (size_t i = 0; i < items_count; i++) {
        items[i]->result = r == RESULT_OK ? RESULT_OK : RESULT_UNAVAILABLE;
        view_of(items[i])->written = ingest->views[i].written;
    }
}

static void do_work(struct ingest *ingest, struct ingest_view *view)
{
    view->item.result =
        ingest->is_lost
            ? RESULT_UNAVAILABLE
            : view->work(ingest->config.store, view->context, view->fault);
    end_if_lost(ingest, view->fault);
}

/* Work cuts the batch in two. */
static void apply(void *context, struct batch_item **items, size_t items_count)
{
    struct ingest *ingest = context;
    size_t begun = 0;
    for (size_t i = 0; i < items_count; i++) {
        struct ingest_view *view = view_of(items[i]);
        if (view->work == NULL)
            continue;
        apply_views(ingest, items + begun, i - begun);
        begun = i + 1;
        do_work(ingest, view);
    }
    apply_views(ingest, items + begun, items_count - begun);
}

static bool tidy(void *context)
{
    struct ingest *ingest = context;
    struct fault fault = {0};
    bool more = false;
    if (ingest->is_lost)
        return false;
    bool alone =
        ingest->only_tidy_failed || condition_works(&ingest->condition, NULL);
    enum result r = store_tidy(ingest->config.store, true, &more, &fault);
    end_if_lost(ingest, &fault);
    if (r != RESULT_OK || ingest->only_tidy_failed)
        note(ingest, r, &fault);
    ingest->only_tidy_failed = r != RESULT_OK && alone;
    return r == RESULT_OK && more;
}

enum result ingest_start(const struct ingest_config *config,
                         struct ingest **ret, struct fault *fault)
{
    struct ingest *ingest = calloc(1, sizeof *ingest);
    if (ingest == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    ingest->config = *config;
    condition_init(&ingest->condition, true, "");
    struct batcher_config batcher = {
        .apply = apply,
        .idle = tidy,
        .context = ingest,
        .batch_max = config->batch_max,
        .queue_max = config->queue_max,
        .linger_ms = config->linger_ms,
        .idle_ms = IDLE_MS,
    };
    enum result r = batcher_start(&batcher, &ingest->batcher, fault);
    if (r != RESULT_OK) {
        condition_done(&ingest->condition);
        free(ingest);
        return r;
    }
    *ret = ingest;
    return RESULT_OK;
}

void ingest_stop(struct ingest *ingest)
{
    if (ingest == NULL)
        return;
    batcher_stop(ingest->batcher);
    condition_done(&ingest->condition);
    free(ingest);
}

enum result ingest_submit(struct ingest *ingest, struct ingest_view *first,
                          size_t views_count)
{
    return batcher_submit(ingest->batcher, &first->item, views_count);
}

enum result ingest_submit_and_wait(struct ingest *ingest,
                                   struct ingest_view *view)
{
    return batcher_submit_and_wait(ingest->batcher, &view->item);
}

enum result ingest_run(struct ingest *ingest,
                       enum result (*work)(struct store *store, void *context,
                                           struct fault *fault),
                       void *context, struct fault *fault)
{
    struct ingest_view *view = calloc(1, sizeof *view);
    if (view == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    (void)fault_set(fault, RESULT_OK, "the service is stopping, or too busy");
    view->work = work;
    view->context = context;
    view->fault = fault;
    enum result r = batcher_submit_and_wait(ingest->batcher, &view->item);
    free(view);
    return r;
}

bool ingest_works(struct ingest *ingest, struct fault *ret_why)
{
    return condition_works(&ingest->condition, ret_why);
}
