#include "amqp_fixture.h"

#include <string.h>

#include "claim.h"

struct amqp_link *link_to(const char *url)
{
    struct amqp_options options = {
        .url = url, .name = "test", .connect_timeout_ms = 10 * 1000};
    struct amqp_link *link = NULL;
    struct fault fault = {0};
    assert_ok(amqp_link_open(&options, &link, &fault), &fault);
    return link;
}

static const struct amqp_event *event_within(struct amqp_link *link,
                                             uint32_t timeout_ms)
{
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    const struct amqp_event *event;
    struct fault fault = {0};
    for (;;) {
        assert_ok(amqp_link_next(link, &event, &fault), &fault);
        if (event->kind != AMQP_EVENT_NONE)
            return event;
        if (clock_monotonic_ms() > deadline_ms)
            return NULL;
        amqp_link_wait(link, -1, 20);
    }
}

const struct amqp_event *event_soon(struct amqp_link *link)
{
    const struct amqp_event *event = event_within(link, PATIENCE_MS);
    if (event == NULL)
        fail_msg("no event");
    return event;
}

void lost_soon(struct amqp_link *link, struct fault *ret_why)
{
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    const struct amqp_event *event;
    while (amqp_link_next(link, &event, ret_why) == RESULT_OK) {
        if (clock_monotonic_ms() > deadline_ms)
            fail_msg("the link is not lost");
        amqp_link_wait(link, -1, 20);
    }
}

void publish_text(struct amqp_link *link, const char *exchange, const char *id,
                  const char *body)
{
    struct fault fault = {0};
    struct amqp_message message = {.body = body,
                                   .body_bytes = strlen(body),
                                   .message_id = id,
                                   .persistent = true};
    assert_ok(amqp_link_publish(link, exchange, "", &message, &fault), &fault);
}

void make_queue(struct amqp_link *link, const char *exchange,
                const struct amqp_queue *queue)
{
    struct fault fault = {0};
    struct amqp_exchange fanout = {.name = exchange, .type = "fanout"};
    struct amqp_queue bound = *queue;
    bound.exchange = exchange;
    assert_ok(amqp_link_declare_exchange(link, &fanout, &fault), &fault);
    assert_ok(amqp_link_declare_queue(link, &bound, &fault), &fault);
}

size_t drain_queue(const char *url, const char *queue, uint32_t quiet_ms,
                   void (*each)(void *context, const struct amqp_event *event),
                   void *context)
{
    struct amqp_link *link = link_to(url);
    struct fault fault = {0};
    size_t count = 0;
    const struct amqp_event *event;
    assert_ok(amqp_link_consume(link, queue, 1000, NULL, &fault), &fault);
    while ((event = event_within(link, quiet_ms)) != NULL) {
        assert_int_equal(event->kind, AMQP_EVENT_DELIVERY);
        uint64_t tag = event->tag;
        if (each != NULL)
            each(context, event);
        assert_ok(amqp_link_ack(link, tag, false, &fault), &fault);
        count++;
    }
    amqp_link_close(link);
    return count;
}
