/* Whatever happens to the link, each message taken is settled once, and each
 * confirmed is in the queue. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp_fixture.h"
#include "claim.h"
#include "confirm_publisher.h"
#include "proxy.h"
#include "seeded.h"

#define EXCHANGE "viewed"
#define QUEUE    "all"

enum {
    TOKENS_MAX = 5000,
    BODY_BYTES_MAX = 64 * 1024,
};

enum token_state {
    TOKEN_WAITS,
    TOKEN_IN_FLIGHT,
    TOKEN_CONFIRMED,
};

/* A source that keeps account. */
struct source {
    size_t tokens;
    size_t body_bytes;
    char *body;
    enum token_state tokens_state[TOKENS_MAX + 1];
    size_t queue[TOKENS_MAX]; /* that wait; a ring */
    size_t queue_first;
    size_t queue_count;
    char id[40];
    _Atomic size_t offered; /* how many of the tokens may be taken */
    _Atomic size_t confirmed;
    _Atomic size_t returned;
    _Atomic size_t refused;
    _Atomic size_t unknown;
    _Atomic size_t in_flight;
    _Atomic size_t in_flight_most;
    _Atomic size_t mistakes; /* settled what was not in flight */
    _Atomic size_t flushes;
    _Atomic size_t ready; /* times that it was */
    _Atomic size_t blocked;
    _Atomic size_t connecting;
};

static const struct amqp_exchange exchanges[] = {
    {.name = EXCHANGE, .type = "fanout"}};
static const struct amqp_queue queues[] = {
    {.name = QUEUE,
     .arguments = {{.name = "x-queue-type", .text = "quorum"}},
     .exchange = EXCHANGE}};
static const struct amqp_queue small_queues[] = {
    {.name = QUEUE,
     .arguments = {{.name = "x-max-length", .integer = 50},
                   {.name = "x-overflow", .text = "reject-publish"}},
     .exchange = EXCHANGE}};

static struct broker broker;
static struct source *source;
/* Ended after a failed test too, before what they use. */
static struct confirm_publisher *publisher;
static struct proxy *proxy;

static bool take(void *context, struct publish_item *item)
{
    struct source *s = context;
    if (s->queue_count == 0 || s->queue[s->queue_first] > s->offered)
        return false;
    size_t token = s->queue[s->queue_first];
    s->queue_first = (s->queue_first + 1) % TOKENS_MAX;
    s->queue_count--;
    s->tokens_state[token] = TOKEN_IN_FLIGHT;
    s->in_flight++;
    if (s->in_flight > s->in_flight_most)
        s->in_flight_most = s->in_flight;
    (void)snprintf(s->id, sizeof s->id, "%zu", token);
    *item = (struct publish_item){.token = token,
                                  .message = {.body = s->body,
                                              .body_bytes = s->body_bytes,
                                              .message_id = s->id,
                                              .persistent = true}};
    return true;
}

static void settle(void *context, uint64_t token, enum publish_outcome outcome)
{
    struct source *s = context;
    if (token == 0 || token > s->tokens ||
        s->tokens_state[token] != TOKEN_IN_FLIGHT) {
        s->mistakes++;
        return;
    }
    s->in_flight--;
    if (outcome == PUBLISH_CONFIRMED) {
        s->tokens_state[token] = TOKEN_CONFIRMED;
        s->confirmed++;
        return;
    }
    s->tokens_state[token] = TOKEN_WAITS;
    s->queue_first = (s->queue_first + TOKENS_MAX - 1) % TOKENS_MAX;
    s->queue[s->queue_first] = token;
    s->queue_count++;
    if (outcome == PUBLISH_RETURNED)
        s->returned++;
    else if (outcome == PUBLISH_REFUSED)
        s->refused++;
    else
        s->unknown++;
}

static void flush(void *context)
{
    struct source *s = context;
    s->flushes++;
}

static void changed(void *context, enum publisher_state state, const char *why)
{
    struct source *s = context;
    (void)why;
    if (state == PUBLISHER_READY)
        s->ready++;
    else if (state == PUBLISHER_BLOCKED)
        s->blocked++;
    else
        s->connecting++;
}

static void source_make(size_t tokens, size_t body_bytes)
{
    source = calloc(1, sizeof *source);
    assert_non_null(source);
    source->tokens = tokens;
    source->offered = tokens;
    source->body_bytes = body_bytes;
    source->body = malloc(BODY_BYTES_MAX);
    assert_non_null(source->body);
    memset(source->body, 'x', BODY_BYTES_MAX);
    for (size_t i = 0; i < tokens; i++)
        source->queue[source->queue_count++] = i + 1;
}

static void source_done(void)
{
    if (source != NULL)
        free(source->body);
    free(source);
    source = NULL;
}

static struct publisher_config config_of(const char *url)
{
    return (struct publisher_config){
        .amqp = {.url = url, .name = "test", .connect_timeout_ms = 5000},
        .exchanges = exchanges,
        .exchanges_count = 1,
        .queues = queues,
        .queues_count = 1,
        .exchange = EXCHANGE,
        .source = {take, settle, flush, source},
        .in_flight_max = 500,
        .in_flight_bytes_max = 4 << 20,
        .reconnect_ms_min = 10,
        .reconnect_ms_max = 100,
        .retry_ms = 50,
        .confirm_timeout_ms = 20 * 1000,
        .refusal_timeout_ms = 20 * 1000,
        .changed = changed,
    };
}

static void publisher_begin(const struct publisher_config *config)
{
    struct fault fault = {0};
    assert_ok(confirm_publisher_start(config, &publisher, &fault), &fault);
}

static void publisher_end(uint32_t grace_ms)
{
    confirm_publisher_stop(publisher, grace_ms);
    publisher = NULL;
}

static void proxy_begin(char url[BROKER_URL_BYTES])
{
    proxy = proxy_start(broker.port);
    broker_url_at(&broker, proxy_port(proxy), url);
}

static void proxy_end(void)
{
    proxy_stop(proxy);
    proxy = NULL;
}

static void count_id(void *context, const struct amqp_event *event)
{
    unsigned *counts = context;
    long token = atol(event->message_id);
    assert_in_range(token, 1, TOKENS_MAX);
    counts[token]++;
}

/* All that were confirmed are in the queue; returns how many it held. */
static size_t assert_queue_holds_confirmed(void)
{
    unsigned *counts = calloc(TOKENS_MAX + 1, sizeof *counts);
    assert_non_null(counts);
    size_t held = drain_queue(broker.url, QUEUE, 1000, count_id, counts);
    for (size_t token = 1; token <= source->tokens; token++)
        if (source->tokens_state[token] == TOKEN_CONFIRMED &&
            counts[token] == 0)
            fail_msg("%zu was confirmed and is not in the queue", token);
    free(counts);
    return held;
}

static void assert_account_is_even(void)
{
    assert_int_equal(source->mistakes, 0);
    assert_int_equal(source->in_flight, 0);
    assert_int_equal(source->queue_count + source->confirmed, source->tokens);
}

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

/* Each test begins without the queue of the last. */
static int forget_all(void **state)
{
    char path[160];
    (void)state;
    publisher_end(0);
    proxy_end();
    source_done();
    (void)snprintf(path, sizeof path, "/queues/%s/" QUEUE, broker.vhost);
    (void)broker_manage(&broker, "DELETE", path, NULL, NULL, 0);
    return 0;
}

static void all_is_published_once_where_nothing_fails(void **state)
{
    (void)state;
    source_make(TOKENS_MAX, 200);
    struct publisher_config config = config_of(broker.url);
    publisher_begin(&config);
    assert_soon(source->confirmed == TOKENS_MAX);
    assert_int_equal(confirm_publisher_state(publisher), PUBLISHER_READY);
    publisher_end(1000);
    assert_account_is_even();
    assert_in_range(source->in_flight_most, 2, 500);
    assert_true(source->flushes > 0);
    assert_int_equal(assert_queue_holds_confirmed(), TOKENS_MAX);
}

static void cuts_anywhere_lose_nothing(void **state)
{
    (void)state;
    enum { CUTS = 40 };
    struct seeded seeded = seeded_start();
    char url[BROKER_URL_BYTES];
    proxy_begin(url);
    source_make(TOKENS_MAX, 200);
    source->offered = 0;
    struct publisher_config config = config_of(url);
    publisher_begin(&config);
    for (int cut = 1; cut <= CUTS; cut++) {
        enum proxy_side side = seeded_below(&seeded, 2) == 0
                                   ? PROXY_FROM_CLIENT
                                   : PROXY_FROM_SERVER;
        /* From the log in to the last of the publishes or confirms. */
        uint64_t most = side == PROXY_FROM_CLIENT ? 50 * 1000 : 1500;
        proxy_cut_after(proxy, side, 1 + seeded_below(&seeded, most));
        proxy_delay(proxy, (uint32_t)seeded_below(&seeded, 4));
        source->offered = (size_t)(TOKENS_MAX / CUTS * cut);
        confirm_publisher_wake(publisher);
        assert_soon(!proxy_cut_is_due(proxy) ||
                    source->confirmed == source->offered);
    }
    assert_soon(source->confirmed == TOKENS_MAX);
    publisher_end(1000);
    proxy_end();
    assert_account_is_even();
    assert_true(source->unknown > 0);
    assert_true(assert_queue_holds_confirmed() >= TOKENS_MAX);
}

static void a_stop_in_the_middle_confirms_only_what_is_there(void **state)
{
    (void)state;
    struct seeded seeded = seeded_start();
    source_make(TOKENS_MAX, 200);
    struct publisher_config config = config_of(broker.url);
    publisher_begin(&config);
    size_t enough = 100 + (size_t)seeded_below(&seeded, TOKENS_MAX / 2);
    assert_soon(source->confirmed >= enough);
    publisher_end(0);
    assert_account_is_even();
    assert_true(assert_queue_holds_confirmed() >= source->confirmed);
}

static void a_stop_with_grace_waits_for_confirms(void **state)
{
    (void)state;
    char url[BROKER_URL_BYTES];
    proxy_begin(url);
    source_make(100, 10);
    source->offered = 0;
    struct publisher_config config = config_of(url);
    publisher_begin(&config);
    assert_soon(source->ready == 1);
    proxy_delay(proxy, 500);
    source->offered = 100;
    confirm_publisher_wake(publisher);
    assert_soon(source->in_flight > 0);
    publisher_end(20 * 1000);
    assert_account_is_even();
    assert_int_equal(source->unknown, 0);
    assert_true(source->confirmed > 0);
    proxy_end();
}

static void a_wake_publishes_at_once(void **state)
{
    (void)state;
    source_make(100, 10);
    source->offered = 0;
    struct publisher_config config = config_of(broker.url);
    publisher_begin(&config);
    assert_soon(source->ready == 1);
    for (size_t i = 1; i <= 20; i++) {
        source->offered = i;
        confirm_publisher_wake(publisher);
        assert_soon_within(source->confirmed == i, 3000);
    }
    publisher_end(0);
    assert_account_is_even();
}

static void a_deleted_queue_is_made_again_and_filled(void **state)
{
    (void)state;
    source_make(TOKENS_MAX, 100);
    source->offered = 100;
    struct publisher_config config = config_of(broker.url);
    publisher_begin(&config);
    assert_soon(source->confirmed == 100);
    broker_delete_queue(&broker, QUEUE);
    source->offered = 300;
    confirm_publisher_wake(publisher);
    assert_soon(source->confirmed == 300);
    assert_true(source->returned > 0);
    assert_int_equal(source->unknown, 0);
    size_t returned = source->returned;
    broker_unbind(&broker, EXCHANGE, QUEUE);
    source->offered = 500;
    confirm_publisher_wake(publisher);
    assert_soon(source->confirmed == 500);
    assert_true(source->returned > returned);
    publisher_end(0);
    /* The first hundred went with the first queue. */
    for (size_t token = 1; token <= 100; token++)
        source->tokens_state[token] = TOKEN_WAITS;
    assert_int_equal(source->mistakes, 0);
    assert_int_equal(assert_queue_holds_confirmed(), 400);
}

static void what_a_full_queue_refuses_is_offered_again(void **state)
{
    (void)state;
    source_make(300, 100);
    struct publisher_config config = config_of(broker.url);
    config.queues = small_queues;
    publisher_begin(&config);
    assert_soon(source->refused > 0);
    size_t drained = 0;
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (source->confirmed < 300 && clock_monotonic_ms() < deadline_ms)
        drained += drain_queue(broker.url, QUEUE, 100, NULL, NULL);
    assert_int_equal(source->confirmed, 300);
    publisher_end(0);
    assert_account_is_even();
    assert_int_equal(source->unknown, 0);
    drained += drain_queue(broker.url, QUEUE, 300, NULL, NULL);
    assert_int_equal(drained, 300);
}

static void
a_link_on_which_all_is_refused_is_left_and_nothing_is_lost(void **state)
{
    (void)state;
    source_make(300, 100);
    struct publisher_config config = config_of(broker.url);
    config.queues = small_queues;
    config.refusal_timeout_ms = 200;
    publisher_begin(&config);
    assert_soon(source->ready >= 3);
    assert_true(source->refused > 0);
    size_t drained = 0;
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (source->confirmed < 300 && clock_monotonic_ms() < deadline_ms)
        drained += drain_queue(broker.url, QUEUE, 100, NULL, NULL);
    assert_int_equal(source->confirmed, 300);
    publisher_end(0);
    assert_account_is_even();
    drained += drain_queue(broker.url, QUEUE, 300, NULL, NULL);
    assert_true(drained >= 300);
}

static void no_more_is_in_flight_than_allowed(void **state)
{
    (void)state;
    char url[BROKER_URL_BYTES];
    proxy_begin(url);
    source_make(1000, 1000);
    source->offered = 0;
    struct publisher_config config = config_of(url);
    config.in_flight_bytes_max = 10 * 1000;
    publisher_begin(&config);
    assert_soon(source->ready == 1);
    proxy_stall(proxy, true);
    source->offered = 1000;
    confirm_publisher_wake(publisher);
    assert_soon(source->in_flight == 10);
    pause_ms(300);
    assert_int_equal(source->in_flight_most, 10);
    proxy_stall(proxy, false);
    assert_soon(source->confirmed == 1000);
    publisher_end(0);
    proxy_end();
    assert_account_is_even();
    assert_int_equal(source->in_flight_most, 10);
    assert_int_equal(assert_queue_holds_confirmed(), 1000);
}

static void a_silent_peer_is_left_after_the_timeout(void **state)
{
    (void)state;
    char url[BROKER_URL_BYTES];
    proxy_begin(url);
    source_make(500, 100);
    source->offered = 100;
    struct publisher_config config = config_of(url);
    config.confirm_timeout_ms = 500;
    config.amqp.connect_timeout_ms = 500;
    publisher_begin(&config);
    assert_soon(source->confirmed == 100);
    proxy_stall(proxy, true);
    source->offered = 500;
    confirm_publisher_wake(publisher);
    assert_soon(source->unknown >= 400);
    assert_int_equal(confirm_publisher_state(publisher), PUBLISHER_CONNECTING);
    proxy_cut_after(proxy, PROXY_FROM_CLIENT, 0);
    proxy_stall(proxy, false);
    assert_soon(source->confirmed == 500);
    publisher_end(0);
    proxy_end();
    assert_account_is_even();
    assert_true(assert_queue_holds_confirmed() >= 500);
}

/* More than the sockets hold: the send itself stands still. */
static void a_peer_that_reads_no_more_is_left_in_mid_send(void **state)
{
    (void)state;
    char url[BROKER_URL_BYTES];
    proxy_begin(url);
    source_make(500, BODY_BYTES_MAX);
    source->offered = 1;
    struct publisher_config config = config_of(url);
    config.in_flight_bytes_max = 64 << 20;
    config.amqp.send_timeout_ms = 1000;
    config.amqp.connect_timeout_ms = 500;
    publisher_begin(&config);
    assert_soon(source->confirmed == 1);
    proxy_stall(proxy, true);
    source->offered = 500;
    confirm_publisher_wake(publisher);
    assert_soon(source->unknown > 0);
    proxy_cut_after(proxy, PROXY_FROM_CLIENT, 0);
    proxy_stall(proxy, false);
    assert_soon(source->confirmed == 500);
    publisher_end(0);
    proxy_end();
    assert_account_is_even();
    assert_true(assert_queue_holds_confirmed() >= 500);
}

static void a_stop_without_a_broker_is_quick(void **state)
{
    (void)state;
    char url[BROKER_URL_BYTES];
    proxy_begin(url);
    source_make(10, 10);
    struct publisher_config config = config_of(url);
    config.reconnect_ms_min = config.reconnect_ms_max = 60 * 1000;
    config.amqp.connect_timeout_ms = 1000;
    proxy_refuse(proxy, true);
    publisher_begin(&config);
    assert_soon(source->connecting > 0);
    int64_t began_ms = clock_monotonic_ms();
    publisher_end(10 * 1000);
    /* And while it waits for an answer to its log in. */
    proxy_refuse(proxy, false);
    proxy_stall(proxy, true);
    publisher_begin(&config);
    publisher_end(10 * 1000);
    assert_in_range(clock_monotonic_ms() - began_ms, 0, 8000);
    assert_int_equal(source->confirmed, 0);
    assert_account_is_even();
    proxy_end();
}

static void a_blocked_broker_is_waited_for(void **state)
{
    (void)state;
    struct broker shared = broker;
    broker_own(&broker, NULL);
    source_make(2000, 100);
    source->offered = 100;
    struct publisher_config config = config_of(broker.url);
    config.confirm_timeout_ms = 1000;
    publisher_begin(&config);
    assert_soon(source->confirmed == 100);
    broker_alarm(&broker, true);
    source->offered = 2000;
    confirm_publisher_wake(publisher);
    assert_soon(confirm_publisher_state(publisher) == PUBLISHER_BLOCKED);
    /* Longer than the timeout: a blocked broker owes no confirms. */
    pause_ms(3000);
    assert_int_equal(confirm_publisher_state(publisher), PUBLISHER_BLOCKED);
    assert_true(source->confirmed < 2000);
    broker_alarm(&broker, false);
    assert_soon(source->confirmed == 2000);
    assert_int_equal(source->ready, 2);
    assert_int_equal(source->connecting, 0);
    assert_int_equal(source->unknown, 0);
    publisher_end(0);
    assert_account_is_even();
    assert_int_equal(assert_queue_holds_confirmed(), 2000);
    broker_done(&broker);
    broker = shared;
}

static void a_halted_broker_is_left_and_found_again(void **state)
{
    (void)state;
    struct broker shared = broker;
    broker_own(&broker, NULL);
    source_make(TOKENS_MAX, 100);
    struct publisher_config config = config_of(broker.url);
    config.confirm_timeout_ms = 1000;
    config.amqp.connect_timeout_ms = 500;
    config.reconnect_ms_max = 200;
    publisher_begin(&config);
    assert_soon(source->confirmed >= 200);
    broker_halt(&broker);
    assert_soon(source->unknown > 0);
    assert_soon(confirm_publisher_state(publisher) == PUBLISHER_CONNECTING);
    broker_go_on(&broker);
    assert_soon(source->confirmed == TOKENS_MAX);
    publisher_end(0);
    assert_account_is_even();
    assert_true(assert_queue_holds_confirmed() >= TOKENS_MAX);
    broker_done(&broker);
    broker = shared;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CLAIM(test) cmocka_unit_test_teardown(test, forget_all)
        CLAIM(all_is_published_once_where_nothing_fails),
        CLAIM(cuts_anywhere_lose_nothing),
        CLAIM(a_stop_in_the_middle_confirms_only_what_is_there),
        CLAIM(a_stop_with_grace_waits_for_confirms),
        CLAIM(a_wake_publishes_at_once),
        CLAIM(a_deleted_queue_is_made_again_and_filled),
        CLAIM(what_a_full_queue_refuses_is_offered_again),
        CLAIM(a_link_on_which_all_is_refused_is_left_and_nothing_is_lost),
        CLAIM(no_more_is_in_flight_than_allowed),
        CLAIM(a_silent_peer_is_left_after_the_timeout),
        CLAIM(a_peer_that_reads_no_more_is_left_in_mid_send),
        CLAIM(a_stop_without_a_broker_is_quick),
        CLAIM(a_blocked_broker_is_waited_for),
        CLAIM(a_halted_broker_is_left_and_found_again),
    };
    return run_claims(tests, start, stop);
}
