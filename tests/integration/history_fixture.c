#include "history_fixture.h"

#include <string.h>

#include "claim.h"

static void stopped(void *context)
{
    struct history_fixture *fixture = context;
    loop_quit(fixture->loop);
}

static void stop_on_loop(void *context)
{
    struct history_fixture *fixture = context;
    if (fixture->abrupt)
        loop_quit(fixture->loop);
    else
        consumer_stop(fixture->consumer, fixture->grace_ms, stopped, fixture);
}

static void start_parts(struct history_fixture *fixture)
{
    struct fault fault = {0};
    struct store_config store = {.path = fixture->db, .readers = 1};
    assert_ok(store_open(&store, &fixture->store, &fault), &fault);
    struct ingest_config ingest = {
        .store = fixture->store,
        .counters = &fixture->counters,
        .batch_max = fixture->batch_max != 0 ? fixture->batch_max : 1000,
        .linger_ms = 2,
        .queue_max = 10 * 1000};
    assert_ok(ingest_start(&ingest, &fixture->ingest, &fault), &fault);
    assert_ok(
        dead_letters_start(&fixture->dead_amqp, &fixture->dead_letters, &fault),
        &fault);
    struct consumer_config consumer = {
        .loop = fixture->loop,
        .ingest = fixture->ingest,
        .dead_letters = fixture->dead_letters,
        .counters = &fixture->counters,
        .amqp = fixture->amqp,
        .prefetch = fixture->prefetch != 0 ? fixture->prefetch : 2000,
        .reconnect_ms_min = 20,
        .reconnect_ms_max = 200};
    assert_ok(consumer_start(&consumer, &fixture->consumer, &fault), &fault);
}

static void *run(void *argument)
{
    struct history_fixture *fixture = argument;
    loop_run(fixture->loop);
    return NULL;
}

/* The parts are made before the loop's thread is, so that a failure is seen
 * where the test runs. */
void history_fixture_start(struct history_fixture *fixture)
{
    struct fault fault = {0};
    memset(&fixture->counters, 0, sizeof fixture->counters);
    fixture->abrupt = false;
    assert_ok(loop_make(&fixture->loop, &fault), &fault);
    assert_ok(loop_waker_start(fixture->loop, stop_on_loop, fixture,
                               &fixture->stopper, &fault),
              &fault);
    start_parts(fixture);
    assert_int_equal(pthread_create(&fixture->thread, NULL, run, fixture), 0);
}

static void end(struct history_fixture *fixture)
{
    struct fault fault = {0};
    loop_waker_wake(fixture->stopper);
    (void)pthread_join(fixture->thread, NULL);
    dead_letters_stop(fixture->dead_letters, 2000);
    ingest_stop(fixture->ingest);
    consumer_end(fixture->consumer);
    enum result closed = store_close(fixture->store, &fault);
    loop_waker_end(fixture->stopper);
    loop_end(fixture->loop);
    fixture->loop = NULL;
    if (!fixture->close_may_fail)
        assert_ok(closed, &fault);
}

void history_fixture_stop(struct history_fixture *fixture, uint32_t grace_ms)
{
    fixture->grace_ms = grace_ms;
    if (fixture->loop != NULL)
        end(fixture);
}

void history_fixture_drop(struct history_fixture *fixture)
{
    fixture->abrupt = true;
    end(fixture);
}

int64_t history_fixture_rows(struct history_fixture *fixture)
{
    struct store_stats stats;
    store_stats(fixture->store, &stats);
    return stats.views;
}
