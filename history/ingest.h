#ifndef FLIXTUBE_HISTORY_INGEST_H
#define FLIXTUBE_HISTORY_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "batcher.h"
#include "counters.h"
#include "store.h"

/*
 * The one way into the store: views from the queue and from POST /viewed are
 * committed together, in batches, on one thread, which also keeps the store
 * tidy when it is quiet.
 */
struct ingest;

struct ingest_config {
    struct store *store; /* this thread becomes its writer */
    struct counters *counters;
    /* Called once, on the writer's thread, after a failed sync: the process
     * must end. Nothing is stored from then on. May be NULL. */
    void (*lost)(void *context, const char *why);
    void *lost_context;
    /* Called after each commit, on the writer's thread;
     * does not wait. May be NULL. */
    void (*committed)(void *context);
    void *committed_context;
    uint32_t batch_max;
    uint32_t linger_ms;
    uint32_t queue_max;
};

/* Belongs to its submitter, who keeps it until it is settled. */
struct ingest_view {
    struct batch_item item; /* set item.settled; item.result tells the end */
    struct viewed viewed;
    int64_t received_ms;
    enum store_written written; /* out, when the result is RESULT_OK */
    /* ingest_run()'s; NULL for a view. */
    enum result (*work)(struct store *store, void *context,
                        struct fault *fault);
    void *context;
    struct fault *fault;
};

enum result ingest_start(const struct ingest_config *config,
                         struct ingest **ret, struct fault *fault);
void ingest_stop(struct ingest *ingest); /* NULL is fine */

/*
 * As batcher_submit(): a chain by item.next. An item's result is RESULT_OK
 * (on disk), RESULT_MALFORMED (the store can never take it), or
 * RESULT_UNAVAILABLE (not now: submit it again later).
 */
enum result ingest_submit(struct ingest *ingest, struct ingest_view *first,
                          size_t count);
enum result ingest_submit_and_wait(struct ingest *ingest,
                                   struct ingest_view *view);

/*
 * Runs `work` on the writer's thread, after the views that were submitted
 * before, and waits; returns its result. For short work: views wait behind it.
 * Errors also as batcher_submit().
 */
enum result ingest_run(struct ingest *ingest,
                       enum result (*work)(struct store *store, void *context,
                                           struct fault *fault),
                       void *context, struct fault *fault);

/* False, with the last failure's words, while commits fail. Any thread. */
bool ingest_works(struct ingest *ingest, struct fault *ret_why);

#endif
