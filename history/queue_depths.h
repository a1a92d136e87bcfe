#ifndef FLIXTUBE_HISTORY_QUEUE_DEPTHS_H
#define FLIXTUBE_HISTORY_QUEUE_DEPTHS_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp_link.h"

/*
 * How many messages wait in the queues history.viewed and history.viewed.dead,
 * as the broker says. For operators who look: a thread asks once a second, on a
 * connection of its own, while somebody has asked within the last ten; then it
 * gives the connection up. So the consumer's is never held up by a question.
 */
struct queue_depths;

struct queue_depth {
    bool known;
    int64_t waiting; /* ready in the queue; what is held is not counted */
    int64_t dead;
    int64_t at_ms;    /* when the broker said so */
    struct fault why; /* where it is not known */
};

/* The options' texts outlive it. On success the caller owns *ret. */
enum result queue_depths_start(const struct amqp_options *amqp,
                               struct queue_depths **ret, struct fault *fault);

/* Waits at most a second, for a first answer. Any thread. */
void queue_depths_read(struct queue_depths *depths, struct queue_depth *ret);

/* Cuts a question short. NULL is fine. */
void queue_depths_stop(struct queue_depths *depths);

#endif
