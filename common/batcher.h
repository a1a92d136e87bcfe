#ifndef FLIXTUBE_COMMON_BATCHER_H
#define FLIXTUBE_COMMON_BATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"

/*
 * One thread that applies work in batches: what arrives while a batch is being
 * committed makes up the next one, so batches are small when it is quiet and
 * large when it is not. It is the only user of the database connection behind
 * `apply`. Items are applied in the order of their submission.
 *
 *   empty     the thread sleeps, or runs `idle`
 *   full      batcher_submit() answers RESULT_LIMIT at queue_max items
 *   stopping  batcher_submit() answers RESULT_STOPPED; what was taken before
 *             is applied and settled
 */
struct batch_item {
    struct batch_item *next; /* the batcher's, once submitted */
    void *waiter;            /* the batcher's */
    enum result result;      /* set by apply, RESULT_OK before */
    /* Called once, on the batcher's thread and without its lock, after the
     * batch was applied. The item belongs to its submitter again, who may
     * free it here. Not NULL for batcher_submit(). */
    void (*settled)(struct batch_item *item);
};

struct batcher_config {
    /* Applies items[0..count), sets each item's result, commits. */
    void (*apply)(void *context, struct batch_item **items, size_t count);
    /* Called while no item waits; true asks to be called again at once,
     * false to be called after the next batch or idle_ms. May be NULL. */
    bool (*idle)(void *context);
    void *context;
    size_t batch_max; /* items of one batch, at most BATCHER_BATCH_MAX */
    size_t queue_max;
    /* Waits so long for a fuller batch; 0: not at all. It ends early when as
     * many submitters wait for an answer as the last batch with such answered:
     * those who wait send nothing more until they have it. */
    uint32_t linger_ms;
    uint32_t idle_ms;
};

enum {
    BATCHER_BATCH_MAX = 4096,
};

struct batcher;

/* On success the caller owns *ret and ends it with batcher_stop(). */
enum result batcher_start(const struct batcher_config *config,
                          struct batcher **ret, struct fault *fault);

/*
 * Settles all that was taken, ends the thread, frees. Once it is called others
 * may still submit and get RESULT_STOPPED, but nobody after it returned. NULL
 * is fine.
 */
void batcher_stop(struct batcher *batcher);

/*
 * Hands over a chain of `count` items linked by `next`. All or none is taken;
 * a chain longer than queue_max never is. Any thread, `settled` too.
 * Errors: RESULT_LIMIT, RESULT_STOPPED; then none is settled.
 */
enum result batcher_submit(struct batcher *batcher, struct batch_item *first,
                           size_t count);

/*
 * Submits one item and waits until it is applied; returns its result. The
 * item's `settled` is not called and is set to NULL. Any thread but the
 * batcher's, which would wait for itself. Errors also as batcher_submit().
 */
enum result batcher_submit_and_wait(struct batcher *batcher,
                                    struct batch_item *item);

#endif
