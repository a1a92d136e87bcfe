#ifndef FLIXTUBE_SCHEMA_TOPOLOGY_H
#define FLIXTUBE_SCHEMA_TOPOLOGY_H

#include <stddef.h>

#include "amqp_link.h"

/*
 * What both services declare on the broker, with the same arguments, so that
 * either may start first. Valid on RabbitMQ 3.10 and 4.x. To redeclare with
 * other values is refused by the broker: a change needs a new name. The
 * stream's limits are settings, and one with others is used as it is.
 */
#define TOPOLOGY_EXCHANGE      "viewed"
#define TOPOLOGY_QUEUE         "history.viewed"
#define TOPOLOGY_STREAM        "viewed.log"
#define TOPOLOGY_DEAD_EXCHANGE "viewed.dead"
#define TOPOLOGY_DEAD_QUEUE    "history.viewed.dead"

extern const struct amqp_exchange topology_exchanges[];
extern const size_t topology_exchanges_count;
extern struct amqp_queue topology_queues[];
extern const size_t topology_queues_count;

/*
 * How long the stream keeps messages: whichever limit is reached first. Whole
 * segments leave, each when a new one begins. And how many nodes of a cluster
 * have each queue and the stream, from when they are made; 0: as many as the
 * broker likes (3 of a quorum queue, all of a stream).
 */
struct topology_settings {
    int64_t age_max_s; /* STREAM_MAX_AGE_S */
    int64_t bytes_max; /* STREAM_MAX_BYTES */
    int64_t replicas;  /* BROKER_REPLICAS */
};

/* From the environment. Errors: RESULT_MALFORMED, naming the variable. */
enum result topology_settings_read(struct topology_settings *ret,
                                   struct fault *fault);

/* Once, before anything is declared; 30 days and 20 GB without it. */
void topology_set(const struct topology_settings *settings);

/*
 * True, once, after the broker has refused to declare the stream because it is
 * there with other limits: it is used as it is. Any thread.
 */
bool topology_stream_differs(void);

/* What to do then, in a line for an operator. */
#define TOPOLOGY_DIFFERS_ADVICE                                                \
    "it keeps the limits it was made with; to change them make a backup, "     \
    "delete the stream and start a service with the new ones"

/* amqp_link_open(), and declares all of it. Errors: theirs. */
enum result topology_open(const struct amqp_options *options,
                          struct amqp_link **ret, struct fault *fault);

#endif
