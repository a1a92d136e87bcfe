#include "dead_letter.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "confirm_publisher.h"
#include "log.h"
#include "topology.h"
#include "uuid.h"

enum {
    IN_FLIGHT_MAX = 256,
    RECONNECT_MS_MIN = 250,
    RECONNECT_MS_MAX = 10 * 1000,
    RETRY_MS = 1000,
    CONFIRM_TIMEOUT_MS = 30 * 1000,
    REFUSAL_TIMEOUT_MS = 5 * 1000, /* an election takes under a second */
};

struct dead_letters {
    struct confirm_publisher *publisher;
    pthread_mutex_t lock; /* guards what follows */
    struct dead_letter *first;
    struct dead_letter *last;
    size_t bytes; /* of all letters, waiting or in flight */
};

/* A message without a body takes memory too. */
static size_t letter_bytes(const struct dead_letter *letter)
{
    return sizeof *letter + letter->body_bytes;
}

/* A letter that was retried and comes back stays the same letter. */
static void read_past(const struct amqp_event *event,
                      struct dead_letter *letter)
{
    char text[AMQP_TEXT_BYTES_MAX] = "";
    struct uuid id;
    if (!amqp_event_text(event, DEAD_LETTER_ID, text) ||
        !uuid_parse(text, strlen(text), &id))
        id = uuid_make();
    uuid_format(&id, letter->id);
    (void)amqp_event_text(event, DEAD_LETTER_MESSAGE_ID, letter->message_id);
    letter->seen_ms = clock_now_ms();
    (void)amqp_event_integer(event, DEAD_LETTER_SEEN, &letter->seen_ms);
    (void)amqp_event_integer(event, DEAD_LETTER_RETRIES, &letter->retries);
}

void dead_letter_trace(const struct amqp_event *event,
                       char text[TRACE_PARENT_TEXT_BYTES])
{
    struct trace_parent trace = {.given = false};
    (void)trace_parent_parse(event->traceparent, strlen(event->traceparent),
                             &trace);
    trace_parent_format(&trace, text);
}

struct dead_letter *dead_letter_make(const struct amqp_event *event,
                                     const char *reason)
{
    struct dead_letter *letter = calloc(1, sizeof *letter);
    if (letter == NULL)
        return NULL;
    letter->body = malloc(event->body_bytes + 1);
    if (letter->body == NULL) {
        free(letter);
        return NULL;
    }
    if (event->body_bytes > 0)
        memcpy(letter->body, event->body, event->body_bytes);
    letter->body_bytes = event->body_bytes;
    strncpy(letter->reason, reason, sizeof letter->reason - 1);
    memcpy(letter->message_id, event->message_id, sizeof letter->message_id);
    memcpy(letter->content_type, event->content_type,
           sizeof letter->content_type);
    letter->delivery_count = event->delivery_count;
    letter->timestamp_s = event->timestamp_s;
    dead_letter_trace(event, letter->traceparent);
    read_past(event, letter);
    return letter;
}

void dead_letter_free(struct dead_letter *letter)
{
    if (letter == NULL)
        return;
    free(letter->body);
    free(letter);
}

static void append(struct dead_letters *letters, struct dead_letter *letter)
{
    letter->next = NULL;
    if (letters->last != NULL)
        letters->last->next = letter;
    else
        letters->first = letter;
    letters->last = letter;
}

static bool take(void *context, struct publish_item *item)
{
    struct dead_letters *letters = context;
    pthread_mutex_lock(&letters->lock);
    struct dead_letter *letter = letters->first;
    if (letter != NULL) {
        letters->first = letter->next;
        if (letters->first == NULL)
            letters->last = NULL;
    }
    pthread_mutex_unlock(&letters->lock);
    if (letter == NULL)
        return false;
    *item = (struct publish_item){
        .token = (uint64_t)(uintptr_t)letter,
        .message = {
            .body = letter->body,
            .body_bytes = letter->body_bytes,
            .message_id = letter->id,
            .content_type =
                letter->content_type[0] != '\0' ? letter->content_type : NULL,
            .type = "viewed.dead",
            .timestamp_s = letter->seen_ms / 1000,
            .persistent = true,
            .headers = {
                {.name = DEAD_LETTER_REASON, .text = letter->reason},
                {.name = DEAD_LETTER_MESSAGE_ID, .text = letter->message_id},
                {.name = DEAD_LETTER_TIMESTAMP, .integer = letter->timestamp_s},
                {.name = DEAD_LETTER_SEEN, .integer = letter->seen_ms},
                {.name = DEAD_LETTER_DELIVERIES,
                 .integer = letter->delivery_count},
                {.name = DEAD_LETTER_RETRIES, .integer = letter->retries},
                {.name =
                     letter->traceparent[0] != '\0' ? DEAD_LETTER_TRACE : NULL,
                 .text = letter->traceparent},
            }}};
    return true;
}

static void settle(void *context, uint64_t token, enum publish_outcome outcome)
{
    struct dead_letters *letters = context;
    struct dead_letter *letter = (struct dead_letter *)(uintptr_t)token;
    pthread_mutex_lock(&letters->lock);
    if (outcome == PUBLISH_CONFIRMED)
        letters->bytes -= letter_bytes(letter);
    else
        append(letters, letter);
    pthread_mutex_unlock(&letters->lock);
    if (outcome == PUBLISH_CONFIRMED)
        letter->settled(letter);
}

static void changed(void *context, enum publisher_state state, const char *why)
{
    (void)context;
    if (state == PUBLISHER_CONNECTING)
        log_warn("dead letters wait for the broker", log_text("why", why),
                 log_end());
}

enum result dead_letters_start(const struct amqp_options *amqp,
                               struct dead_letters **ret, struct fault *fault)
{
    struct dead_letters *letters = calloc(1, sizeof *letters);
    if (letters == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    pthread_mutex_init(&letters->lock, NULL);
    struct publisher_config config = {
        .amqp = *amqp,
        .exchanges = topology_exchanges,
        .exchanges_count = topology_exchanges_count,
        .queues = topology_queues,
        .queues_count = topology_queues_count,
        .exchange = TOPOLOGY_DEAD_EXCHANGE,
        .source = {.take = take, .settle = settle, .context = letters},
        .in_flight_max = IN_FLIGHT_MAX,
        .in_flight_bytes_max = DEAD_LETTER_BYTES_MAX,
        .reconnect_ms_min = RECONNECT_MS_MIN,
        .reconnect_ms_max = RECONNECT_MS_MAX,
        .retry_ms = RETRY_MS,
        .confirm_timeout_ms = CONFIRM_TIMEOUT_MS,
        .refusal_timeout_ms = REFUSAL_TIMEOUT_MS,
        .changed = changed,
    };
    enum result r =
        confirm_publisher_start(&config, &letters->publisher, fault);
    if (r != RESULT_OK) {
        pthread_mutex_destroy(&letters->lock);
        free(letters);
        return r;
    }
    *ret = letters;
    return RESULT_OK;
}

void dead_letters_stop(struct dead_letters *letters, uint32_t grace_ms)
{
    if (letters == NULL)
        return;
    confirm_publisher_stop(letters->publisher, grace_ms);
    while (letters->first != NULL) {
        struct dead_letter *letter = letters->first;
        letters->first = letter->next;
        dead_letter_free(letter);
    }
    pthread_mutex_destroy(&letters->lock);
    free(letters);
}

enum result dead_letters_submit(struct dead_letters *letters,
                                struct dead_letter *letter)
{
    pthread_mutex_lock(&letters->lock);
    bool fits = letters->bytes + letter_bytes(letter) <= DEAD_LETTER_BYTES_MAX;
    if (fits) {
        letters->bytes += letter_bytes(letter);
        append(letters, letter);
    }
    pthread_mutex_unlock(&letters->lock);
    if (!fits)
        return RESULT_LIMIT;
    confirm_publisher_wake(letters->publisher);
    return RESULT_OK;
}
