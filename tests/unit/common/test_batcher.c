#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "batcher.h"
#include "clock.h"

enum {
    WAIT_MS_MAX = 20000, /* a test that waits longer has failed */
    SEEN_MAX = 200000,
    WAITERS = 16,
    SUBMITTERS = 8,
    ROUNDS = 1000,
};

/* An item that knows its number and how often it was settled. */
struct numbered {
    struct batch_item item; /* first, so that one is the other */
    int number;
    _Atomic int settled;
};

/* What apply saw. Written by the batcher's thread, read after a settlement or
 * batcher_stop(), which order the two. */
struct seen {
    int numbers[SEEN_MAX];
    size_t count;
    size_t batches[SEEN_MAX];
    size_t batches_count;
    sem_t entered; /* posted at each apply, where `gated` */
    sem_t gate;    /* apply waits for it */
    bool gated;
    _Atomic int idle_calls;
    _Atomic int idle_more; /* so often idle answers true */
};

static struct seen seen;
static _Atomic size_t settled_count;

static int reset(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof seen);
    atomic_store(&settled_count, 0);
    return sem_init(&seen.entered, 0, 0) | sem_init(&seen.gate, 0, 0);
}

static void pass(sem_t *semaphore)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_MS_MAX / 1000;
    assert_int_equal(sem_timedwait(semaphore, &until), 0);
}

/* Odd numbers are refused. */
static void apply(void *context, struct batch_item **items, size_t count)
{
    if (context != &seen)
        abort(); /* cmocka's assertions are the test's thread's alone */
    if (seen.gated) {
        (void)sem_post(&seen.entered);
        (void)sem_wait(&seen.gate);
    }
    seen.batches[seen.batches_count++] = count;
    for (size_t i = 0; i < count; i++) {
        struct numbered *numbered = (struct numbered *)items[i];
        seen.numbers[seen.count++] = numbered->number;
        if (numbered->number % 2 != 0)
            numbered->item.result = RESULT_MALFORMED;
    }
}

static bool idle(void *context)
{
    if (context != &seen)
        abort();
    int calls = atomic_fetch_add(&seen.idle_calls, 1) + 1;
    return calls <= atomic_load(&seen.idle_more);
}

static void count_settled(struct batch_item *item)
{
    struct numbered *numbered = (struct numbered *)item;
    atomic_fetch_add(&numbered->settled, 1);
    atomic_fetch_add(&settled_count, 1);
}

static struct batcher_config config_of(size_t batch_max, size_t queue_max)
{
    return (struct batcher_config){.apply = apply,
                                   .context = &seen,
                                   .batch_max = batch_max,
                                   .queue_max = queue_max};
}

static struct batcher *start(const struct batcher_config *config)
{
    struct batcher *batcher = NULL;
    struct fault fault = {""};
    if (batcher_start(config, &batcher, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
    return batcher;
}

/* A chain of `count` items with the numbers from `first` on. */
static struct batch_item *chain(struct numbered *items, int first, int count)
{
    for (int i = 0; i < count; i++) {
        items[i].number = first + i;
        items[i].item.settled = count_settled;
        items[i].item.next = &items[i + 1].item;
    }
    return &items[0].item;
}

static void pause_shortly(void)
{
    const struct timespec tick = {.tv_nsec = 100000};
    (void)nanosleep(&tick, NULL);
}

static void await_settled(size_t count)
{
    int64_t until_ms = clock_monotonic_ms() + WAIT_MS_MAX;
    while (atomic_load(&settled_count) < count) {
        assert_true(clock_monotonic_ms() < until_ms);
        pause_shortly();
    }
}

static void items_are_applied_in_the_order_of_submission(void **state)
{
    (void)state;
    static struct numbered items[1001];
    struct batcher_config config = config_of(7, 2000);
    struct batcher *batcher = start(&config);
    for (int i = 0; i < 1000; i += 10)
        assert_int_equal(batcher_submit(batcher, chain(&items[i], i, 10), 10),
                         RESULT_OK);
    batcher_stop(batcher);
    assert_int_equal(seen.count, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(seen.numbers[i], i);
        assert_int_equal(atomic_load(&items[i].settled), 1);
        assert_int_equal(items[i].item.result,
                         i % 2 == 0 ? RESULT_OK : RESULT_MALFORMED);
    }
}

static void what_comes_during_a_batch_is_the_next_batch(void **state)
{
    (void)state;
    struct numbered items[41] = {0};
    struct batcher_config config = config_of(100, 100);
    seen.gated = true;
    struct batcher *batcher = start(&config);
    assert_int_equal(batcher_submit(batcher, chain(items, 0, 1), 1), RESULT_OK);
    pass(&seen.entered);
    for (int i = 1; i < 40; i++)
        assert_int_equal(batcher_submit(batcher, chain(&items[i], i, 1), 1),
                         RESULT_OK);
    (void)sem_post(&seen.gate);
    pass(&seen.entered);
    (void)sem_post(&seen.gate);
    await_settled(40);
    batcher_stop(batcher);
    assert_int_equal(seen.batches_count, 2);
    assert_int_equal(seen.batches[0], 1);
    assert_int_equal(seen.batches[1], 39);
}

static void a_batch_is_no_larger_than_its_limit(void **state)
{
    (void)state;
    static struct numbered items[1001];
    struct batcher_config config = config_of(64, 1000);
    struct batcher *batcher = start(&config);
    assert_int_equal(batcher_submit(batcher, chain(items, 0, 1000), 1000),
                     RESULT_OK);
    batcher_stop(batcher);
    assert_int_equal(seen.batches_count, 16);
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(seen.batches[i], 64);
    assert_int_equal(seen.batches[15], 40);
}

static void a_full_queue_takes_none_of_a_chain(void **state)
{
    (void)state;
    struct numbered items[17] = {0};
    struct batcher_config config = config_of(1, 10);
    seen.gated = true;
    struct batcher *batcher = start(&config);
    /* One is being applied, eight wait: there is room for two. */
    assert_int_equal(batcher_submit(batcher, chain(items, 0, 1), 1), RESULT_OK);
    pass(&seen.entered);
    assert_int_equal(batcher_submit(batcher, chain(&items[1], 1, 8), 8),
                     RESULT_OK);
    assert_int_equal(batcher_submit(batcher, chain(&items[9], 9, 3), 3),
                     RESULT_LIMIT);
    assert_int_equal(batcher_submit(batcher, chain(&items[9], 9, 2), 2),
                     RESULT_OK);
    struct numbered lone = {.number = 11};
    assert_int_equal(batcher_submit_and_wait(batcher, &lone.item),
                     RESULT_LIMIT);
    for (int i = 0; i < 11; i++)
        (void)sem_post(&seen.gate);
    batcher_stop(batcher);
    assert_int_equal(seen.count, 11);
    assert_int_equal(atomic_load(&settled_count), 11);
}

static void a_linger_gathers_and_ends_when_the_batch_is_full(void **state)
{
    (void)state;
    struct numbered items[11] = {0};
    struct batcher_config config = config_of(10, 100);
    config.linger_ms = 2 * WAIT_MS_MAX; /* only a full batch is in time */
    struct batcher *batcher = start(&config);
    for (int i = 0; i < 10; i++)
        assert_int_equal(batcher_submit(batcher, chain(&items[i], i, 1), 1),
                         RESULT_OK);
    await_settled(10);
    batcher_stop(batcher);
    assert_int_equal(seen.batches_count, 1);
}

static void a_linger_ends_by_itself(void **state)
{
    (void)state;
    struct numbered item = {.number = 2};
    struct batcher_config config = config_of(10, 100);
    config.linger_ms = 30;
    struct batcher *batcher = start(&config);
    int64_t before_ms = clock_monotonic_ms();
    assert_int_equal(batcher_submit_and_wait(batcher, &item.item), RESULT_OK);
    assert_in_range(clock_monotonic_ms() - before_ms, 29, WAIT_MS_MAX);
    batcher_stop(batcher);
}

static void *wait_for_one(void *argument)
{
    struct numbered item = {.number = 3};
    enum result result = batcher_submit_and_wait(argument, &item.item);
    return result == RESULT_MALFORMED ? NULL : argument;
}

static void wait_by_threads(struct batcher *batcher, pthread_t *threads,
                            size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, wait_for_one, batcher), 0);
}

static void join_waiters(const pthread_t *threads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void a_linger_ends_when_all_who_were_answered_wait_again(void **state)
{
    (void)state;
    struct numbered others[3] = {0};
    pthread_t waiters[2];
    struct batcher_config config = config_of(4, 100);
    config.linger_ms = 2 * WAIT_MS_MAX;
    struct batcher *batcher = start(&config);
    wait_by_threads(batcher, waiters, 2);
    assert_int_equal(batcher_submit(batcher, chain(others, 0, 2), 2),
                     RESULT_OK);
    join_waiters(waiters, 2);
    int64_t before_ms = clock_monotonic_ms();
    wait_by_threads(batcher, waiters, 2);
    join_waiters(waiters, 2);
    assert_true(clock_monotonic_ms() - before_ms < WAIT_MS_MAX);
    batcher_stop(batcher);
    assert_int_equal(seen.batches_count, 2);
    assert_int_equal(seen.batches[1], 2);
}

static void stopping_ends_a_linger_and_settles_all(void **state)
{
    (void)state;
    struct numbered items[6] = {0};
    struct batcher_config config = config_of(10, 100);
    config.linger_ms = 2 * WAIT_MS_MAX;
    struct batcher *batcher = start(&config);
    assert_int_equal(batcher_submit(batcher, chain(items, 0, 5), 5), RESULT_OK);
    int64_t before_ms = clock_monotonic_ms();
    batcher_stop(batcher);
    assert_true(clock_monotonic_ms() - before_ms < WAIT_MS_MAX);
    assert_int_equal(atomic_load(&settled_count), 5);
}

static void a_waiter_gets_its_own_result(void **state)
{
    (void)state;
    struct batcher_config config = config_of(10, 100);
    struct batcher *batcher = start(&config);
    struct numbered even = {.number = 2, .item.settled = count_settled};
    struct numbered odd = {.number = 3, .item.settled = count_settled};
    assert_int_equal(batcher_submit_and_wait(batcher, &even.item), RESULT_OK);
    assert_int_equal(batcher_submit_and_wait(batcher, &odd.item),
                     RESULT_MALFORMED);
    batcher_stop(batcher);
    assert_int_equal(atomic_load(&settled_count), 0);
}

static void *stop(void *argument)
{
    batcher_stop(argument);
    return NULL;
}

static void while_stopping_nothing_more_is_taken(void **state)
{
    (void)state;
    struct numbered items[3] = {0};
    static struct numbered late[SEEN_MAX];
    struct batcher_config config = config_of(1, SEEN_MAX);
    seen.gated = true;
    struct batcher *batcher = start(&config);
    assert_int_equal(batcher_submit(batcher, chain(items, 0, 1), 1), RESULT_OK);
    pass(&seen.entered);
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop, batcher), 0);
    size_t taken = 1;
    enum result result;
    do {
        assert_true(taken < SEEN_MAX - 1);
        result = batcher_submit(batcher, chain(&late[taken], 2, 1), 1);
        taken += result == RESULT_OK ? 1 : 0;
        pause_shortly();
    } while (result == RESULT_OK);
    assert_int_equal(result, RESULT_STOPPED);
    struct numbered lone = {.number = 4};
    assert_int_equal(batcher_submit_and_wait(batcher, &lone.item),
                     RESULT_STOPPED);
    for (size_t i = 0; i < taken; i++)
        (void)sem_post(&seen.gate);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    assert_int_equal(seen.count, taken);
    assert_int_equal(atomic_load(&settled_count), taken);
}

static void stopping_lets_waiters_out_first(void **state)
{
    (void)state;
    struct batcher_config config = config_of(WAITERS, 100);
    config.linger_ms = 2 * WAIT_MS_MAX; /* so the batch has all of them */
    seen.gated = true;
    struct batcher *batcher = start(&config);
    pthread_t waiters[WAITERS];
    wait_by_threads(batcher, waiters, WAITERS);
    pass(&seen.entered);
    pthread_t stopper;
    assert_int_equal(pthread_create(&stopper, NULL, stop, batcher), 0);
    (void)sem_post(&seen.gate);
    join_waiters(waiters, WAITERS);
    assert_int_equal(pthread_join(stopper, NULL), 0);
    assert_int_equal(seen.batches_count, 1);
}

static void free_settled(struct batch_item *item)
{
    free(item);
    atomic_fetch_add(&settled_count, 1);
}

static void an_item_may_be_freed_when_it_is_settled(void **state)
{
    (void)state;
    struct batcher_config config = config_of(16, 1000);
    struct batcher *batcher = start(&config);
    for (int i = 0; i < 500; i++) {
        struct numbered *item = calloc(1, sizeof *item);
        assert_non_null(item);
        item->item.settled = free_settled;
        assert_int_equal(batcher_submit(batcher, &item->item, 1), RESULT_OK);
    }
    batcher_stop(batcher);
    assert_int_equal(atomic_load(&settled_count), 500);
}

static struct batcher *resubmits_to;

static void submit_again(struct batch_item *item)
{
    struct numbered *numbered = (struct numbered *)item;
    numbered->number++;
    if (numbered->number == 10)
        item->settled = count_settled;
    (void)batcher_submit(resubmits_to, item, 1);
}

static void a_settled_item_may_be_submitted_again_at_once(void **state)
{
    (void)state;
    struct batcher_config config = config_of(16, 10);
    struct numbered item = {.number = 0, .item.settled = submit_again};
    resubmits_to = start(&config);
    assert_int_equal(batcher_submit(resubmits_to, &item.item, 1), RESULT_OK);
    await_settled(1);
    batcher_stop(resubmits_to);
    assert_int_equal(seen.count, 11);
}

static void await_idle_calls(int count)
{
    int64_t until_ms = clock_monotonic_ms() + WAIT_MS_MAX;
    while (atomic_load(&seen.idle_calls) < count) {
        assert_true(clock_monotonic_ms() < until_ms);
        pause_shortly();
    }
}

static void idle_is_called_again_while_it_says_so(void **state)
{
    (void)state;
    struct batcher_config config = config_of(10, 10);
    config.idle = idle;
    config.idle_ms = 2 * WAIT_MS_MAX; /* longer than the test may take */
    atomic_store(&seen.idle_more, 5);
    struct batcher *batcher = start(&config);
    await_idle_calls(6);
    struct numbered item = {.number = 2};
    /* It said false: it is called again after the next batch. */
    assert_int_equal(batcher_submit_and_wait(batcher, &item.item), RESULT_OK);
    await_idle_calls(7);
    batcher_stop(batcher);
    assert_int_equal(atomic_load(&seen.idle_calls), 7);
}

static void idle_is_called_again_after_its_pause(void **state)
{
    (void)state;
    struct batcher_config config = config_of(10, 10);
    config.idle = idle;
    config.idle_ms = 1;
    struct batcher *batcher = start(&config);
    await_idle_calls(5);
    batcher_stop(batcher);
}

static _Atomic int wrong_results;

static void *submit_and_wait_often(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct numbered item = {.number = i};
        enum result result;
        while ((result = batcher_submit_and_wait(argument, &item.item)) ==
               RESULT_LIMIT)
            pause_shortly();
        if (result != (i % 2 == 0 ? RESULT_OK : RESULT_MALFORMED))
            atomic_fetch_add(&wrong_results, 1);
    }
    return NULL;
}

static void *submit_often(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct numbered *item = calloc(1, sizeof *item);
        if (item == NULL)
            abort();
        item->item.settled = free_settled;
        while (batcher_submit(argument, &item->item, 1) == RESULT_LIMIT)
            pause_shortly();
    }
    return NULL;
}

static void many_threads_are_each_served_once(void **state)
{
    (void)state;
    struct batcher_config config = config_of(32, 64);
    config.linger_ms = 1;
    config.idle = idle;
    config.idle_ms = 1;
    atomic_store(&wrong_results, 0);
    struct batcher *batcher = start(&config);
    pthread_t threads[WAITERS + SUBMITTERS];
    for (size_t i = 0; i < WAITERS + SUBMITTERS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL,
                           i < WAITERS ? submit_and_wait_often : submit_often,
                           batcher),
            0);
    for (size_t i = 0; i < WAITERS + SUBMITTERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    batcher_stop(batcher);
    assert_int_equal(atomic_load(&wrong_results), 0);
    assert_int_equal(seen.count, (WAITERS + SUBMITTERS) * ROUNDS);
    assert_int_equal(atomic_load(&settled_count), SUBMITTERS * ROUNDS);
}

static void stopping_nothing_is_fine(void **state)
{
    (void)state;
    batcher_stop(NULL);
    struct batcher_config config = config_of(1, 1);
    struct batcher *batcher = start(&config);
    assert_int_equal(batcher_submit(batcher, NULL, 0), RESULT_OK);
    batcher_stop(batcher);
    assert_int_equal(seen.batches_count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, reset)
    const struct CMUnitTest tests[] = {
        TEST(items_are_applied_in_the_order_of_submission),
        TEST(what_comes_during_a_batch_is_the_next_batch),
        TEST(a_batch_is_no_larger_than_its_limit),
        TEST(a_full_queue_takes_none_of_a_chain),
        TEST(a_linger_gathers_and_ends_when_the_batch_is_full),
        TEST(a_linger_ends_by_itself),
        TEST(a_linger_ends_when_all_who_were_answered_wait_again),
        TEST(stopping_ends_a_linger_and_settles_all),
        TEST(a_waiter_gets_its_own_result),
        TEST(while_stopping_nothing_more_is_taken),
        TEST(stopping_lets_waiters_out_first),
        TEST(an_item_may_be_freed_when_it_is_settled),
        TEST(a_settled_item_may_be_submitted_again_at_once),
        TEST(idle_is_called_again_while_it_says_so),
        TEST(idle_is_called_again_after_its_pause),
        TEST(many_threads_are_each_served_once),
        TEST(stopping_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
