#include "batcher.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct batcher {
    struct batcher_config config;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all down to `answered` */
    pthread_cond_t work;  /* something came, or stopping */
    struct batch_item *first;
    struct batch_item *last;
    size_t queued;
    bool stopping;
    size_t waiting;  /* of the queued, those that somebody waits for */
    size_t answered; /* such, in the last batch that had any */
    struct batch_item *batch[BATCHER_BATCH_MAX]; /* the thread's own */
};

static struct timespec deadline_after(uint32_t wait_ms)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at); /* cannot fail on Linux */
    at.tv_sec += wait_ms / 1000;
    at.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

/* False at the deadline. Under the lock, and so are all that follow here. */
static bool wait_for_work(struct batcher *batcher, const struct timespec *until)
{
    return pthread_cond_timedwait(&batcher->work, &batcher->lock, until) !=
           ETIMEDOUT;
}

/* Calls idle without the lock until it wants no more or something came. */
static void run_idle(struct batcher *batcher)
{
    bool more = true;
    while (more && batcher->first == NULL && !batcher->stopping) {
        pthread_mutex_unlock(&batcher->lock);
        more = batcher->config.idle(batcher->config.context);
        pthread_mutex_lock(&batcher->lock);
    }
}

/* Returns when there is an item, or none will come any more. */
static void await_item(struct batcher *batcher)
{
    while (batcher->first == NULL && !batcher->stopping) {
        if (batcher->config.idle == NULL) {
            pthread_cond_wait(&batcher->work, &batcher->lock);
            continue;
        }
        run_idle(batcher);
        struct timespec until = deadline_after(batcher->config.idle_ms);
        while (batcher->first == NULL && !batcher->stopping &&
               wait_for_work(batcher, &until)) {
        }
    }
}

/* More would gain nothing: see linger_ms. */
static bool is_full(const struct batcher *batcher)
{
    return batcher->queued >= batcher->config.batch_max ||
           (batcher->answered > 0 && batcher->waiting >= batcher->answered);
}

static void await_fuller_batch(struct batcher *batcher)
{
    if (batcher->config.linger_ms == 0)
        return;
    struct timespec until = deadline_after(batcher->config.linger_ms);
    while (!is_full(batcher) && !batcher->stopping &&
           wait_for_work(batcher, &until)) {
    }
}

static size_t take_batch(struct batcher *batcher)
{
    size_t count = 0;
    size_t waiting = 0;
    while (count < batcher->config.batch_max && batcher->first != NULL) {
        waiting += batcher->first->waiter != NULL;
        batcher->batch[count++] = batcher->first;
        batcher->first = batcher->first->next;
    }
    if (batcher->first == NULL)
        batcher->last = NULL;
    batcher->queued -= count;
    batcher->waiting -= waiting;
    if (waiting > 0)
        batcher->answered = waiting;
    return count;
}

/* Without the lock. An item is not touched after it was settled: it is its
 * submitter's, and may be gone. */
static void settle_batch(struct batcher *batcher, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct batch_item *item = batcher->batch[i];
        if (item->waiter != NULL)
            (void)sem_post(item->waiter);
        else
            item->settled(item);
    }
}

static void *run(void *argument)
{
    struct batcher *batcher = argument;
    for (;;) {
        pthread_mutex_lock(&batcher->lock);
        await_item(batcher);
        if (batcher->first != NULL)
            await_fuller_batch(batcher);
        size_t count = take_batch(batcher);
        pthread_mutex_unlock(&batcher->lock);
        if (count == 0)
            return NULL; /* stopping, and nothing is left */
        batcher->config.apply(batcher->config.context, batcher->batch, count);
        settle_batch(batcher, count);
    }
}

static int start_condition(struct batcher *batcher)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error != 0)
        return error;
    /* A wall clock that is set must not stretch a linger. */
    error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (error == 0)
        error = pthread_cond_init(&batcher->work, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return error;
}

static int start_thread(struct batcher *batcher)
{
    int error = pthread_mutex_init(&batcher->lock, NULL);
    if (error != 0)
        return error;
    error = start_condition(batcher);
    if (error == 0) {
        error = pthread_create(&batcher->thread, NULL, run, batcher);
        if (error != 0)
            (void)pthread_cond_destroy(&batcher->work);
    }
    if (error != 0)
        (void)pthread_mutex_destroy(&batcher->lock);
    return error;
}

enum result batcher_start(const struct batcher_config *config,
                          struct batcher **ret, struct fault *fault)
{
    assert(config->apply != NULL);
    assert(config->batch_max > 0 && config->batch_max <= BATCHER_BATCH_MAX);
    assert(config->queue_max > 0);
    struct batcher *batcher = calloc(1, sizeof *batcher);
    if (batcher == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory for a batcher");
    batcher->config = *config;
    int error = start_thread(batcher);
    if (error != 0) {
        free(batcher);
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "cannot start the batch thread: %s", strerror(error));
    }
    *ret = batcher;
    return RESULT_OK;
}

void batcher_stop(struct batcher *batcher)
{
    if (batcher == NULL)
        return;
    pthread_mutex_lock(&batcher->lock);
    batcher->stopping = true;
    pthread_cond_signal(&batcher->work);
    pthread_mutex_unlock(&batcher->lock);
    (void)pthread_join(batcher->thread, NULL);
    (void)pthread_cond_destroy(&batcher->work);
    (void)pthread_mutex_destroy(&batcher->lock);
    free(batcher);
}

static enum result submit_locked(struct batcher *batcher,
                                 struct batch_item *first,
                                 struct batch_item *last, size_t count)
{
    if (batcher->stopping)
        return RESULT_STOPPED;
    if (count > batcher->config.queue_max - batcher->queued)
        return RESULT_LIMIT;
    if (batcher->last != NULL)
        batcher->last->next = first;
    else
        batcher->first = first;
    batcher->last = last;
    bool was_empty = batcher->queued == 0;
    batcher->queued += count;
    batcher->waiting += first->waiter != NULL;
    /* In between the thread lingers, and need not look. */
    if (was_empty || is_full(batcher))
        pthread_cond_signal(&batcher->work);
    return RESULT_OK;
}

enum result batcher_submit(struct batcher *batcher, struct batch_item *first,
                           size_t count)
{
    if (count == 0)
        return RESULT_OK;
    struct batch_item *last = first;
    for (size_t i = 1; i < count; i++)
        last = last->next;
    last->next = NULL;
    for (struct batch_item *item = first; item != NULL; item = item->next) {
        item->waiter = NULL;
        item->result = RESULT_OK;
    }
    pthread_mutex_lock(&batcher->lock);
    enum result result = submit_locked(batcher, first, last, count);
    pthread_mutex_unlock(&batcher->lock);
    return result;
}

enum result batcher_submit_and_wait(struct batcher *batcher,
                                    struct batch_item *item)
{
    /* One each: of threads that wait for one condition, each would wake to
     * find the lock taken by another. */
    sem_t answer;
    if (sem_init(&answer, 0, 0) != 0)
        return RESULT_UNAVAILABLE;
    item->settled = NULL;
    item->next = NULL;
    item->waiter = &answer;
    item->result = RESULT_OK;
    pthread_mutex_lock(&batcher->lock);
    enum result result = submit_locked(batcher, item, item, 1);
    pthread_mutex_unlock(&batcher->lock);
    if (result == RESULT_OK) {
        while (sem_wait(&answer) != 0)
            assert(errno == EINTR);
        result = item->result;
    }
    item->waiter = NULL;
    (void)sem_destroy(&answer);
    return result;
}
