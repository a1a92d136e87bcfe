#include "stream_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "siphash.h"
#include "topology.h"

enum {
    PREFETCH = 2000,
    ACK_EVERY = 500,       /* acks are credit alone: the fewer, the cheaper */
    QUIET_MS = 300,        /* the last chunk has come whole */
    END_MS_MAX = 3 * 1000, /* where messages keep coming */
    FROM_BYTES = 32,
};

struct stream_log {
    struct amqp_link *link;
    uint64_t last_tag;
    unsigned unacked;
    int64_t beat_ms;
};

enum result stream_log_open(const struct amqp_options *amqp, const char *from,
                            struct stream_log **ret, struct fault *fault)
{
    struct stream_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    enum result r = topology_open(amqp, &log->link, fault);
    if (r == RESULT_OK)
        r = amqp_link_consume(log->link, TOPOLOGY_STREAM, PREFETCH, from,
                              fault);
    if (r == RESULT_OK)
        *ret = log;
    else
        stream_log_close(log);
    return r;
}

void stream_log_close(struct stream_log *log)
{
    if (log == NULL)
        return;
    amqp_link_close(log->link);
    free(log);
}

static const struct siphash_key message_key = {0x7669657765642e6c, 0x6f67};

static void read_message(const struct amqp_event *event,
                         struct stream_message *ret)
{
    uint64_t hash =
        siphash(&message_key, event->body, event->body_bytes) ^
        siphash(&message_key, event->message_id, strlen(event->message_id));
    *ret = (struct stream_message){
        .offset = event->stream_offset, .hash = (int64_t)hash, .event = event};
}

static enum result give_credit(struct stream_log *log, struct fault *fault)
{
    log->unacked = 0;
    return amqp_link_ack(log->link, log->last_tag, true, fault);
}

static enum result take(struct stream_log *log, const struct amqp_event *event,
                        struct stream_message *ret, struct fault *fault)
{
    if (event->kind == AMQP_EVENT_CANCELLED)
        return fault_set(fault, RESULT_UNAVAILABLE, "the stream is gone");
    if (event->kind != AMQP_EVENT_DELIVERY)
        return RESULT_NOT_FOUND;
    log->last_tag = event->tag;
    log->unacked++;
    read_message(event, ret);
    return RESULT_OK;
}

enum result stream_log_next(struct stream_log *log, uint32_t wait_ms,
                            struct stream_message *ret, struct fault *fault)
{
    if (log->unacked >= ACK_EVERY) {
        enum result r = give_credit(log, fault);
        if (r != RESULT_OK)
            return r;
    }
    int64_t until_ms = -1; /* no look at the clock while messages come */
    for (;;) {
        const struct amqp_event *event;
        enum result r = amqp_link_next(log->link, &event, fault);
        if (r != RESULT_OK)
            return r;
        r = take(log, event, ret, fault);
        if (r != RESULT_NOT_FOUND)
            return r;
        if (event->kind != AMQP_EVENT_NONE)
            continue;
        int64_t now_ms = clock_monotonic_ms();
        if (until_ms < 0)
            until_ms = now_ms + wait_ms;
        if (now_ms >= until_ms)
            return fault_set(fault, RESULT_NOT_FOUND, "no message came");
        amqp_link_wait(log->link, -1, (uint32_t)(until_ms - now_ms));
    }
}

enum result stream_log_end(const struct amqp_options *amqp, uint32_t wait_ms,
                           int64_t *ret_end, struct fault *fault)
{
    struct stream_log *log = NULL;
    struct stream_message message;
    int64_t end = -1;
    enum result r = stream_log_open(amqp, "last", &log, fault);
    int64_t until_ms = clock_monotonic_ms() + END_MS_MAX;
    while (r == RESULT_OK && clock_monotonic_ms() < until_ms) {
        r = stream_log_next(log, wait_ms, &message, fault);
        if (r == RESULT_OK)
            end = message.offset;
        wait_ms = QUIET_MS;
    }
    stream_log_close(log);
    if (r == RESULT_NOT_FOUND)
        r = RESULT_OK;
    if (r == RESULT_OK)
        *ret_end = end;
    return r;
}

enum result stream_log_at(const struct amqp_options *amqp, int64_t time_ms,
                          int64_t *ret_offset, struct fault *fault)
{
    char from[FROM_BYTES];
    struct stream_log *log = NULL;
    struct stream_message message;
    (void)snprintf(from, sizeof from, "@%lld", (long long)(time_ms / 1000));
    enum result r = stream_log_open(amqp, from, &log, fault);
    if (r == RESULT_OK)
        r = stream_log_next(log, STREAM_LOG_WAIT_MS, &message, fault);
    stream_log_close(log);
    if (r == RESULT_OK)
        *ret_offset = message.offset;
    if (r != RESULT_NOT_FOUND)
        return r;
    int64_t end = -1;
    r = stream_log_end(amqp, STREAM_LOG_WAIT_MS, &end, fault);
    if (r == RESULT_OK)
        *ret_offset = end + 1;
    return r;
}

/* Version 8 (RFC 9562): ours to define. */
static struct uuid made_id(const struct stream_message *message)
{
    struct uuid id;
    struct siphash_key key = {(uint64_t)message->offset,
                              (uint64_t)message->hash};
    for (uint8_t half = 0; half < 2; half++) {
        uint64_t bits = siphash(&key, &half, 1);
        for (size_t i = 0; i < 8; i++)
            id.bytes[half * 8 + i] = (uint8_t)(bits >> (8 * i));
    }
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x80);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

enum result stream_log_view(const struct stream_message *message,
                            struct viewed *ret, struct fault *fault)
{
    const struct amqp_event *event = message->event;
    struct viewed_envelope envelope = {
        .message_id = event->message_id,
        .timestamp_s = event->timestamp_s,
        .received_ms = clock_now_ms(),
        .traceparent = event->traceparent,
    };
    if (event->body_cut)
        return fault_set(fault, RESULT_MALFORMED, "the body is too long");
    enum result r =
        viewed_decode(event->body, event->body_bytes, &envelope, ret, fault);
    if (r == RESULT_OK && !ret->id_given)
        ret->id = made_id(message);
    return r;
}
