/* Replies from memory and files, what is told about them, CORS, the end. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "http_fixture.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static struct http_fixture fixture;

static int start(void **state)
{
    (void)state;
    http_fixture_make(&fixture);
    fixture.config.cors_origins = "http://a.example,http://b.example:4000";
    http_fixture_start(&fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_fixture_stop(&fixture);
    return 0;
}

static void a_mapped_reply_is_released_once_after_it_was_sent(void **state)
{
    (void)state;
    struct http_client client;
    struct http_answer answer;
    http_client_open(&client, fixture.port);
    for (unsigned i = 1; i <= 10; i++) {
        unsigned released = fixture.released;
        unsigned whole = fixture.sent_whole;
        assert_true(http_client_send(&client, GET("/mapped")));
        assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
        assert_int_equal(answer.body_bytes, MAPPED_BYTES);
        assert_memory_equal(answer.body, fixture.mapped, MAPPED_BYTES);
        http_answer_done(&answer);
        assert_soon(fixture.released == released + 1);
        assert_int_equal(fixture.sent_whole, whole + 1);
    }
    assert_int_equal(fixture.sent_cut, 0);
    assert_int_equal(fixture.released_early, 0);
    http_client_close(&client, false);
}

static void a_file_is_sent_from_its_offset(void **state)
{
    (void)state;
    struct http_client client;
    struct http_answer answer;
    http_client_open(&client, fixture.port);
    for (int i = 0; i < 3; i++) {
        assert_true(http_client_send(&client, GET("/file")));
        assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
        assert_int_equal(answer.body_bytes, MAPPED_BYTES - 4096);
        assert_memory_equal(answer.body, fixture.mapped + 4096,
                            MAPPED_BYTES - 4096);
        http_answer_done(&answer);
    }
    http_client_close(&client, false);
}

static void head_of_a_mapped_reply_releases_it(void **state)
{
    (void)state;
    struct http_client client;
    struct http_answer answer;
    unsigned released = fixture.released;
    http_client_open(&client, fixture.port);
    assert_true(http_client_send(
        &client, "HEAD /mapped HTTP/1.1\r\nHost: a\r\n\r\n" GET("/plain")));
    assert_true(http_client_take(&client, true, PATIENCE_MS, &answer));
    http_answer_done(&answer);
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    assert_string_equal(answer.body, "plain\n");
    http_answer_done(&answer);
    http_client_close(&client, false);
    assert_soon(fixture.released == released + 1);
}

static void an_abort_says_not_whole_and_releases_once(void **state)
{
    (void)state;
    static const char *const requests[] = {GET("/mapped"), GET("/file")};
    for (unsigned i = 0; i < 20; i++) {
        struct http_client client;
        unsigned cut = fixture.sent_cut;
        unsigned whole = fixture.sent_whole;
        unsigned released = fixture.released;
        http_client_open_small(&client, fixture.port, 64 * 1024);
        assert_true(http_client_send(&client, requests[i % 2]));
        assert_true(http_client_skip(&client, 10 * 1024 * (i + 1)));
        http_client_close(&client, i % 4 < 2);
        assert_soon(fixture.sent_cut == cut + 1);
        assert_int_equal(fixture.sent_whole, whole);
        assert_soon(fixture.released == released + (i % 2 == 0 ? 1 : 0));
    }
    assert_int_equal(fixture.released_early, 0);
}

static void a_reply_with_too_many_headers_is_given_back(void **state)
{
    (void)state;
    unsigned cut = fixture.sent_cut;
    unsigned released = fixture.released;
    assert_int_equal(
        http_fixture_status(&fixture, GET("/mappedheads"), NULL, 0), 500);
    assert_soon(fixture.released == released + 1);
    assert_int_equal(fixture.sent_cut, cut + 1);
    assert_int_equal(fixture.released_early, 0);
}

static void a_handler_that_waits_outlives_its_client(void **state)
{
    (void)state;
    struct http_client client;
    unsigned told = fixture.sent_cut + fixture.sent_whole;
    fixture.gate = false;
    http_client_open(&client, fixture.port);
    assert_true(http_client_send(&client, GET("/slow")));
    assert_soon(fixture.waiting == 1);
    http_client_close(&client, true);
    fixture.gate = true;
    assert_soon(fixture.sent_cut + fixture.sent_whole == told + 1);
}

static bool allows(const char *origin, char *value, size_t value_bytes)
{
    struct http_client client;
    struct http_answer answer;
    char text[512];
    (void)snprintf(text, sizeof text,
                   "GET /plain HTTP/1.1\r\nHost: a\r\nOrigin: %s\r\n\r\n",
                   origin);
    http_client_open(&client, fixture.port);
    assert_true(http_client_send(&client, text));
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    assert_int_equal(answer.status, 200);
    char vary[64];
    assert_true(http_answer_header(&answer, "Vary", vary, sizeof vary));
    assert_string_equal(vary, "Origin");
    bool allowed = http_answer_header(&answer, "Access-Control-Allow-Origin",
                                      value, value_bytes);
    http_answer_done(&answer);
    http_client_close(&client, false);
    return allowed;
}

static void only_the_named_origins_are_allowed(void **state)
{
    (void)state;
    char value[256];
    assert_true(allows("http://a.example", value, sizeof value));
    assert_string_equal(value, "http://a.example");
    assert_true(allows("http://b.example:4000", value, sizeof value));
    assert_string_equal(value, "http://b.example:4000");
    assert_false(allows("http://a.example.evil", value, sizeof value));
    assert_false(allows("http://a.exampl", value, sizeof value));
    assert_false(
        allows("http://a.example,http://b.example:4000", value, sizeof value));
    assert_false(allows("null", value, sizeof value));
    assert_false(allows("*", value, sizeof value));
    assert_false(allows("", value, sizeof value));
}

static void a_running_request_ends_within_the_grace(void **state)
{
    (void)state;
    static struct http_fixture own;
    struct http_client waiting;
    struct http_client idle;
    struct http_answer answer;
    http_fixture_make(&own);
    http_fixture_start(&own);
    http_client_open(&idle, own.port);
    http_client_open(&waiting, own.port);
    assert_true(http_client_send(&waiting, GET("/mapped")));
    /* Nothing more is read: the reply is under way when the stop comes. */
    assert_soon(own.handled == 1);
    int64_t began_ms = clock_monotonic_ms();
    http_server_stop(own.server, 300);
    assert_in_range(clock_monotonic_ms() - began_ms, 200, 10 * 1000);
    assert_int_equal(own.released, 1);
    assert_int_equal(own.sent_cut, 1);
    assert_int_equal(own.closed, 2);
    assert_true(http_client_ends(&idle, PATIENCE_MS));
    assert_false(http_client_take(&waiting, false, PATIENCE_MS, &answer));
    http_client_close(&idle, false);
    http_client_close(&waiting, false);
    own.server = NULL;
    http_fixture_stop(&own);
}

static void *open_gate_later(void *context)
{
    struct http_fixture *own = context;
    pause_ms(300);
    own->gate = true;
    return NULL;
}

static void a_stop_waits_for_the_answer(void **state)
{
    (void)state;
    static struct http_fixture own;
    struct http_client client;
    struct http_answer answer;
    pthread_t opener;
    http_fixture_make(&own);
    http_fixture_start(&own);
    http_client_open(&client, own.port);
    assert_true(http_client_send(&client, GET("/slow")));
    assert_soon(own.waiting == 1);
    assert_int_equal(pthread_create(&opener, NULL, open_gate_later, &own), 0);
    http_server_stop(own.server, 20 * 1000);
    (void)pthread_join(opener, NULL);
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    assert_string_equal(answer.body, "slow\n");
    http_answer_done(&answer);
    assert_int_equal(own.sent_whole, 1);
    http_client_close(&client, false);
    own.server = NULL;
    http_fixture_stop(&own);
}

static void a_taken_port_is_said_in_words(void **state)
{
    (void)state;
    struct http_config config = fixture.config;
    struct http_server *server = NULL;
    struct fault fault = {0};
    config.port = fixture.port;
    assert_int_equal(http_server_start(&config, &server, &fault),
                     RESULT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "in use"));
    config.bind = "nowhere";
    assert_int_not_equal(http_server_start(&config, &server, &fault),
                         RESULT_OK);
    assert_non_null(strstr(fault.text, "nowhere"));
    assert_null(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mapped_reply_is_released_once_after_it_was_sent),
        cmocka_unit_test(a_file_is_sent_from_its_offset),
        cmocka_unit_test(head_of_a_mapped_reply_releases_it),
        cmocka_unit_test(an_abort_says_not_whole_and_releases_once),
        cmocka_unit_test(a_reply_with_too_many_headers_is_given_back),
        cmocka_unit_test(a_handler_that_waits_outlives_its_client),
        cmocka_unit_test(only_the_named_origins_are_allowed),
        cmocka_unit_test(a_running_request_ends_within_the_grace),
        cmocka_unit_test(a_stop_waits_for_the_answer),
        cmocka_unit_test(a_taken_port_is_said_in_words),
    };
    return run_claims(tests, start, stop);
}
