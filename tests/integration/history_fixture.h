#ifndef FLIXTUBE_TESTS_HISTORY_FIXTURE_H
#define FLIXTUBE_TESTS_HISTORY_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>

#include "consumer.h"
#include "counters.h"
#include "dead_letter.h"
#include "ingest.h"
#include "store.h"
#include "temp_folder.h"

/*
 * What history runs between the queue and the store, on a loop's thread of
 * its own. Set `amqp` and `dead_amqp` (and what else is not 0 here) before
 * the start.
 */
struct history_fixture {
    struct amqp_options amqp;
    struct amqp_options dead_amqp;
    char db[TEMP_PATH_BYTES];
    uint16_t prefetch;   /* 0: 2000 */
    uint32_t batch_max;  /* 0: 1000 */
    bool close_may_fail; /* the disk is full */
    struct counters counters;
    struct store *store;
    struct ingest *ingest;
    struct dead_letters *dead_letters;
    struct consumer *consumer;
    struct loop *loop;
    struct loop_waker *stopper;
    pthread_t thread;
    _Atomic uint32_t grace_ms;
    _Atomic bool abrupt;
};

void history_fixture_start(struct history_fixture *fixture);
/* Cancels, stores and acknowledges what is held, up to grace_ms. */
void history_fixture_stop(struct history_fixture *fixture, uint32_t grace_ms);
/* Without consumer_stop(), as after a failed start. */
void history_fixture_drop(struct history_fixture *fixture);

int64_t history_fixture_rows(struct history_fixture *fixture);

#endif
