#ifndef FLIXTUBE_SCHEMA_TOPOLOGY_H
#define FLIXTUBE_SCHEMA_TOPOLOGY_H

#include <stddef.h>

#include "amqp_link.h"

/*
 * What both services declare on the broker, with the same arguments, so that
 * either may start first. Valid on RabbitMQ 3.10 and 4.x. To redeclare with
 * other values is refused by the broker: a change needs a new name. The
 * stream's limits are settings, and one with others is used as it is.
 *
 * One queue has all views, unless QUEUES says that several share them: then
 * there are history.viewed.1, history.viewed.2, … instead, behind an exchange
 * that takes the user's hash, so that each user's views are all in one of them.
 * That is the broker's plugin rabbitmq_consistent_hash_exchange, by the header
 * TOPOLOGY_USER_HEADER; views without it are all in one queue, too.
 */
#define TOPOLOGY_EXCHANGE      "viewed"
#define TOPOLOGY_USER_EXCHANGE "viewed.by-user" /* with several queues */
#define TOPOLOGY_QUEUE         "history.viewed"
#define TOPOLOGY_STREAM        "viewed.log"
#define TOPOLOGY_DEAD_EXCHANGE "viewed.dead"
#define TOPOLOGY_DEAD_QUEUE    "history.viewed.dead"

/* The name that CloudEvents has for what events are spread by. */
#define TOPOLOGY_USER_HEADER "cloudEvents_partitionkey"

enum {
    TOPOLOGY_QUEUES_MAX = 64, /* QUEUES: each costs its log on three nodes */
};

/* As topology_set() has said; the counts, too. */
extern const struct amqp_exchange topology_exchanges[];
extern size_t topology_exchanges_count;
extern struct amqp_queue topology_queues[];
extern size_t topology_queues_count;

/* The queue that this process takes views from, and puts them back into. */
const char *topology_queue(void);

/*
 * How long the stream keeps messages: whichever limit is reached first. Whole
 * segments leave, each when a new one begins. And how many nodes of a cluster
 * have each queue and the stream, from when they are made; 0: as many as the
 * broker likes (3 of a quorum queue, all of a stream). And how many queues
 * share the views, and which of them this process takes, from 1 on; 0: not
 * said, as with one queue and by who takes none.
 */
struct topology_settings {
    int64_t age_max_s; /* STREAM_MAX_AGE_S */
    int64_t bytes_max; /* STREAM_MAX_BYTES */
    int64_t replicas;  /* BROKER_REPLICAS */
    int64_t queues;    /* QUEUES */
    int64_t queue;     /* QUEUE */
};

/* From the environment. Errors: RESULT_MALFORMED, naming the variable. */
enum result topology_settings_read(struct topology_settings *ret,
                                   struct fault *fault);

/* Once, before anything is declared; 30 days, 20 GB and one queue without it.
 */
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

/* How many messages are ready in all of the views' queues together. Errors:
 * those of amqp_link_ready(). */
enum result topology_ready(struct amqp_link *link, int64_t *ret_ready,
                           struct fault *fault);

#endif
