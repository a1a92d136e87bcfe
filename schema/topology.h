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

/* How long the stream keeps messages: whichever limit is reached first. Whole
 * segments leave, each when a new one begins. */
struct topology_retention {
    int64_t age_max_s; /* STREAM_MAX_AGE_S */
    int64_t bytes_max; /* STREAM_MAX_BYTES */
};

/* From the environment. Errors: RESULT_MALFORMED, naming the variable. */
enum result topology_retention_read(struct topology_retention *ret,
                                    struct fault *fault);

/* Once, before anything is declared; 30 days and 20 GB without it. */
void topology_retain(const struct topology_retention *retention);

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
