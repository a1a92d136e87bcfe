#include "topology.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "env.h"

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
#define STREAM_AGE_S             INT64_C(2592000)
#define STREAM_BYTES             INT64_C(20000000000)
#define STREAM_SEGMENT_BYTES_MAX INT64_C(100000000)

enum {
    DAY_S = 86400,
    /* Less would leave nothing to replay when a segment leaves. */
    STREAM_AGE_S_MIN = 60,
    STREAM_BYTES_MIN = 10 * 1000 * 1000,
    STREAM_SEGMENTS_MIN = 4,
    REPLICAS_MAX = AMQP_HOSTS_MAX,
    QUEUE_NAME_BYTES = 40,
    OTHER_QUEUES = 2,          /* the dead and the stream */
    PLAIN_EXCHANGES = 2,       /* those that one queue needs */
    STREAM_ARGUMENT_BYTES = 2, /* places in its arguments */
    STREAM_ARGUMENT_SEGMENT,
};

/* As large as the broker's own limits allow. */
#define STREAM_AGE_S_MAX (INT64_C(100) * 365 * DAY_S)
#define STREAM_BYTES_MAX INT64_C(1000000000000000)

/* Each queue counts as much as the others. */
#define USER_EXCHANGE_WEIGHT "1"

static char stream_age[24] = "30D";
static char queue_names[TOPOLOGY_QUEUES_MAX][QUEUE_NAME_BYTES];
static const char *own_queue = TOPOLOGY_QUEUE;
static _Atomic bool stream_differs;
static _Atomic bool stream_differs_told;

const struct amqp_exchange topology_exchanges[] = {
    {.name = TOPOLOGY_EXCHANGE, .type = "fanout"},
    {.name = TOPOLOGY_DEAD_EXCHANGE, .type = "fanout"},
    {.name = TOPOLOGY_USER_EXCHANGE,
     .type = "x-consistent-hash",
     .arguments = {{.name = "hash-header", .text = TOPOLOGY_USER_HEADER}},
     .source = TOPOLOGY_EXCHANGE},
};
size_t topology_exchanges_count = PLAIN_EXCHANGES;

/* The dead-letter queue comes first: what the next ones dead-letter needs it.
 * The stream is the last: what it alone has is found only by a checkpoint. */
struct amqp_queue topology_queues[TOPOLOGY_QUEUES_MAX + OTHER_QUEUES] = {
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
                   {.name = "x-max-age", .text = stream_age},
                   {.name = "x-max-length-bytes", .integer = STREAM_BYTES},
                   {.name = "x-stream-max-segment-size-bytes",
                    .integer = STREAM_SEGMENT_BYTES_MAX}},
     .exchange = TOPOLOGY_EXCHANGE,
     .differs = &stream_differs},
};
size_t topology_queues_count = 1 + OTHER_QUEUES;

enum result topology_settings_read(struct topology_settings *ret,
                                   struct fault *fault)
{
    enum result r =
        env_integer("STREAM_MAX_AGE_S", STREAM_AGE_S, STREAM_AGE_S_MIN,
                    STREAM_AGE_S_MAX, &ret->age_max_s, fault);
    if (r == RESULT_OK)
        r = env_integer("STREAM_MAX_BYTES", STREAM_BYTES, STREAM_BYTES_MIN,
                        STREAM_BYTES_MAX, &ret->bytes_max, fault);
    if (r == RESULT_OK)
        r = env_integer("BROKER_REPLICAS", 0, 0, REPLICAS_MAX, &ret->replicas,
                        fault);
    if (r == RESULT_OK)
        r = env_integer("QUEUES", 1, 1, TOPOLOGY_QUEUES_MAX, &ret->queues,
                        fault);
    return r == RESULT_OK
               ? env_integer("QUEUE", 0, 0, ret->queues, &ret->queue, fault)
               : r;
}

static void set_replicas(struct amqp_queue *queue, const char *name,
                         int64_t replicas)
{
    size_t end = 0;
    while (end < AMQP_ARGUMENTS_MAX - 1 && queue->arguments[end].name != NULL &&
           strcmp(queue->arguments[end].name, name) != 0)
        end++;
    queue->arguments[end] = (struct amqp_argument){
        .name = replicas > 0 ? name : NULL, .integer = replicas};
}

/* One queue at `viewed` itself, or several at the exchange by user. */
static void set_queues(size_t count, size_t own)
{
    struct amqp_queue queue = topology_queues[1];
    struct amqp_queue stream = topology_queues[topology_queues_count - 1];
    bool several = count > 1;
    queue.exchange = several ? TOPOLOGY_USER_EXCHANGE : TOPOLOGY_EXCHANGE;
    queue.routing_key = several ? USER_EXCHANGE_WEIGHT : NULL;
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(queue_names[i], QUEUE_NAME_BYTES, TOPOLOGY_QUEUE ".%zu",
                       i + 1);
        queue.name = several ? queue_names[i] : TOPOLOGY_QUEUE;
        topology_queues[1 + i] = queue;
    }
    topology_queues[1 + count] = stream;
    topology_queues_count = count + OTHER_QUEUES;
    topology_exchanges_count = PLAIN_EXCHANGES + (several ? 1 : 0);
    own_queue = topology_queues[own == 0 ? 1 : own].name;
}

void topology_set(const struct topology_settings *settings)
{
    set_queues((size_t)settings->queues, (size_t)settings->queue);
    struct amqp_queue *stream = &topology_queues[topology_queues_count - 1];
    int64_t segment = settings->bytes_max / STREAM_SEGMENTS_MIN;
    bool days = settings->age_max_s % DAY_S == 0;
    (void)snprintf(stream_age, sizeof stream_age, "%lld%c",
                   (long long)(settings->age_max_s / (days ? DAY_S : 1)),
                   days ? 'D' : 's');
    stream->arguments[STREAM_ARGUMENT_BYTES].integer = settings->bytes_max;
    stream->arguments[STREAM_ARGUMENT_SEGMENT].integer =
        segment < STREAM_SEGMENT_BYTES_MAX ? segment : STREAM_SEGMENT_BYTES_MAX;
    for (size_t i = 0; i < topology_queues_count - 1; i++)
        set_replicas(&topology_queues[i], "x-quorum-initial-group-size",
                     settings->replicas);
    set_replicas(stream, "x-initial-cluster-size", settings->replicas);
}

const char *topology_queue(void)
{
    return own_queue;
}

enum result topology_ready(struct amqp_link *link, int64_t *ret_ready,
                           struct fault *fault)
{
    int64_t ready = 0;
    enum result r = RESULT_OK;
    for (size_t i = 1; r == RESULT_OK && i < topology_queues_count - 1; i++) {
        int64_t one = 0;
        r = amqp_link_ready(link, topology_queues[i].name, &one, fault);
        ready += one;
    }
    if (r == RESULT_OK)
        *ret_ready = ready;
    return r;
}

bool topology_stream_differs(void)
{
    return stream_differs && !atomic_exchange(&stream_differs_told, true);
}

static enum result declare_all(struct amqp_link *link, struct fault *fault)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; r == RESULT_OK && i < topology_exchanges_count; i++)
        r = amqp_link_declare_exchange(link, &topology_exchanges[i], fault);
    for (size_t i = 0; r == RESULT_OK && i < topology_queues_count; i++)
        r = amqp_link_declare_queue(link, &topology_queues[i], fault);
    return r;
}

static enum result open_once(const struct amqp_options *options,
                             struct amqp_link **ret, struct fault *fault)
{
    struct amqp_link *link = NULL;
    enum result r = amqp_link_open(options, &link, fault);
    if (r == RESULT_OK)
        r = declare_all(link, fault);
    if (r == RESULT_OK)
        *ret = link;
    else
        amqp_link_close(link);
    return r;
}

enum result topology_open(const struct amqp_options *options,
                          struct amqp_link **ret, struct fault *fault)
{
    bool differed = stream_differs;
    enum result r = open_once(options, ret, fault);
    /* What the stream is like has shown itself, and cost the link. */
    return r != RESULT_OK && stream_differs != differed
               ? open_once(options, ret, fault)
               : r;
}
