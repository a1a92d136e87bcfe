/* One link and a real broker: what comes through, and what is said of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp_fixture.h"
#include "claim.h"
#include "proxy.h"
#include "seeded.h"

#define EXCHANGE "e"
#define QUEUE    "q"

static struct broker broker;

static int start(void **state)
{
    (void)state;
    broker_shared(&broker);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    broker_done(&broker);
    return 0;
}

static int forget_queue(void **state)
{
    char path[160];
    (void)state;
    (void)snprintf(path, sizeof path, "/queues/%s/" QUEUE, broker.vhost);
    (void)broker_manage(&broker, "DELETE", path, NULL, NULL, 0);
    return 0;
}

static struct amqp_link *link_with_queue(void)
{
    static const struct amqp_queue queue = {.name = QUEUE};
    struct amqp_link *link = link_to(broker.url);
    make_queue(link, EXCHANGE, &queue);
    return link;
}

static void consume(struct amqp_link *link, uint16_t prefetch)
{
    struct fault fault = {0};
    assert_ok(amqp_link_consume(link, QUEUE, prefetch, NULL, &fault), &fault);
}

static void a_message_comes_with_all_its_properties(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct amqp_link *link = link_with_queue();
    struct amqp_message message = {
        .body = "{}",
        .body_bytes = 2,
        .message_id = "id-1",
        .content_type = "application/json",
        .type = "viewed",
        .timestamp_s = 1700000000,
        .persistent = true,
        .headers = {{.name = "traceparent", .text = "00-trace"},
                    {.name = "x-number", .integer = -5}}};
    assert_ok(amqp_link_confirms(link, &fault), &fault);
    assert_ok(amqp_link_publish(link, EXCHANGE, "", &message, &fault), &fault);
    const struct amqp_event *event = event_soon(link);
    assert_int_equal(event->kind, AMQP_EVENT_CONFIRMED);
    assert_int_equal(event->tag, 1);
    consume(link, 10);
    event = event_soon(link);
    assert_int_equal(event->kind, AMQP_EVENT_DELIVERY);
    assert_int_equal(event->body_bytes, 2);
    assert_memory_equal(event->body, "{}", 2);
    assert_string_equal(event->message_id, "id-1");
    assert_string_equal(event->content_type, "application/json");
    assert_string_equal(event->type, "viewed");
    assert_string_equal(event->traceparent, "00-trace");
    assert_int_equal(event->timestamp_s, 1700000000);
    assert_true(event->persistent);
    assert_false(event->redelivered);
    assert_false(event->body_cut);
    assert_int_equal(event->stream_offset, -1);
    amqp_link_close(link);
}

static void a_message_without_properties_has_none(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct amqp_link *link = link_with_queue();
    struct amqp_message full = {.body = "x",
                                .body_bytes = 1,
                                .message_id = "before",
                                .type = "t",
                                .timestamp_s = 5,
                                .persistent = true};
    struct amqp_message bare = {.body = "", .body_bytes = 0};
    assert_ok(amqp_link_publish(link, EXCHANGE, "", &full, &fault), &fault);
    assert_ok(amqp_link_publish(link, EXCHANGE, "", &bare, &fault), &fault);
    consume(link, 10);
    assert_string_equal(event_soon(link)->message_id, "before");
    const struct amqp_event *event = event_soon(link);
    assert_int_equal(event->kind, AMQP_EVENT_DELIVERY);
    assert_int_equal(event->body_bytes, 0);
    assert_string_equal(event->message_id, "");
    assert_string_equal(event->content_type, "");
    assert_string_equal(event->type, "");
    assert_int_equal(event->timestamp_s, 0);
    assert_false(event->persistent);
    amqp_link_close(link);
}

/* Around one frame's payload (131072 less 8), and around what is kept. */
static void bodies_of_any_size_arrive_or_are_marked_cut(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,
                                   1,
                                   131064 - 1,
                                   131064,
                                   131064 + 1,
                                   131064 * 2,
                                   AMQP_BODY_BYTES_MAX - 1,
                                   AMQP_BODY_BYTES_MAX,
                                   AMQP_BODY_BYTES_MAX + 1,
                                   AMQP_BODY_BYTES_MAX * 5,
                                   3};
    struct fault fault = {0};
    struct amqp_link *link = link_with_queue();
    uint32_t *body = malloc((size_t)AMQP_BODY_BYTES_MAX * 5);
    assert_non_null(body);
    for (uint32_t i = 0; i < (size_t)AMQP_BODY_BYTES_MAX * 5 / 4; i++)
        body[i] = i;
    consume(link, 1);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct amqp_message message = {.body = (const char *)body,
                                       .body_bytes = sizes[i],
                                       .message_id = "id"};
        bool cut = sizes[i] > AMQP_BODY_BYTES_MAX;
        size_t kept = cut ? (size_t)AMQP_BODY_BYTES_MAX : sizes[i];
        assert_ok(amqp_link_publish(link, EXCHANGE, "", &message, &fault),
                  &fault);
        const struct amqp_event *event = event_soon(link);
        assert_int_equal(event->kind, AMQP_EVENT_DELIVERY);
        assert_int_equal(event->body_cut, cut);
        assert_int_equal(event->body_bytes, kept);
        if (kept > 0)
            assert_memory_equal(event->body, body, kept);
        assert_ok(amqp_link_ack(link, event->tag, false, &fault), &fault);
    }
    free(body);
    amqp_link_close(link);
}

static void what_no_queue_takes_is_returned_and_then_confirmed(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct amqp_link *link = link_to(broker.url);
    struct amqp_exchange lonely = {.name = "lonely", .type = "fanout"};
    assert_ok(amqp_link_declare_exchange(link, &lonely, &fault), &fault);
    assert_ok(amqp_link_confirms(link, &fault), &fault);
    publish_text(link, "lonely", "first", "a body");
    publish_text(link, "lonely", "second", "");
    for (int i = 0; i < 2; i++) {
        const struct amqp_event *event = event_soon(link);
        assert_int_equal(event->kind, AMQP_EVENT_RETURNED);
        assert_string_equal(event->message_id, i == 0 ? "first" : "second");
        assert_string_equal(event->reason, "NO_ROUTE");
        event = event_soon(link);
        assert_int_equal(event->kind, AMQP_EVENT_CONFIRMED);
        assert_int_equal(event->tag, i + 1);
    }
    amqp_link_close(link);
}

static void a_full_queue_refuses(void **state)
{
    (void)state;
    static const struct amqp_queue one = {
        .name = QUEUE,
        .arguments = {{.name = "x-max-length", .integer = 1},
                      {.name = "x-overflow", .text = "reject-publish"}}};
    struct fault fault = {0};
    struct amqp_link *link = link_to(broker.url);
    make_queue(link, EXCHANGE, &one);
    assert_ok(amqp_link_confirms(link, &fault), &fault);
    publish_text(link, EXCHANGE, "a", "1");
    assert_int_equal(event_soon(link)->kind, AMQP_EVENT_CONFIRMED);
    publish_text(link, EXCHANGE, "b", "2");
    const struct amqp_event *event = event_soon(link);
    assert_int_equal(event->kind, AMQP_EVENT_REFUSED);
    assert_int_equal(event->tag, 2);
    amqp_link_close(link);
}

static void a_deleted_queue_is_told(void **state)
{
    (void)state;
    struct amqp_link *link = link_with_queue();
    consume(link, 10);
    broker_delete_queue(&broker, QUEUE);
    assert_int_equal(event_soon(link)->kind, AMQP_EVENT_CANCELLED);
    amqp_link_close(link);
}

static void no_more_than_the_prefetch_is_delivered(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct amqp_link *link = link_with_queue();
    const struct amqp_event *event;
    for (int i = 0; i < 10; i++)
        publish_text(link, EXCHANGE, "id", "x");
    consume(link, 3);
    for (uint64_t tag = 1; tag <= 3; tag++)
        assert_int_equal(event_soon(link)->tag, tag);
    amqp_link_wait(link, -1, 300);
    assert_ok(amqp_link_next(link, &event, &fault), &fault);
    assert_int_equal(event->kind, AMQP_EVENT_NONE);
    /* A multiple ack takes all three. */
    assert_ok(amqp_link_ack(link, 3, true, &fault), &fault);
    for (uint64_t tag = 4; tag <= 6; tag++)
        assert_int_equal(event_soon(link)->tag, tag);
    amqp_link_close(link);
}

static void what_was_not_acknowledged_comes_again(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct amqp_link *link = link_with_queue();
    publish_text(link, EXCHANGE, "a", "x");
    publish_text(link, EXCHANGE, "b", "x");
    publish_text(link, EXCHANGE, "c", "x");
    consume(link, 10);
    for (int i = 0; i < 3; i++)
        (void)event_soon(link);
    assert_ok(amqp_link_ack(link, 2, false, &fault), &fault);
    assert_ok(amqp_link_reject(link, 3, false, &fault), &fault);
    amqp_link_close(link);
    link = link_to(broker.url);
    consume(link, 10);
    const struct amqp_event *event = event_soon(link);
    assert_string_equal(event->message_id, "a");
    assert_true(event->redelivered);
    assert_ok(amqp_link_ack(link, event->tag, false, &fault), &fault);
    amqp_link_close(link);
    assert_int_equal(drain_queue(broker.url, QUEUE, 300, NULL, NULL), 0);
}

static void a_quorum_queue_counts_deliveries(void **state)
{
    (void)state;
    static const struct amqp_queue quorum = {
        .name = QUEUE,
        .arguments = {{.name = "x-queue-type", .text = "quorum"}}};
    struct fault fault = {0};
    struct amqp_link *link = link_to(broker.url);
    make_queue(link, EXCHANGE, &quorum);
    publish_text(link, EXCHANGE, "a", "x");
    consume(link, 10);
    for (int i = 0; i < 3; i++) {
        const struct amqp_event *event = event_soon(link);
        assert_int_equal(event->delivery_count, i);
        assert_ok(amqp_link_reject(link, event->tag, true, &fault), &fault);
    }
    assert_int_equal(event_soon(link)->delivery_count, 3);
    amqp_link_close(link);
}

static void after_a_cancel_what_was_under_way_is_still_handed_out(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct amqp_link *link = link_with_queue();
    const struct amqp_event *event;
    for (int i = 0; i < 200; i++)
        publish_text(link, EXCHANGE, "id", "some body");
    consume(link, 200);
    assert_int_equal(event_soon(link)->tag, 1);
    assert_ok(amqp_link_cancel(link, &fault), &fault);
    uint64_t last = 1;
    for (;;) {
        assert_ok(amqp_link_next(link, &event, &fault), &fault);
        if (event->kind == AMQP_EVENT_NONE)
            break;
        assert_int_equal(event->kind, AMQP_EVENT_DELIVERY);
        assert_int_equal(event->tag, ++last);
        assert_string_equal(event->message_id, "id");
    }
    assert_ok(amqp_link_ack(link, last, true, &fault), &fault);
    amqp_link_close(link);
    size_t left = drain_queue(broker.url, QUEUE, 300, NULL, NULL);
    assert_int_equal(last + left, 200);
}

static void calls_may_stand_between_deliveries(void **state)
{
    (void)state;
    static const struct amqp_queue queue = {.name = QUEUE};
    struct fault fault = {0};
    struct amqp_link *link = link_with_queue();
    char *body = malloc(300000);
    assert_non_null(body);
    memset(body, 'x', 300000);
    struct amqp_message message = {.body = body, .body_bytes = 300000};
    consume(link, 100);
    for (int i = 0; i < 20; i++) {
        assert_ok(amqp_link_publish(link, EXCHANGE, "", &message, &fault),
                  &fault);
        make_queue(link, EXCHANGE, &queue);
    }
    for (uint64_t tag = 1; tag <= 20; tag++) {
        const struct amqp_event *event = event_soon(link);
        assert_int_equal(event->tag, tag);
        assert_int_equal(event->body_bytes, 300000);
        assert_memory_equal(event->body, body, 300000);
        make_queue(link, EXCHANGE, &queue);
    }
    free(body);
    amqp_link_close(link);
}

/* The next event of that kind. */
static const struct amqp_event *next_of(struct amqp_link *link,
                                        enum amqp_event_kind kind)
{
    struct fault fault = {0};
    const struct amqp_event *event = NULL;
    int64_t deadline_ms = clock_monotonic_ms() + 10 * 1000;
    do {
        amqp_link_wait(link, -1, 100);
        assert_ok(amqp_link_next(link, &event, &fault), &fault);
        assert_true(clock_monotonic_ms() < deadline_ms);
    } while (event->kind != kind);
    return event;
}

static void
a_question_about_the_queue_is_answered_among_deliveries(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct amqp_link *link = link_with_queue();
    struct amqp_message message = {.body = "x", .body_bytes = 1};
    for (int i = 0; i < 5; i++)
        assert_ok(amqp_link_publish(link, EXCHANGE, "", &message, &fault),
                  &fault);
    consume(link, 2);
    (void)next_of(link, AMQP_EVENT_DELIVERY);
    assert_ok(amqp_link_ask(link, QUEUE, &fault), &fault);
    const struct amqp_event *event = next_of(link, AMQP_EVENT_QUEUE);
    assert_int_equal(event->consumers, 1);
    assert_int_equal(event->waiting, 3);
    assert_ok(amqp_link_cancel(link, &fault), &fault);
    assert_ok(amqp_link_ask(link, QUEUE, &fault), &fault);
    assert_int_equal(next_of(link, AMQP_EVENT_QUEUE)->consumers, 0);
    assert_ok(amqp_link_ask(link, "none", &fault), &fault);
    lost_soon(link, &fault);
    assert_non_null(strstr(fault.text, "NOT_FOUND"));
    amqp_link_close(link);
}

static void a_stream_is_read_from_an_offset(void **state)
{
    (void)state;
    static const struct amqp_queue stream = {
        .name = QUEUE,
        .arguments = {{.name = "x-queue-type", .text = "stream"}}};
    struct fault fault = {0};
    struct amqp_link *link = link_to(broker.url);
    make_queue(link, EXCHANGE, &stream);
    assert_ok(amqp_link_confirms(link, &fault), &fault);
    for (int i = 0; i < 10; i++)
        publish_text(link, EXCHANGE, "id", "x");
    for (uint64_t confirmed = 0; confirmed < 10;)
        confirmed = event_soon(link)->tag;
    assert_ok(amqp_link_consume(link, QUEUE, 10, "first", &fault), &fault);
    for (int i = 0; i < 10; i++)
        assert_int_equal(event_soon(link)->stream_offset, i);
    amqp_link_close(link);
    link = link_to(broker.url);
    assert_ok(amqp_link_consume(link, QUEUE, 10, "7", &fault), &fault);
    for (int i = 7; i < 10; i++)
        assert_int_equal(event_soon(link)->stream_offset, i);
    amqp_link_close(link);
}

static void a_refused_declaration_costs_the_link_and_says_why(void **state)
{
    (void)state;
    static const struct amqp_queue other = {
        .name = QUEUE, .arguments = {{.name = "x-max-length", .integer = 7}}};
    struct fault fault = {0};
    const struct amqp_event *event;
    struct amqp_link *link = link_with_queue();
    assert_int_equal(amqp_link_declare_queue(link, &other, &fault),
                     RESULT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "PRECONDITION_FAILED"));
    assert_int_equal(amqp_link_next(link, &event, &fault), RESULT_UNAVAILABLE);
    amqp_link_close(link);
}

static void a_closed_channel_says_why(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct amqp_link *link = link_with_queue();
    publish_text(link, "no-such-exchange", "id", "x");
    lost_soon(link, &fault);
    assert_non_null(strstr(fault.text, "NOT_FOUND"));
    amqp_link_close(link);
    link = link_with_queue();
    assert_ok(amqp_link_ack(link, 77, false, &fault), &fault);
    lost_soon(link, &fault);
    assert_non_null(strstr(fault.text, "unknown delivery tag"));
    amqp_link_close(link);
}

static void a_connection_closed_by_an_operator_says_why(void **state)
{
    (void)state;
    struct fault fault = {0};
    struct amqp_link *link = link_with_queue();
    char path[160];
    /* The vhost goes, and its connections with it. */
    (void)snprintf(path, sizeof path, "/vhosts/%s", broker.vhost);
    assert_int_equal(broker_manage(&broker, "DELETE", path, NULL, NULL, 0),
                     204);
    lost_soon(link, &fault);
    assert_non_null(strstr(fault.text, "CONNECTION_FORCED"));
    amqp_link_close(link);
    broker_make_vhost(&broker);
}

static void assert_cannot_open(const char *url, uint32_t timeout_ms,
                               const char *words)
{
    struct amqp_options options = {
        .url = url, .name = "test", .connect_timeout_ms = timeout_ms};
    struct amqp_link *link = NULL;
    struct fault fault = {0};
    int64_t began_ms = clock_monotonic_ms();
    assert_int_equal(amqp_link_open(&options, &link, &fault),
                     RESULT_UNAVAILABLE);
    assert_null(link);
    if (strstr(fault.text, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, fault.text);
    assert_null(strstr(fault.text, "secret"));
    assert_in_range(clock_monotonic_ms() - began_ms, 0,
                    (uint64_t)timeout_ms * 2 + 5000);
}

static void a_login_that_fails_says_why_and_no_password(void **state)
{
    (void)state;
    char url[BROKER_URL_BYTES];
    (void)snprintf(url, sizeof url, "amqp://guest:secret@127.0.0.1:%u/",
                   broker.port);
    assert_cannot_open(url, 5000, "ACCESS_REFUSED");
    (void)snprintf(url, sizeof url, "amqp://guest:guest@127.0.0.1:%u/none",
                   broker.port);
    assert_cannot_open(url, 5000, "vhost none");
}

static void a_peer_that_is_no_broker_is_given_up(void **state)
{
    (void)state;
    char url[BROKER_URL_BYTES];
    struct proxy *proxy = proxy_start(broker.port);
    broker_url_at(&broker, proxy_port(proxy), url);
    proxy_stall(proxy, true);
    assert_cannot_open(url, 2000, "cannot log in");
    proxy_stall(proxy, false);
    proxy_refuse(proxy, true); /* before or after the connection stands */
    assert_cannot_open(url, 5000, "cannot ");
    proxy_stop(proxy);
    assert_cannot_open(url, 5000, "cannot connect");
    broker_url_at(&broker, broker.management_port, url);
    assert_cannot_open(url, 5000, "cannot log in");
}

/* Twice as often as there are hosts, so that each comes first. */
static void of_several_hosts_one_that_answers_is_found(void **state)
{
    (void)state;
    char url[BROKER_URL_BYTES * 2];
    struct proxy *proxy = proxy_start(broker.port);
    uint16_t none = proxy_port(proxy);
    proxy_stop(proxy);
    (void)snprintf(url, sizeof url,
                   "amqp://guest:guest@127.0.0.1:%u,127.0.0.1:%u,"
                   "127.0.0.1:%u/%s",
                   none, broker.port, none, broker.vhost);
    for (int i = 0; i < 6; i++)
        amqp_link_close(link_to(url));
    (void)snprintf(url, sizeof url,
                   "amqp://guest:secret@127.0.0.1:%u,127.0.0.1:%u", none, none);
    char host[32];
    (void)snprintf(host, sizeof host, "127.0.0.1:%u: cannot connect", none);
    assert_cannot_open(url, 5000, host);
}

static struct amqp_link *quick_link_to(const char *url)
{
    struct amqp_options options = {.url = url,
                                   .name = "quick",
                                   .connect_timeout_ms = 10 * 1000,
                                   .heartbeat_s = 1};
    struct amqp_link *link = NULL;
    struct fault fault = {0};
    assert_ok(amqp_link_open(&options, &link, &fault), &fault);
    return link;
}

static void heartbeats_keep_an_idle_link(void **state)
{
    (void)state;
    struct fault fault = {0};
    const struct amqp_event *event;
    struct amqp_link *kept = quick_link_to(broker.url);
    struct amqp_link *left = quick_link_to(broker.url);
    for (int i = 0; i < 18; i++) {
        amqp_link_wait(kept, -1, 330);
        assert_ok(amqp_link_next(kept, &event, &fault), &fault);
        assert_int_equal(event->kind, AMQP_EVENT_NONE);
    }
    static const struct amqp_queue queue = {.name = QUEUE};
    make_queue(kept, EXCHANGE, &queue);
    amqp_link_close(kept);
    /* And nothing else did: the one that sent none was closed. */
    assert_int_equal(amqp_link_next(left, &event, &fault), RESULT_UNAVAILABLE);
    amqp_link_close(left);
}

static void a_peer_that_falls_silent_is_noticed(void **state)
{
    (void)state;
    struct fault fault = {0};
    char url[BROKER_URL_BYTES];
    struct proxy *proxy = proxy_start(broker.port);
    broker_url_at(&broker, proxy_port(proxy), url);
    struct amqp_link *link = quick_link_to(url);
    proxy_stall(proxy, true);
    int64_t began_ms = clock_monotonic_ms();
    lost_soon(link, &fault);
    assert_non_null(strstr(fault.text, "heartbeat"));
    assert_in_range(clock_monotonic_ms() - began_ms, 1000, 10 * 1000);
    amqp_link_close(link);
    proxy_stop(proxy);
}

/* A link is cut anywhere in the stream of frames: an error, never more. */
static void a_cut_anywhere_is_an_error(void **state)
{
    (void)state;
    struct seeded seeded = seeded_start();
    struct amqp_link *link = link_with_queue();
    struct fault fault = {0};
    const struct amqp_event *event;
    char url[BROKER_URL_BYTES];
    char body[2000];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    for (int i = 0; i < 100; i++)
        publish_text(link, EXCHANGE, "id", body);
    amqp_link_close(link);
    struct proxy *proxy = proxy_start(broker.port);
    broker_url_at(&broker, proxy_port(proxy), url);
    for (int i = 0; i < 100; i++) {
        struct amqp_options options = {
            .url = url, .name = "cut", .connect_timeout_ms = 10 * 1000};
        proxy_cut_after(proxy, PROXY_FROM_SERVER,
                        1 + seeded_below(&seeded, 60000));
        link = NULL;
        enum result r = amqp_link_open(&options, &link, &fault);
        if (r == RESULT_OK)
            r = amqp_link_consume(link, QUEUE, 1000, NULL, &fault);
        while (r == RESULT_OK) {
            amqp_link_wait(link, -1, 100);
            r = amqp_link_next(link, &event, &fault);
            if (r == RESULT_OK && event->kind == AMQP_EVENT_DELIVERY)
                assert_int_equal(event->body_bytes, sizeof body - 1);
        }
        assert_int_not_equal(fault.text[0], '\0');
        amqp_link_close(link);
        assert_false(proxy_cut_is_due(proxy));
    }
    proxy_stop(proxy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CLAIM(test) cmocka_unit_test_teardown(test, forget_queue)
        CLAIM(a_message_comes_with_all_its_properties),
        CLAIM(a_message_without_properties_has_none),
        CLAIM(bodies_of_any_size_arrive_or_are_marked_cut),
        CLAIM(what_no_queue_takes_is_returned_and_then_confirmed),
        CLAIM(a_full_queue_refuses),
        CLAIM(a_deleted_queue_is_told),
        CLAIM(no_more_than_the_prefetch_is_delivered),
        CLAIM(what_was_not_acknowledged_comes_again),
        CLAIM(a_quorum_queue_counts_deliveries),
        CLAIM(after_a_cancel_what_was_under_way_is_still_handed_out),
        CLAIM(calls_may_stand_between_deliveries),
        CLAIM(a_question_about_the_queue_is_answered_among_deliveries),
        CLAIM(a_stream_is_read_from_an_offset),
        CLAIM(a_refused_declaration_costs_the_link_and_says_why),
        CLAIM(a_closed_channel_says_why),
        CLAIM(a_connection_closed_by_an_operator_says_why),
        CLAIM(a_login_that_fails_says_why_and_no_password),
        CLAIM(a_peer_that_is_no_broker_is_given_up),
        CLAIM(of_several_hosts_one_that_answers_is_found),
        CLAIM(heartbeats_keep_an_idle_link),
        CLAIM(a_peer_that_falls_silent_is_noticed),
        CLAIM(a_cut_anywhere_is_an_error),
    };
    return run_claims(tests, start, stop);
}
