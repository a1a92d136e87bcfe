#ifndef FLIXTUBE_HISTORY_CONSUMER_H
#define FLIXTUBE_HISTORY_CONSUMER_H

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "dead_letter.h"
#include "ingest.h"
#include "loop.h"

/*
 * Takes views from the queue history.viewed into the store, on the loop's
 * thread, and acknowledges each only after the commit that holds it.
 *
 *   connecting  the link is opened on a helper thread; back-off and jitter
 *   consuming   at most `prefetch` deliveries are held; every ten seconds the
 *               broker is asked about the queue, and where it twice says that
 *               messages wait and delivers none, or that nobody consumes, or
 *               delivers none since the stream was found to have what the
 *               queue did not bring, the link is given up: another one is
 *               served
 *   losing      the link is gone; what was handed to the store is waited for
 *               (the broker delivers it again, and its id is then known),
 *               because its tags mean nothing on another link
 *   stopping    cancelled; what is held is stored and acknowledged; without
 *               a link it is stopped at once
 */
struct consumer;

struct consumer_config {
    struct loop *loop;
    struct ingest *ingest;
    struct dead_letters *dead_letters;
    struct counters *counters;
    struct amqp_options amqp; /* its texts outlive the consumer */
    uint16_t prefetch;
    uint32_t reconnect_ms_min;
    uint32_t reconnect_ms_max;
};

/* Begins to connect. On success the caller owns *ret. */
enum result consumer_start(const struct consumer_config *config,
                           struct consumer **ret, struct fault *fault);

/*
 * Cancels, and calls `stopped` on the loop when all that is held was stored
 * and acknowledged, or grace_ms are over (then the broker delivers the rest
 * again). Call consumer_end() after that.
 */
void consumer_stop(struct consumer *consumer, uint32_t grace_ms,
                   void (*stopped)(void *context), void *context);
/* After ingest_stop() and dead_letters_stop(), stopped or not, and before
 * loop_end(), which waits for an attempt to connect. NULL is fine. */
void consumer_end(struct consumer *consumer);

/* False, with the reason, while no views are taken. Any thread. */
bool consumer_works(struct consumer *consumer, struct fault *ret_why);

#endif
