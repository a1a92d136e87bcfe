#ifndef FLIXTUBE_COMMON_CONFIRM_PUBLISHER_H
#define FLIXTUBE_COMMON_CONFIRM_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp_link.h"
#include "result.h"

/*
 * A thread that takes messages from a source and publishes them, many in
 * flight, until the broker has confirmed each and returned none. It connects,
 * declares what it is told to, and reconnects for ever with back-off and
 * jitter; it stands still while the broker blocks publishers.
 */
enum publish_outcome {
    PUBLISH_CONFIRMED, /* the broker has it in a queue */
    PUBLISH_RETURNED,  /* no queue took it: offer it again later */
    PUBLISH_REFUSED,   /* nack: offer it again later */
    PUBLISH_UNKNOWN,   /* the link was lost: offer it again */
};

enum {
    PUBLISH_ID_BYTES = 40, /* a message_id and its NUL: a UUID has room */
};

struct publish_item {
    uint64_t token; /* the source's name for it, not 0 */
    /* Valid until the next take(). It has a message_id, under
     * PUBLISH_ID_BYTES and of its own: a return names it by that. */
    struct amqp_message message;
};

/* All are called on the publisher's thread. */
struct publish_source {
    /* The next message that is not in flight; false: none now. */
    bool (*take)(void *context, struct publish_item *item);
    /* Once for each taken item. */
    void (*settle)(void *context, uint64_t token, enum publish_outcome outcome);
    /* After each round: settled items may be worked off together here. */
    void (*flush)(void *context); /* may be NULL */
    void *context;
};

enum publisher_state {
    PUBLISHER_CONNECTING,
    PUBLISHER_READY,
    PUBLISHER_BLOCKED,
};

struct publisher_config {
    struct amqp_options amqp;
    const struct amqp_exchange *exchanges;
    size_t exchanges_count;
    const struct amqp_queue *queues;
    size_t queues_count;
    const char *exchange; /* where to; the routing key is empty */
    struct publish_source source;
    size_t in_flight_max;
    size_t in_flight_bytes_max;
    uint32_t reconnect_ms_min;
    uint32_t reconnect_ms_max;
    uint32_t retry_ms;           /* pause after a return or a refusal */
    uint32_t confirm_timeout_ms; /* without any answer: a new link */
    /*
     * Nothing but refusals for so long: a new link, on the next host. A channel
     * that was opened when the node that leads a quorum queue had just died may
     * be refused until that node is back, whoever leads by then
     * (RabbitMQ 3.10).
     */
    uint32_t refusal_timeout_ms;
    /* Called on the publisher's thread at each change; `why` in words. */
    void (*changed)(void *context, enum publisher_state state, const char *why);
};

struct confirm_publisher;

/* Starts the thread; the texts and tables of config must outlive it. */
enum result confirm_publisher_start(const struct publisher_config *config,
                                    struct confirm_publisher **ret,
                                    struct fault *fault);

/* Tells it that the source has something. Any thread; cheap. */
void confirm_publisher_wake(struct confirm_publisher *publisher);

enum publisher_state
confirm_publisher_state(const struct confirm_publisher *publisher);

/*
 * Takes no more, waits up to grace_ms for what is in flight, settles the rest
 * as PUBLISH_UNKNOWN, ends the thread, frees. NULL is fine.
 */
void confirm_publisher_stop(struct confirm_publisher *publisher,
                            uint32_t grace_ms);

#endif
