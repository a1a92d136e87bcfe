/*
 * Frames to events. A message comes as a METHOD frame, a HEADER frame and as
 * many BODY frames as its size asks for; other methods may come between two
 * messages, never within one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "amqp_link_parts.h"

void amqp_copy_text(char text[AMQP_TEXT_BYTES_MAX], amqp_bytes_t bytes)
{
    size_t length = bytes.len < AMQP_TEXT_BYTES_MAX - 1
                        ? bytes.len
                        : AMQP_TEXT_BYTES_MAX - 1;
    if (length > 0)
        memcpy(text, bytes.bytes, length);
    text[length] = '\0';
}

bool amqp_key_is(const amqp_table_entry_t *entry, const char *name)
{
    return entry->key.len == strlen(name) &&
           memcmp(entry->key.bytes, name, entry->key.len) == 0;
}

int64_t amqp_integer_of(const amqp_field_value_t *value, int64_t otherwise)
{
    switch (value->kind) {
    case AMQP_FIELD_KIND_I8:
        return value->value.i8;
    case AMQP_FIELD_KIND_U8:
        return value->value.u8;
    case AMQP_FIELD_KIND_I16:
        return value->value.i16;
    case AMQP_FIELD_KIND_U16:
        return value->value.u16;
    case AMQP_FIELD_KIND_I32:
        return value->value.i32;
    case AMQP_FIELD_KIND_U32:
        return value->value.u32;
    case AMQP_FIELD_KIND_I64:
        return value->value.i64;
    default:
        return otherwise;
    }
}

static void read_headers(const amqp_table_t *headers, struct amqp_event *event)
{
    for (int i = 0; i < headers->num_entries; i++) {
        const amqp_table_entry_t *entry = &headers->entries[i];
        if (amqp_key_is(entry, "x-stream-offset"))
            event->stream_offset = amqp_integer_of(&entry->value, -1);
        else if (amqp_key_is(entry, "x-delivery-count"))
            event->delivery_count = amqp_integer_of(&entry->value, 0);
        else if (amqp_key_is(entry, "traceparent") &&
                 entry->value.kind == AMQP_FIELD_KIND_UTF8)
            amqp_copy_text(event->traceparent, entry->value.value.bytes);
    }
}

static void read_properties(const amqp_basic_properties_t *properties,
                            struct amqp_event *event)
{
    amqp_flags_t flags = properties->_flags;
    if (flags & AMQP_BASIC_MESSAGE_ID_FLAG)
        amqp_copy_text(event->message_id, properties->message_id);
    if (flags & AMQP_BASIC_CONTENT_TYPE_FLAG)
        amqp_copy_text(event->content_type, properties->content_type);
    if (flags & AMQP_BASIC_TYPE_FLAG)
        amqp_copy_text(event->type, properties->type);
    if (flags & AMQP_BASIC_TIMESTAMP_FLAG)
        event->timestamp_s = (int64_t)properties->timestamp;
    if (flags & AMQP_BASIC_DELIVERY_MODE_FLAG)
        event->persistent =
            properties->delivery_mode == AMQP_DELIVERY_PERSISTENT;
    if (flags & AMQP_BASIC_HEADERS_FLAG) {
        event->headers = &properties->headers;
        read_headers(&properties->headers, event);
    }
}

/* Only the fields: clearing the texts' whole arrays would cost more than
 * reading the frame. */
static void event_clear(struct amqp_event *event)
{
    event->kind = AMQP_EVENT_NONE;
    event->tag = 0;
    event->multiple = false;
    event->redelivered = false;
    event->persistent = false;
    event->body_cut = false;
    event->body = NULL;
    event->body_bytes = 0;
    event->message_id[0] = '\0';
    event->content_type[0] = '\0';
    event->type[0] = '\0';
    event->traceparent[0] = '\0';
    event->timestamp_s = 0;
    event->stream_offset = -1;
    event->delivery_count = 0;
    event->headers = NULL;
    event->reason[0] = '\0';
}

static enum result closed_by_broker(struct amqp_link *link, const char *what,
                                    amqp_bytes_t words, struct fault *fault)
{
    link->lost = true;
    return fault_set(fault, RESULT_UNAVAILABLE,
                     "the broker closed the %s: %.*s", what, (int)words.len,
                     words.len > 0 ? (const char *)words.bytes : "");
}

/* Starts a message, or completes an event that is a method alone. */
static enum result read_method(struct amqp_link *link,
                               const amqp_method_t *method, struct fault *fault)
{
    struct amqp_event *event = &link->event;
    void *decoded = method->decoded;
    event_clear(event);
    switch (method->id) {
    case AMQP_BASIC_DELIVER_METHOD: {
        const amqp_basic_deliver_t *deliver = decoded;
        event->tag = deliver->delivery_tag;
        event->redelivered = deliver->redelivered != 0;
        link->reading = AMQP_READING_DELIVERY;
        return RESULT_OK;
    }
    case AMQP_BASIC_RETURN_METHOD:
        amqp_copy_text(event->reason,
                       ((amqp_basic_return_t *)decoded)->reply_text);
        link->reading = AMQP_READING_RETURN;
        return RESULT_OK;
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *ack = decoded;
        event->kind = AMQP_EVENT_CONFIRMED;
        event->tag = ack->delivery_tag;
        event->multiple = ack->multiple != 0;
        return RESULT_OK;
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *nack = decoded;
        event->kind = AMQP_EVENT_REFUSED;
        event->tag = nack->delivery_tag;
        event->multiple = nack->multiple != 0;
        return RESULT_OK;
    }
    case AMQP_BASIC_CANCEL_METHOD:
        event->kind = AMQP_EVENT_CANCELLED;
        return RESULT_OK;
    case AMQP_QUEUE_DECLARE_OK_METHOD: {
        const amqp_queue_declare_ok_t *ok = decoded;
        event->kind = AMQP_EVENT_QUEUE;
        event->waiting = ok->message_count;
        event->consumers = ok->consumer_count;
        return RESULT_OK;
    }
    case AMQP_CONNECTION_BLOCKED_METHOD:
        event->kind = AMQP_EVENT_BLOCKED;
        amqp_copy_text(event->reason,
                       ((amqp_connection_blocked_t *)decoded)->reason);
        return RESULT_OK;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        event->kind = AMQP_EVENT_UNBLOCKED;
        return RESULT_OK;
    case AMQP_CHANNEL_CLOSE_METHOD:
        return closed_by_broker(link, "channel",
                                ((amqp_channel_close_t *)decoded)->reply_text,
                                fault);
    case AMQP_CONNECTION_CLOSE_METHOD:
        return closed_by_broker(
            link, "connection",
            ((amqp_connection_close_t *)decoded)->reply_text, fault);
    default:
        return RESULT_OK; /* an answer that nobody waits for */
    }
}

void amqp_link_begin_got(struct amqp_link *link, const amqp_basic_get_ok_t *got)
{
    event_clear(&link->event);
    link->event.tag = got->delivery_tag;
    link->event.redelivered = got->redelivered != 0;
    link->reading = AMQP_READING_DELIVERY;
}

static void message_complete(struct amqp_link *link)
{
    struct amqp_event *event = &link->event;
    event->kind = link->reading == AMQP_READING_DELIVERY ? AMQP_EVENT_DELIVERY
                                                         : AMQP_EVENT_RETURNED;
    event->body = link->body;
    event->body_bytes = link->body_bytes;
    link->reading = AMQP_READING_METHOD;
    link->header_read = false;
}

static enum result read_header(struct amqp_link *link,
                               const amqp_frame_t *frame, struct fault *fault)
{
    uint64_t size = frame->payload.properties.body_size;
    size_t kept =
        size < AMQP_BODY_BYTES_MAX ? (size_t)size : (size_t)AMQP_BODY_BYTES_MAX;
    if (kept > link->body_capacity) {
        char *body = realloc(link->body, kept);
        if (body == NULL) {
            link->lost = true;
            return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
        }
        link->body = body;
        link->body_capacity = kept;
    }
    read_properties(frame->payload.properties.decoded, &link->event);
    link->event.body_cut = size > AMQP_BODY_BYTES_MAX;
    link->header_read = true;
    link->body_bytes = 0;
    link->body_left = size;
    if (size == 0)
        message_complete(link);
    return RESULT_OK;
}

static void read_body(struct amqp_link *link, amqp_bytes_t fragment)
{
    size_t room = AMQP_BODY_BYTES_MAX - link->body_bytes;
    size_t kept = fragment.len < room ? fragment.len : room;
    if (kept > 0)
        memcpy(link->body + link->body_bytes, fragment.bytes, kept);
    link->body_bytes += kept;
    link->body_left -=
        fragment.len < link->body_left ? fragment.len : link->body_left;
    if (link->body_left == 0)
        message_complete(link);
}

static enum result read_frame(struct amqp_link *link, const amqp_frame_t *frame,
                              struct fault *fault)
{
    bool in_message = link->reading != AMQP_READING_METHOD;
    switch (frame->frame_type) {
    case AMQP_FRAME_METHOD:
        if (in_message && frame->channel == AMQP_CHANNEL)
            break;
        return read_method(link, &frame->payload.method, fault);
    case AMQP_FRAME_HEADER:
        if (!in_message || link->header_read)
            break;
        return read_header(link, frame, fault);
    case AMQP_FRAME_BODY:
        if (!in_message || !link->header_read)
            break;
        read_body(link, frame->payload.body_fragment);
        return RESULT_OK;
    default:
        return RESULT_OK; /* a heartbeat; rabbitmq-c has noted it */
    }
    link->lost = true;
    return fault_set(fault, RESULT_UNAVAILABLE,
                     "the broker sent frames out of order");
}

enum result amqp_link_next(struct amqp_link *link,
                           const struct amqp_event **ret_event,
                           struct fault *fault)
{
    if (link->lost)
        return fault_set(fault, RESULT_UNAVAILABLE, "the link is lost");
    /* All that was decoded has been copied: give the memory back. */
    if (link->reading == AMQP_READING_METHOD)
        amqp_maybe_release_buffers(link->state);
    link->event.kind = AMQP_EVENT_NONE;
    while (link->event.kind == AMQP_EVENT_NONE) {
        amqp_frame_t frame;
        struct timeval no_wait = {0};
        int status =
            amqp_simple_wait_frame_noblock(link->state, &frame, &no_wait);
        if (status == AMQP_STATUS_TIMEOUT)
            break;
        if (status != AMQP_STATUS_OK)
            return amqp_link_lost(link, status, "connection lost", fault);
        enum result r = read_frame(link, &frame, fault);
        if (r != RESULT_OK)
            return r;
    }
    *ret_event = &link->event;
    return RESULT_OK;
}
