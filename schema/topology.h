#ifndef FLIXTUBE_SCHEMA_TOPOLOGY_H
#define FLIXTUBE_SCHEMA_TOPOLOGY_H

#include <stddef.h>

#include "amqp_link.h"

/*
 * What both services declare on the broker, with the same arguments, so that
 * either may start first. Valid on RabbitMQ 3.10 and 4.x. To redeclare with
 * other values is refused by the broker: a change needs a new name.
 */
#define TOPOLOGY_EXCHANGE      "viewed"
#define TOPOLOGY_QUEUE         "history.viewed"
#define TOPOLOGY_STREAM        "viewed.log"
#define TOPOLOGY_DEAD_EXCHANGE "viewed.dead"
#define TOPOLOGY_DEAD_QUEUE    "history.viewed.dead"

extern const struct amqp_exchange topology_exchanges[];
extern const size_t topology_exchanges_count;
extern const struct amqp_queue topology_queues[];
extern const size_t topology_queues_count;

/* Declares all of it. Errors: amqp_link_declare_queue()'s. */
enum result topology_declare(struct amqp_link *link, struct fault *fault);

#endif
