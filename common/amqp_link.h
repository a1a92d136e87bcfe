#ifndef FLIXTUBE_COMMON_AMQP_LINK_H
#define FLIXTUBE_COMMON_AMQP_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"

/*
 * One connection with one channel to a RabbitMQ (AMQP 0-9-1): the only module
 * that uses rabbitmq-c. A link belongs to one thread at a time. It does not
 * reconnect: after any error close it and open another; delivery tags and
 * confirm numbers start again with the new one.
 */
enum {
    AMQP_TEXT_BYTES_MAX = 256,     /* a short string and its NUL */
    AMQP_BODY_BYTES_MAX = 1 << 20, /* longer bodies arrive cut, see below */
    AMQP_HEARTBEAT_S = 20,
    AMQP_FRAME_BYTES_MAX = 131072,
    AMQP_HOSTS_MAX = 16,
    /* A peer that has stopped reading: rabbitmq-c would wait for ever in a
     * send, so the kernel gives up for it. */
    AMQP_SEND_TIMEOUT_MS = 30 * 1000,
};

struct amqp_link;

struct amqp_options {
    /* amqp://user:password@host:port/vhost, amqps://; of a cluster
     * host:port,host:port,… */
    const char *url;
    const char *name;    /* shown by the broker's management page */
    const char *ca_file; /* amqps: PEM of the authority; NULL: the system's */
    uint32_t connect_timeout_ms;
    /* 0: as in the services, AMQP_HEARTBEAT_S and AMQP_SEND_TIMEOUT_MS. */
    uint16_t heartbeat_s;
    uint32_t send_timeout_ms;
};

/* A queue or exchange argument: an integer, or text where `text` is set. */
struct amqp_argument {
    const char *name;
    const char *text;
    int64_t integer;
};

enum {
    AMQP_ARGUMENTS_MAX = 8,
};

struct amqp_exchange {
    const char *name;
    const char *type;
    struct amqp_argument arguments[AMQP_ARGUMENTS_MAX]; /* NULL name ends it */
    const char *source; /* NULL, or the exchange that it is bound to, with an
                           empty routing key */
};

struct amqp_queue {
    const char *name;
    struct amqp_argument arguments[AMQP_ARGUMENTS_MAX]; /* NULL name ends it */
    const char *exchange;                               /* bound to it */
    const char *routing_key; /* with this; NULL: an empty one */
    /*
     * Not NULL: a queue of that name with other arguments will do. The broker's
     * refusal is noted here and costs the link, as each does; from then on the
     * queue is bound as it is, and declared again only when it is gone.
     */
    _Atomic bool *differs;
};

struct amqp_message {
    const char *body;
    size_t body_bytes;
    /* Each may be NULL: the property is not set. */
    const char *message_id;
    const char *content_type;
    const char *type;
    int64_t timestamp_s; /* 0: not set */
    bool persistent;
    struct amqp_argument headers[AMQP_ARGUMENTS_MAX];
};

enum amqp_event_kind {
    AMQP_EVENT_NONE,      /* nothing more for now */
    AMQP_EVENT_DELIVERY,  /* tag, redelivered, message */
    AMQP_EVENT_CONFIRMED, /* tag, multiple: the broker has it */
    AMQP_EVENT_REFUSED,   /* tag, multiple: the broker could not take it */
    AMQP_EVENT_RETURNED,  /* message_id: no queue took it; CONFIRMED follows */
    AMQP_EVENT_CANCELLED, /* the queue is gone */
    AMQP_EVENT_BLOCKED,   /* the broker takes no publishes, `reason` */
    AMQP_EVENT_UNBLOCKED,
    AMQP_EVENT_QUEUE, /* waiting, consumers: what amqp_link_ask() asked */
};

/* The link's own; it stays as it is until the next amqp_link_next(). */
struct amqp_event {
    enum amqp_event_kind kind;
    uint64_t tag;
    bool multiple;
    bool redelivered;
    bool persistent;
    bool body_cut; /* was longer than AMQP_BODY_BYTES_MAX */
    const char *body;
    size_t body_bytes;
    char message_id[AMQP_TEXT_BYTES_MAX]; /* "" when not set; so below */
    char content_type[AMQP_TEXT_BYTES_MAX];
    char type[AMQP_TEXT_BYTES_MAX];
    char traceparent[AMQP_TEXT_BYTES_MAX]; /* header */
    int64_t timestamp_s;                   /* property, 0 when not set */
    int64_t stream_offset;  /* header x-stream-offset, -1 when not set */
    int64_t delivery_count; /* header x-delivery-count, 0 when not set */
    uint32_t waiting;
    uint32_t consumers;
    const void *headers;              /* of amqp_event_text() and its like */
    char reason[AMQP_TEXT_BYTES_MAX]; /* BLOCKED, RETURNED, CANCELLED */
};

/* How a message that the broker moved by itself died first: its own headers. */
struct amqp_death {
    char reason[AMQP_TEXT_BYTES_MAX]; /* rejected, delivery_limit, … */
    char queue[AMQP_TEXT_BYTES_MAX];
    int64_t time_s; /* 0: not said */
};

/* A header of a delivery, by its name. False, with *ret (or text) untouched,
 * where it is not there or of another kind. Longer texts are cut. */
bool amqp_event_text(const struct amqp_event *event, const char *name,
                     char text[AMQP_TEXT_BYTES_MAX]);
bool amqp_event_integer(const struct amqp_event *event, const char *name,
                        int64_t *ret);
bool amqp_event_death(const struct amqp_event *event, struct amqp_death *ret);

/*
 * Whether the URL can be one, without connecting. The fault never repeats
 * the password. Errors: RESULT_MALFORMED.
 */
enum result amqp_url_check(const char *url, struct fault *fault);

/* "host:port/vhost" of the URL (with each host, cut where they are many), for
 * logs: no name and no password. */
void amqp_url_public(const char *url, char text[AMQP_TEXT_BYTES_MAX]);

/*
 * Connects, logs in, opens the channel. Of several hosts each is tried once,
 * beginning with the one after that of the process's last try: a node that
 * answers but can do nothing, cut off from the others, is left that way too.
 * Blocks up to connect_timeout_ms for each (name lookup is not covered): keep
 * it off a loop. On success the caller owns *ret. Any thread.
 * Errors: RESULT_UNAVAILABLE in words (refused, login refused, no such vhost).
 */
enum result amqp_link_open(const struct amqp_options *options,
                           struct amqp_link **ret, struct fault *fault);

/* Closes politely if the link is whole (waits up to 1 s), else at once. */
void amqp_link_close(struct amqp_link *link); /* NULL is fine */

/* These block for an answer, up to 10 s; a refusal costs the link. */
enum result amqp_link_declare_exchange(struct amqp_link *link,
                                       const struct amqp_exchange *exchange,
                                       struct fault *fault);
enum result amqp_link_declare_queue(struct amqp_link *link,
                                    const struct amqp_queue *queue,
                                    struct fault *fault);
enum result amqp_link_confirms(struct amqp_link *link, struct fault *fault);
/* How many messages a queue has ready; a stream always says 0. */
enum result amqp_link_ready(struct amqp_link *link, const char *queue,
                            int64_t *ret_ready, struct fault *fault);

/* The same of a queue that the link consumes, without a wait: the answer comes
 * as an event among the others. Without such a queue the link is lost. */
enum result amqp_link_ask(struct amqp_link *link, const char *queue,
                          struct fault *fault);

/* Takes one message without consuming, to be acknowledged or rejected, and says
 * how many are left; what is neither goes back to the queue when the link ends,
 * or by amqp_link_return_all(), which the next get of anybody sees. For a link
 * that has neither a consumer nor confirms: the event is all that it reads.
 * Errors: RESULT_NOT_FOUND when the queue is empty; the link stays whole. */
enum result amqp_link_get(struct amqp_link *link, const char *queue,
                          const struct amqp_event **ret_event,
                          int64_t *ret_left, struct fault *fault);
enum result amqp_link_return_all(struct amqp_link *link, struct fault *fault);

/* Starts consuming with manual acks. stream_offset: NULL, or what a stream's
 * x-stream-offset takes: first, last, next, a number as text, or a time as
 * "@" and seconds since 1970 (deliveries may begin before it). */
enum result amqp_link_consume(struct amqp_link *link, const char *queue,
                              uint16_t prefetch, const char *stream_offset,
                              struct fault *fault);
/* Ends it; deliveries on their way are still handed out before it answers. */
enum result amqp_link_cancel(struct amqp_link *link, struct fault *fault);

int amqp_link_socket(const struct amqp_link *link); /* to poll for reading */

/*
 * The next event without waiting; call until AMQP_EVENT_NONE, and again after
 * every call above or below, since they may read frames too. Sends heartbeats
 * when they are due: call it at least every AMQP_HEARTBEAT_S / 3.
 * Errors: RESULT_UNAVAILABLE: the link is lost, in words.
 */
enum result amqp_link_next(struct amqp_link *link,
                           const struct amqp_event **ret_event,
                           struct fault *fault);

/* Waits until the socket can be read, `wake` (-1: none) can, or timeout. */
void amqp_link_wait(struct amqp_link *link, int wake, uint32_t timeout_ms);

/*
 * Publishes, mandatory. Its confirm number is the count of publishes on this
 * link, from 1. Errors: RESULT_UNAVAILABLE: the link is lost, and whether the
 * broker has the message is not known.
 */
enum result amqp_link_publish(struct amqp_link *link, const char *exchange,
                              const char *routing_key,
                              const struct amqp_message *message,
                              struct fault *fault);

enum result amqp_link_ack(struct amqp_link *link, uint64_t tag, bool multiple,
                          struct fault *fault);
enum result amqp_link_reject(struct amqp_link *link, uint64_t tag, bool requeue,
                             struct fault *fault);

#endif
