/* What a client may send, how long it may take, how many there may be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "claim.h"
#include "http_fixture.h"

enum {
    DEADLINE_MS = 1000,
    /* A deadline may be kept so late: looks, and a slow machine. */
    LATE_MS = 5000,
    /* The mapped answer's time at SEND_BYTES_PER_S, and that of who idles. */
    SEND_BYTES_PER_S = MAPPED_BYTES,
    SEND_MS = DEADLINE_MS + 1000,
};

#define PLAIN "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST                                                                   \
    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"

static struct http_fixture fixture;

static int start(void **state)
{
    (void)state;
    http_fixture_make(&fixture);
    fixture.config.header_timeout_ms = DEADLINE_MS;
    fixture.config.body_timeout_ms = DEADLINE_MS;
    fixture.config.idle_timeout_ms = DEADLINE_MS;
    fixture.config.send_bytes_per_s_min = SEND_BYTES_PER_S;
    http_fixture_start(&fixture);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_fixture_stop(&fixture);
    return 0;
}

/* The status of a request whose body is sent as long as it is taken. */
static unsigned status_of_body(const char *head, size_t body_bytes)
{
    static char piece[16 * 1024];
    struct http_client client;
    struct http_answer answer;
    unsigned status = 0;
    memset(piece, 'x', sizeof piece);
    http_client_open(&client, fixture.port);
    assert_true(http_client_send(&client, head));
    while (body_bytes > 0) {
        size_t bytes = body_bytes < sizeof piece ? body_bytes : sizeof piece;
        if (!http_client_send_bytes(&client, piece, bytes))
            break;
        body_bytes -= bytes;
    }
    if (http_client_take(&client, false, PATIENCE_MS, &answer)) {
        status = answer.status;
        http_answer_done(&answer);
    }
    http_client_close(&client, false);
    return status;
}

static unsigned status_of_length(size_t bytes)
{
    char head[512];
    (void)snprintf(head, sizeof head, POST "Content-Length: %zu\r\n\r\n",
                   bytes);
    return status_of_body(head, bytes);
}

static void a_body_to_the_limit_is_taken_and_one_byte_more_is_not(void **state)
{
    (void)state;
    assert_int_equal(status_of_length(ECHO_BYTES_MAX), 200);
    assert_int_equal(status_of_length(ECHO_BYTES_MAX + 1), 413);
    assert_int_equal(status_of_length(900 * 1024), 413);
}

/* The body is not waited for: its announcement is enough. */
static void a_huge_body_is_refused_before_it_comes(void **state)
{
    (void)state;
    assert_int_equal(
        http_fixture_status(
            &fixture, POST "Content-Length: 10000000000\r\n\r\n", NULL, 0),
        413);
    assert_int_equal(
        http_fixture_status(&fixture,
                            POST "Content-Length: 18446744073709551615\r\n\r\n",
                            NULL, 0),
        413);
    assert_int_equal(http_fixture_status(&fixture,
                                         "POST /no HTTP/1.1\r\nHost: a\r\n"
                                         "Content-Length: 10000000000\r\n\r\n",
                                         NULL, 0),
                     404);
}

static void a_client_that_asks_first_is_refused_before_it_sends(void **state)
{
    (void)state;
    struct http_client client;
    struct http_answer answer;
    assert_int_equal(http_fixture_status(&fixture,
                                         POST "Content-Length: 5000\r\n"
                                              "Expect: 100-continue\r\n\r\n",
                                         NULL, 0),
                     413);
    char leave[64] = "";
    http_client_open(&client, fixture.port);
    assert_true(http_client_send(&client, POST "Content-Length: 2\r\n"
                                               "Expect: 100-continue\r\n\r\n"));
    assert_true(recv(client.fd, leave, sizeof leave - 1, 0) > 0);
    assert_non_null(strstr(leave, " 100 "));
    assert_true(http_client_send(&client, "{}"));
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "{}");
    http_answer_done(&answer);
    http_client_close(&client, false);
}

static void chunks_over_the_limit_are_refused(void **state)
{
    (void)state;
    char text[4096] = POST "Transfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i <= ECHO_BYTES_MAX / 10; i++)
        (void)strcat(text, "a\r\n0123456789\r\n");
    (void)strcat(text, "0\r\n\r\n");
    assert_int_equal(http_fixture_status(&fixture, text, NULL, 0), 413);
}

/* Endless chunks: the client is cut off, not read for ever. */
static void endless_chunks_are_cut_off(void **state)
{
    (void)state;
    struct http_client client;
    char piece[4096 + 8] = "1000\r\n";
    memset(piece + 6, 'x', 4096);
    memcpy(piece + 6 + 4096, "\r\n", 2);
    http_client_open(&client, fixture.port);
    assert_true(
        http_client_send(&client, POST "Transfer-Encoding: chunked\r\n\r\n"));
    size_t sent = 0;
    while (http_client_send_bytes(&client, piece, sizeof piece))
        sent += sizeof piece;
    /* What is over the limit, and what the sockets hold. */
    assert_in_range(sent, 0, 32 << 20);
    http_client_close(&client, false);
}

static void a_long_head_is_refused(void **state)
{
    (void)state;
    static char text[HTTP_CONNECTION_BYTES * 3];
    static const size_t sizes[] = {HTTP_HEAD_BYTES_MAX + 1,
                                   HTTP_CONNECTION_BYTES,
                                   HTTP_CONNECTION_BYTES + 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int at = snprintf(text, sizeof text,
                          "GET /plain HTTP/1.1\r\nHost: a\r\nX: ");
        memset(text + at, 'x', sizes[i]);
        (void)strcpy(text + (size_t)at + sizes[i], "\r\n\r\n");
        assert_int_equal(http_fixture_status(&fixture, text, NULL, 0), 431);
        at = snprintf(text, sizeof text, "GET /");
        memset(text + at, 'x', sizes[i]);
        (void)strcpy(text + (size_t)at + sizes[i],
                     " HTTP/1.1\r\nHost: a\r\n\r\n");
        unsigned status = http_fixture_status(&fixture, text, NULL, 0);
        assert_true(status == 414 || status == 431);
    }
}

/* As browsers send to a host that many programs share. */
static void many_cookies_are_taken(void **state)
{
    (void)state;
    static char text[HTTP_HEAD_BYTES_MAX + 1];
    int at = snprintf(text, sizeof text,
                      "GET /plain HTTP/1.1\r\nHost: a\r\nCookie: ");
    for (int i = 0; i < 90; i++)
        at +=
            snprintf(text + at, sizeof text - (size_t)at,
                     "cookie%d=0123456789012345678901234567890123456789; ", i);
    (void)strcpy(text + at, "z=1\r\n\r\n");
    assert_int_equal(http_fixture_status(&fixture, text, NULL, 0), 200);
}

/* Sends a piece ever so often; how long until the server ends it. */
static int64_t trickle_until_cut(const char *head, const char *pieces)
{
    struct http_client client;
    http_client_open(&client, fixture.port);
    int64_t began_ms = clock_monotonic_ms();
    (void)http_client_send(&client, head);
    for (const char *at = pieces; *at != '\0'; at++) {
        if (http_client_ends(&client, 100) ||
            !http_client_send_bytes(&client, at, 1))
            break;
        if (clock_monotonic_ms() - began_ms > DEADLINE_MS + LATE_MS)
            break;
    }
    assert_true(http_client_ends(&client, PATIENCE_MS));
    int64_t took_ms = clock_monotonic_ms() - began_ms;
    http_client_close(&client, false);
    return took_ms;
}

static void a_client_that_trickles_is_cut_at_the_deadline(void **state)
{
    (void)state;
    char dots[256];
    memset(dots, 'x', sizeof dots - 1);
    dots[sizeof dots - 1] = '\0';
    static const char *const heads[] = {
        "",                                             /* request line */
        "GET /plain HTTP/1.1\r\nX: ",                   /* headers */
        POST "Content-Length: 1000\r\n\r\n",            /* body */
        POST "Transfer-Encoding: chunked\r\n\r\nff\r\n" /* chunk */
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        int64_t took_ms = trickle_until_cut(heads[i], dots);
        assert_in_range(took_ms, DEADLINE_MS - 100, DEADLINE_MS + LATE_MS);
    }
}

static void a_connection_that_says_nothing_is_cut(void **state)
{
    (void)state;
    struct http_client client;
    http_client_open(&client, fixture.port);
    assert_true(http_client_ends(&client, DEADLINE_MS + LATE_MS));
    http_client_close(&client, false);
    /* And one that has said something. */
    struct http_answer answer;
    http_client_open(&client, fixture.port);
    assert_true(http_client_send(&client, PLAIN));
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    http_answer_done(&answer);
    assert_true(http_client_ends(&client, DEADLINE_MS + LATE_MS));
    http_client_close(&client, false);
}

/* Takes a little ever so often: never nothing at all for long. */
static void pause_briefly(void)
{
    struct timespec pause = {.tv_nsec = 20 * 1000000L};
    (void)nanosleep(&pause, NULL);
}

static void a_body_that_pauses_is_not_cut(void **state)
{
    (void)state;
    struct http_client client;
    struct http_answer answer;
    fixture.gate = false;
    http_client_open(&client, fixture.port);
    assert_true(
        http_client_send(&client, "GET /bits HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_soon(fixture.waiting == 1);
    /* Over our deadline, under libmicrohttpd's, which is a second later. */
    int64_t until_ms = clock_monotonic_ms() + DEADLINE_MS * 3 / 2;
    while (clock_monotonic_ms() < until_ms)
        pause_briefly();
    fixture.gate = true;
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    assert_non_null(strstr(answer.body, "last"));
    http_answer_done(&answer);
    http_client_close(&client, false);
}

static void a_reader_slower_than_allowed_is_cut(void **state)
{
    (void)state;
    struct http_client client;
    char byte;
    unsigned cut = fixture.sent_cut;
    http_client_open(&client, fixture.port);
    int few = 4096;
    (void)setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof few);
    assert_true(
        http_client_send(&client, "GET /mapped HTTP/1.1\r\nHost: a\r\n\r\n"));
    int64_t began_ms = clock_monotonic_ms();
    while (fixture.sent_cut == cut &&
           clock_monotonic_ms() - began_ms < SEND_MS + LATE_MS) {
        (void)recv(client.fd, &byte, 1, MSG_DONTWAIT);
        pause_briefly();
    }
    assert_int_equal(fixture.sent_cut, cut + 1);
    http_client_close(&client, false);
}

static void a_slow_handler_is_not_cut(void **state)
{
    (void)state;
    struct http_client client;
    struct http_answer answer;
    fixture.gate = false;
    http_client_open(&client, fixture.port);
    assert_true(
        http_client_send(&client, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_soon(fixture.waiting == 1);
    assert_false(http_client_take(&client, false, DEADLINE_MS * 3, &answer));
    assert_false(client.ended);
    fixture.gate = true;
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    assert_string_equal(answer.body, "slow\n");
    http_answer_done(&answer);
    http_client_close(&client, false);
}

static void connections_over_the_limit_wait_or_end(void **state)
{
    (void)state;
    static struct http_fixture own; /* no other test's connections count */
    struct http_client clients[16];
    struct http_answer answer;
    unsigned served = 0;
    http_fixture_make(&own);
    own.config.connections_max = 8;
    http_fixture_start(&own);
    for (int i = 0; i < 16; i++) {
        http_client_open(&clients[i], own.port);
        (void)http_client_send(&clients[i],
                               "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    assert_soon(own.waiting == 8);
    pause_ms(300);
    assert_int_equal(own.waiting, 8);
    own.gate = true;
    for (int i = 0; i < 16; i++) {
        if (http_client_take(&clients[i], false, PATIENCE_MS, &answer)) {
            served++;
            http_answer_done(&answer);
        }
        http_client_close(&clients[i], false);
    }
    assert_in_range(served, 8, 16);
    /* And there is room again. */
    assert_soon(http_fixture_status(&own, PLAIN, NULL, 0) == 200);
    http_fixture_stop(&own);
}

static void one_address_may_have_so_many(void **state)
{
    (void)state;
    static struct http_fixture own;
    struct http_client clients[3];
    struct http_answer answer;
    http_fixture_make(&own);
    own.config.connections_per_address_max = 2;
    http_fixture_start(&own);
    for (int i = 0; i < 3; i++) {
        http_client_open(&clients[i], own.port);
        (void)http_client_send(&clients[i], PLAIN);
        bool served =
            http_client_take(&clients[i], false, PATIENCE_MS, &answer);
        assert_int_equal(served, i < 2);
        if (served)
            http_answer_done(&answer);
    }
    for (int i = 0; i < 3; i++)
        http_client_close(&clients[i], false);
    http_fixture_stop(&own);
}

static void a_client_that_reads_nothing_is_cut(void **state)
{
    (void)state;
    struct http_client client;
    unsigned cut = fixture.sent_cut;
    unsigned released = fixture.released;
    http_client_open_small(&client, fixture.port, 4096);
    assert_true(
        http_client_send(&client, "GET /mapped HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_soon_within(fixture.sent_cut == cut + 1, DEADLINE_MS + LATE_MS);
    assert_soon(fixture.released == released + 1);
    http_client_close(&client, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_to_the_limit_is_taken_and_one_byte_more_is_not),
        cmocka_unit_test(a_huge_body_is_refused_before_it_comes),
        cmocka_unit_test(a_client_that_asks_first_is_refused_before_it_sends),
        cmocka_unit_test(chunks_over_the_limit_are_refused),
        cmocka_unit_test(endless_chunks_are_cut_off),
        cmocka_unit_test(a_long_head_is_refused),
        cmocka_unit_test(many_cookies_are_taken),
        cmocka_unit_test(a_client_that_trickles_is_cut_at_the_deadline),
        cmocka_unit_test(a_connection_that_says_nothing_is_cut),
        cmocka_unit_test(a_body_that_pauses_is_not_cut),
        cmocka_unit_test(a_reader_slower_than_allowed_is_cut),
        cmocka_unit_test(a_slow_handler_is_not_cut),
        cmocka_unit_test(connections_over_the_limit_wait_or_end),
        cmocka_unit_test(one_address_may_have_so_many),
        cmocka_unit_test(a_client_that_reads_nothing_is_cut),
    };
    return run_claims(tests, start, stop);
}
