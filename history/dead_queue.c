#include "dead_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "dead_letter.h"
#include "siphash.h"
#include "topology.h"
#include "viewed_message.h"

enum {
    CONFIRM_TIMEOUT_MS = 30 * 1000,
};

struct dead_queue {
    struct amqp_options amqp;
    struct amqp_link *link;      /* takes, acknowledges */
    struct amqp_link *publisher; /* NULL before the first retry: an alarm stops
                                    a connection that publishes */
    uint64_t published;
    int64_t left;  /* to look at; -1 before the first */
    uint64_t held; /* letters, since the link opened */
    uint64_t tag;
    struct dead_found found;
};

enum result dead_queue_open(const struct amqp_options *amqp,
                            struct dead_queue **ret, struct fault *fault)
{
    struct dead_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    queue->amqp = *amqp;
    enum result r = topology_open(amqp, &queue->link, fault);
    if (r != RESULT_OK) {
        dead_queue_close(queue);
        return r;
    }
    queue->left = -1;
    *ret = queue;
    return RESULT_OK;
}

void dead_queue_close(struct dead_queue *queue)
{
    if (queue == NULL)
        return;
    amqp_link_close(queue->publisher);
    /* A link that is lost gives back by its end. */
    if (queue->held > 0)
        (void)amqp_link_return_all(queue->link, NULL);
    amqp_link_close(queue->link);
    free(queue);
}

/* The same for the same message, whoever asks: two hashes under keys that
 * everybody knows, in the form of a UUID of version 8 (RFC 9562). */
static struct uuid made_id(const struct amqp_event *event)
{
    uint64_t halves[2];
    struct uuid id;
    for (uint64_t i = 0; i < 2; i++) {
        struct siphash_key key = {i, (uint64_t)event->timestamp_s};
        key.k1 ^= siphash(&key, event->message_id, strlen(event->message_id));
        halves[i] = siphash(&key, event->body, event->body_bytes);
    }
    for (size_t i = 0; i < sizeof id.bytes; i++)
        id.bytes[i] = (uint8_t)(halves[i / 8] >> (8 * (i % 8)));
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x80);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

static bool uuid_of(const char *text, struct uuid *ret)
{
    return uuid_parse(text, strlen(text), ret);
}

/* What the broker moved keeps the message as it was. */
static void read_moved(const struct amqp_event *event, struct dead_found *found)
{
    struct amqp_death death = {0};
    bool died = amqp_event_death(event, &death);
    (void)snprintf(found->reason, sizeof found->reason,
                   "moved by the broker%s%.64s", died ? ": " : "",
                   death.reason);
    if (!amqp_event_text(event, DEAD_LETTER_MESSAGE_ID, found->message_id))
        memcpy(found->message_id, event->message_id, sizeof found->message_id);
    found->timestamp_s = event->timestamp_s;
    if (found->seen_ms == 0)
        found->seen_ms = death.time_s * 1000;
    char letter_id[AMQP_TEXT_BYTES_MAX] = "";
    (void)amqp_event_text(event, DEAD_LETTER_ID, letter_id);
    if (!uuid_of(letter_id, &found->id))
        found->id = made_id(event);
}

static void read_letter(const struct amqp_event *event,
                        struct dead_found *found)
{
    *found = (struct dead_found){.body = event->body,
                                 .body_bytes = event->body_bytes,
                                 .body_cut = event->body_cut};
    memcpy(found->content_type, event->content_type,
           sizeof found->content_type);
    dead_letter_trace(event, found->traceparent);
    (void)amqp_event_integer(event, DEAD_LETTER_SEEN, &found->seen_ms);
    (void)amqp_event_integer(event, DEAD_LETTER_RETRIES, &found->retries);
    if (!amqp_event_text(event, DEAD_LETTER_REASON, found->reason) ||
        !uuid_of(event->message_id, &found->id)) {
        read_moved(event, found);
        return;
    }
    (void)amqp_event_text(event, DEAD_LETTER_MESSAGE_ID, found->message_id);
    (void)amqp_event_integer(event, DEAD_LETTER_TIMESTAMP, &found->timestamp_s);
    (void)amqp_event_integer(event, DEAD_LETTER_DELIVERIES, &found->deliveries);
}

enum result dead_queue_next(struct dead_queue *queue,
                            const struct dead_found **ret, struct fault *fault)
{
    queue->tag = 0;
    if (queue->left == 0)
        return fault_set(fault, RESULT_NOT_FOUND, "no more letters");
    const struct amqp_event *event;
    int64_t behind = 0;
    enum result r =
        amqp_link_get(queue->link, TOPOLOGY_DEAD_QUEUE, &event, &behind, fault);
    if (r != RESULT_OK)
        return r;
    if (queue->left < 0)
        queue->left = behind < DEAD_QUEUE_LETTERS_MAX ? behind + 1
                                                      : DEAD_QUEUE_LETTERS_MAX;
    queue->left--;
    queue->held++;
    queue->tag = event->tag;
    read_letter(event, &queue->found);
    *ret = &queue->found;
    return RESULT_OK;
}

enum result dead_queue_discard(struct dead_queue *queue, struct fault *fault)
{
    uint64_t tag = queue->tag;
    queue->tag = 0;
    return amqp_link_ack(queue->link, tag, false, fault);
}

/* Waits until the broker has the message that was published last. */
static enum result wait_confirmed(struct dead_queue *queue, struct fault *fault)
{
    int64_t deadline_ms = clock_monotonic_ms() + CONFIRM_TIMEOUT_MS;
    for (bool returned = false;;) {
        const struct amqp_event *event;
        enum result r = amqp_link_next(queue->publisher, &event, fault);
        if (r != RESULT_OK)
            return r;
        if (event->kind == AMQP_EVENT_RETURNED)
            returned = true;
        if (event->kind == AMQP_EVENT_REFUSED || returned)
            return fault_set(fault, RESULT_UNAVAILABLE,
                             "the broker did not take the message back");
        if (event->kind == AMQP_EVENT_CONFIRMED &&
            event->tag >= queue->published)
            return RESULT_OK;
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        if (left_ms <= 0)
            return fault_set(fault, RESULT_UNAVAILABLE,
                             "the broker has not confirmed for %d s",
                             CONFIRM_TIMEOUT_MS / 1000);
        if (event->kind == AMQP_EVENT_NONE)
            amqp_link_wait(queue->publisher, -1, (uint32_t)left_ms);
    }
}

/*
 * The message-id to send it with: the one that it came with. A message that
 * has no id anywhere gets the letter's, so that a second retry is no second
 * view; one with an id in its body must not get another beside it.
 */
static const char *retry_message_id(const struct dead_found *found,
                                    const char letter_id[UUID_TEXT_BYTES])
{
    struct uuid id;
    if (uuid_of(found->message_id, &id))
        return found->message_id;
    struct viewed viewed;
    struct viewed_envelope envelope = {.timestamp_s = found->timestamp_s,
                                       .received_ms = clock_now_ms()};
    if (viewed_decode(found->body, found->body_bytes, &envelope, &viewed,
                      NULL) == RESULT_OK &&
        viewed.id_given)
        return found->message_id[0] != '\0' ? found->message_id : NULL;
    return letter_id;
}

static enum result send_again(struct dead_queue *queue, struct fault *fault)
{
    const struct dead_found *found = &queue->found;
    char letter_id[UUID_TEXT_BYTES];
    uuid_format(&found->id, letter_id);
    struct amqp_message message = {
        .body = found->body,
        .body_bytes = found->body_bytes,
        .message_id = retry_message_id(found, letter_id),
        .content_type =
            found->content_type[0] != '\0' ? found->content_type : NULL,
        .type = "viewed",
        .timestamp_s = found->timestamp_s,
        .persistent = true,
        .headers = {
            {.name = DEAD_LETTER_ID, .text = letter_id},
            {.name = DEAD_LETTER_RETRIES, .integer = found->retries + 1},
            {.name = DEAD_LETTER_SEEN, .integer = found->seen_ms},
            {.name = DEAD_LETTER_MESSAGE_ID, .text = found->message_id},
            {.name = found->traceparent[0] != '\0' ? DEAD_LETTER_TRACE : NULL,
             .text = found->traceparent},
        }};
    enum result r = amqp_link_publish(queue->publisher, "", topology_queue(),
                                      &message, fault);
    if (r != RESULT_OK)
        return r;
    queue->published++;
    return wait_confirmed(queue, fault);
}

static enum result open_publisher(struct dead_queue *queue, struct fault *fault)
{
    if (queue->publisher != NULL)
        return RESULT_OK;
    enum result r = amqp_link_open(&queue->amqp, &queue->publisher, fault);
    return r == RESULT_OK ? amqp_link_confirms(queue->publisher, fault) : r;
}

enum result dead_queue_retry(struct dead_queue *queue, struct fault *fault)
{
    const struct dead_found *found = &queue->found;
    if (found->retries >= DEAD_QUEUE_RETRIES_MAX)
        return fault_set(fault, RESULT_LIMIT,
                         "it was retried %d times and came back each time",
                         DEAD_QUEUE_RETRIES_MAX);
    if (found->body_cut)
        return fault_set(
            fault, RESULT_MALFORMED,
            "its body is longer than %d bytes: it cannot be a view",
            AMQP_BODY_BYTES_MAX);
    enum result r = open_publisher(queue, fault);
    if (r == RESULT_OK)
        r = send_again(queue, fault);
    return r == RESULT_OK ? dead_queue_discard(queue, fault) : r;
}
