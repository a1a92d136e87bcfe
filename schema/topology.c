#include "topology.h"

/* RabbitMQ 4 has a limit of 20 by default, and counts every connection that
 * was lost, so a history that crashes and comes back would throw views away.
 * Its -1 (no limit) must not be used: 3.10 drops the message at once. Ours are
 * settled at the first delivery, so a thousand says that something is wrong. */
#define DELIVERIES_MAX 1000

/* What is dead stays until somebody looks: there is nowhere to pass it on to,
 * so beyond the limit the broker would drop it. */
#define DEAD_DELIVERIES_MAX 1000000000

/* The stream is for replay: as long as a restore may reach back, and no more
 * disk than this. Whole segments go, so they are small beside the limit. */
#define STREAM_AGE_MAX           "30D"
#define STREAM_BYTES_MAX         INT64_C(20000000000)
#define STREAM_SEGMENT_BYTES_MAX INT64_C(100000000)

const struct amqp_exchange topology_exchanges[] = {
    {.name = TOPOLOGY_EXCHANGE, .type = "fanout"},
    {.name = TOPOLOGY_DEAD_EXCHANGE, .type = "fanout"},
};
const size_t topology_exchanges_count =
    sizeof topology_exchanges / sizeof topology_exchanges[0];

/* The dead-letter queue comes first: what the next one dead-letters needs it.
 */
const struct amqp_queue topology_queues[] = {
    {.name = TOPOLOGY_DEAD_QUEUE,
     .arguments = {{.name = "x-queue-type", .text = "quorum"},
                   {.name = "x-delivery-limit",
                    .integer = DEAD_DELIVERIES_MAX}},
     .exchange = TOPOLOGY_DEAD_EXCHANGE},
    {.name = TOPOLOGY_QUEUE,
     .arguments = {{.name = "x-queue-type", .text = "quorum"},
                   {.name = "x-delivery-limit", .integer = DELIVERIES_MAX},
                   {.name = "x-dead-letter-exchange",
                    .text = TOPOLOGY_DEAD_EXCHANGE},
                   /* At-least-once is taken back in silence where the
                    * overflow is not reject-publish. */
                   {.name = "x-dead-letter-strategy", .text = "at-least-once"},
                   {.name = "x-overflow", .text = "reject-publish"}},
     .exchange = TOPOLOGY_EXCHANGE},
    {.name = TOPOLOGY_STREAM,
     .arguments = {{.name = "x-queue-type", .text = "stream"},
                   {.name = "x-max-age", .text = STREAM_AGE_MAX},
                   {.name = "x-max-length-bytes", .integer = STREAM_BYTES_MAX},
                   {.name = "x-stream-max-segment-size-bytes",
                    .integer = STREAM_SEGMENT_BYTES_MAX}},
     .exchange = TOPOLOGY_EXCHANGE},
};
const size_t topology_queues_count =
    sizeof topology_queues / sizeof topology_queues[0];

enum result topology_declare(struct amqp_link *link, struct fault *fault)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; r == RESULT_OK && i < topology_exchanges_count; i++)
        r = amqp_link_declare_exchange(link, &topology_exchanges[i], fault);
    for (size_t i = 0; r == RESULT_OK && i < topology_queues_count; i++)
        r = amqp_link_declare_queue(link, &topology_queues[i], fault);
    return r;
}
