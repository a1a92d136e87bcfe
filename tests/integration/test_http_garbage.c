/* Whatever comes, the server lives and answers the next client. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "claim.h"
#include "http_fixture.h"
#include "seeded.h"

enum {
    REQUESTS = 1000,
    REQUEST_BYTES_MAX = 3000,
    STOPS = 40,
    CLIENTS_AT_STOP = 40,
};

static const char *const pieces[] = {
    "GET ",
    "POST ",
    "HEAD ",
    "PUT ",
    "/plain",
    "/echo",
    "/item/",
    "/mapped",
    "?a=1&b=2",
    "%2e%2e%2f",
    "%00",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "Host: a\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Type: application/json\r\n",
    "Connection: close\r\n",
    "Expect: 100-continue\r\n",
    "Cookie: a=b; c=\"d",
    "\r\n",
    "\n",
    "\r\n\r\n",
    " folded\r\n",
    "5\r\nabcde\r\n",
    "0\r\n\r\n",
    "ffffffff\r\n",
    ": ",
    "\t",
};

static size_t make_request(struct seeded *seeded, char *text)
{
    size_t bytes = 0;
    uint64_t count = seeded_below(seeded, 20);
    for (uint64_t i = 0; i < count; i++) {
        const char *piece =
            pieces[seeded_below(seeded, sizeof pieces / sizeof pieces[0])];
        size_t noise = 0;
        memcpy(text + bytes, piece, strlen(piece));
        bytes += strlen(piece);
        if (seeded_below(seeded, 4) == 0)
            noise = (size_t)seeded_below(seeded, 60);
        seeded_bytes(seeded, text + bytes, noise);
        bytes += noise;
    }
    return bytes;
}

static void garbage_ends_no_more_than_its_connection(void **state)
{
    (void)state;
    static struct http_fixture fixture;
    struct seeded seeded = seeded_start();
    char text[REQUEST_BYTES_MAX];
    http_fixture_make(&fixture);
    fixture.config.header_timeout_ms = 1000;
    fixture.config.body_timeout_ms = 1000;
    fixture.config.idle_timeout_ms = 1000;
    fixture.config.connections_max = 500;
    http_fixture_start(&fixture);
    for (int i = 0; i < REQUESTS; i++) {
        struct http_client client;
        http_client_open(&client, fixture.port);
        size_t bytes = make_request(&seeded, text);
        (void)http_client_send_bytes(&client, text, bytes);
        if (i % 10 == 0)
            (void)http_client_ends(&client, 20);
        http_client_close(&client, i % 3 == 0);
    }
    assert_int_equal(
        http_fixture_status(&fixture, "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n",
                            NULL, 0),
        200);
    http_fixture_stop(&fixture);
    assert_int_equal(fixture.closed, REQUESTS + 1);
    assert_int_equal(fixture.released_early, 0);
}

struct late_clients {
    struct http_client clients[CLIENTS_AT_STOP];
};

static void *send_the_rest(void *context)
{
    static const char rest[] = "ET / HTTP/1.1\r\nno colon\r\n\r\n";
    struct late_clients *late = context;
    for (int i = 0; i < CLIENTS_AT_STOP; i++)
        (void)http_client_send_bytes(&late->clients[i], rest, sizeof rest - 1);
    return NULL;
}

static void a_stop_amid_malformed_requests_ends_well(void **state)
{
    (void)state;
    for (int stop = 0; stop < STOPS; stop++) {
        static struct http_fixture fixture;
        struct late_clients late;
        pthread_t sender;
        http_fixture_make(&fixture);
        http_fixture_start(&fixture);
        for (int i = 0; i < CLIENTS_AT_STOP; i++) {
            http_client_open(&late.clients[i], fixture.port);
            assert_true(http_client_send_bytes(&late.clients[i], "G", 1));
        }
        assert_int_equal(pthread_create(&sender, NULL, send_the_rest, &late),
                         0);
        http_fixture_stop(&fixture);
        assert_int_equal(pthread_join(sender, NULL), 0);
        for (int i = 0; i < CLIENTS_AT_STOP; i++)
            http_client_close(&late.clients[i], false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_ends_no_more_than_its_connection),
        cmocka_unit_test(a_stop_amid_malformed_requests_ends_well),
    };
    return run_claims(tests, NULL, NULL);
}
