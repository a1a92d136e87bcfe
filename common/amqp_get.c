/*
 * What is done one message at a time: taking it from a queue without a
 * consumer, and looking at headers that only people ask for.
 */
#include <string.h>

#include "amqp_link_parts.h"
#include "clock.h"

enum {
    CONTENT_TIMEOUT_MS = 10 * 1000, /* of a message that was begun */
};

enum result amqp_link_ready(struct amqp_link *link, const char *queue,
                            int64_t *ret_ready, struct fault *fault)
{
    amqp_queue_declare_ok_t *ok =
        amqp_queue_declare(link->state, AMQP_CHANNEL, amqp_bytes_of(queue), 1,
                           0, 0, 0, amqp_empty_table);
    enum result r = amqp_link_reply(link, amqp_get_rpc_reply(link->state),
                                    "cannot look at a queue", fault);
    if (r == RESULT_OK)
        *ret_ready = ok->message_count;
    return r;
}

enum result amqp_link_ask(struct amqp_link *link, const char *queue,
                          struct fault *fault)
{
    amqp_queue_declare_t question = {.queue = amqp_bytes_of(queue),
                                     .passive = 1};
    int status = amqp_send_method(link->state, AMQP_CHANNEL,
                                  AMQP_QUEUE_DECLARE_METHOD, &question);
    return status == AMQP_STATUS_OK
               ? RESULT_OK
               : amqp_link_lost(link, status, "cannot look at a queue", fault);
}

enum result amqp_link_get(struct amqp_link *link, const char *queue,
                          const struct amqp_event **ret_event,
                          int64_t *ret_left, struct fault *fault)
{
    if (link->lost)
        return fault_set(fault, RESULT_UNAVAILABLE, "the link is lost");
    amqp_maybe_release_buffers(link->state);
    amqp_rpc_reply_t reply =
        amqp_basic_get(link->state, AMQP_CHANNEL, amqp_bytes_of(queue), 0);
    enum result r =
        amqp_link_reply(link, reply, "cannot take a message", fault);
    if (r != RESULT_OK)
        return r;
    if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD)
        return fault_set(fault, RESULT_NOT_FOUND, "the queue is empty");
    const amqp_basic_get_ok_t *got = reply.reply.decoded;
    *ret_left = got->message_count;
    amqp_link_begin_got(link, got);
    int64_t deadline_ms = clock_monotonic_ms() + CONTENT_TIMEOUT_MS;
    for (;;) {
        const struct amqp_event *event;
        r = amqp_link_next(link, &event, fault);
        if (r != RESULT_OK)
            return r;
        if (event->kind == AMQP_EVENT_DELIVERY) {
            *ret_event = event;
            return RESULT_OK;
        }
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        if (left_ms <= 0)
            return amqp_link_lost(link, AMQP_STATUS_TIMEOUT,
                                  "cannot take a message", fault);
        amqp_link_wait(link, -1, (uint32_t)left_ms);
    }
}

enum result amqp_link_return_all(struct amqp_link *link, struct fault *fault)
{
    /* Tag 0 and multiple: all that this channel holds. */
    int status = amqp_basic_nack(link->state, AMQP_CHANNEL, 0, 1, 1);
    if (status != AMQP_STATUS_OK)
        return amqp_link_lost(link, status, "cannot give back", fault);
    return RESULT_OK;
}

static const amqp_field_value_t *find(const amqp_table_t *table,
                                      const char *name)
{
    for (int i = 0; table != NULL && i < table->num_entries; i++)
        if (amqp_key_is(&table->entries[i], name))
            return &table->entries[i].value;
    return NULL;
}

static bool text_of(const amqp_field_value_t *value,
                    char text[AMQP_TEXT_BYTES_MAX])
{
    if (value == NULL || (value->kind != AMQP_FIELD_KIND_UTF8 &&
                          value->kind != AMQP_FIELD_KIND_BYTES))
        return false;
    amqp_copy_text(text, value->value.bytes);
    return true;
}

bool amqp_event_text(const struct amqp_event *event, const char *name,
                     char text[AMQP_TEXT_BYTES_MAX])
{
    return text_of(find(event->headers, name), text);
}

bool amqp_event_integer(const struct amqp_event *event, const char *name,
                        int64_t *ret)
{
    const amqp_field_value_t *value = find(event->headers, name);
    if (value == NULL ||
        (amqp_integer_of(value, 0) == 0 && amqp_integer_of(value, 1) == 1))
        return false; /* no number: it answers whatever is asked for */
    *ret = amqp_integer_of(value, 0);
    return true;
}

/* x-death is a list of tables, the latest first; RabbitMQ 4 and 3.10 alike. */
static int64_t death_time(const amqp_field_value_t *deaths)
{
    if (deaths == NULL || deaths->kind != AMQP_FIELD_KIND_ARRAY ||
        deaths->value.array.num_entries == 0)
        return 0;
    const amqp_field_value_t *latest = &deaths->value.array.entries[0];
    if (latest->kind != AMQP_FIELD_KIND_TABLE)
        return 0;
    const amqp_field_value_t *time = find(&latest->value.table, "time");
    return time != NULL && time->kind == AMQP_FIELD_KIND_TIMESTAMP
               ? (int64_t)time->value.u64
               : 0;
}

bool amqp_event_death(const struct amqp_event *event, struct amqp_death *ret)
{
    struct amqp_death death = {0};
    const amqp_table_t *headers = event->headers;
    if (!text_of(find(headers, "x-first-death-reason"), death.reason))
        return false;
    (void)text_of(find(headers, "x-first-death-queue"), death.queue);
    death.time_s = death_time(find(headers, "x-death"));
    *ret = death;
    return true;
}
