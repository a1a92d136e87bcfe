/* The bytes rule over real sockets: what arrived counts, and no more. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "claim.h"
#include "http_client.h"
#include "seeded.h"
#include "temp_folder.h"
#include "view_fixture.h"

enum {
    LARGE_BYTES = 24 << 20, /* more than the kernel takes of one reply */
    SMALL_BYTES = 100 * 1000,
    RECEIVE_BYTES = 64 * 1024,
    /* What a client's kernel may have acknowledged unread. */
    UNREAD_BYTES = 1 << 20,
    /* Twice as long as a delivery waits to be looked at, and more: what has
     * not counted by then does not. */
    QUIET_MS = 400,
};

static char folder[TEMP_PATH_BYTES];
static char outbox_path[TEMP_PATH_BYTES];
static struct config config;
static struct api api;
static struct counting counting;
static struct catalog *catalog;
static struct outbox *outbox;
static struct deliveries *deliveries;
static struct http_server *http;
static struct condition catalog_condition;
static uint16_t port;
static unsigned viewers;

static void make_file(const char *name, size_t bytes)
{
    char path[TEMP_PATH_BYTES];
    temp_path(config.videos, name, path);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    (void)close(fd);
}

static void make_folder(void)
{
    temp_folder_make(folder);
    temp_path(folder, "outbox.db", outbox_path);
    config = (struct config){.bind = "127.0.0.1", .http_connections_max = 200};
    (void)snprintf(config.videos, sizeof config.videos, "%s", folder);
    make_file("large.mp4", LARGE_BYTES);
    make_file("other.mp4", LARGE_BYTES);
    make_file("small.mp4", SMALL_BYTES);
}

static int start(void **state)
{
    struct fault fault = {0};
    (void)state;
    make_folder();
    condition_init(&catalog_condition, true, "");
    assert_ok(catalog_open(folder, &catalog, NULL, &fault), &fault);
    struct outbox_config outbox_config = {.path = outbox_path,
                                          .recall_ms = 60 * 1000};
    assert_ok(outbox_open(&outbox_config, &outbox, &fault), &fault);
    struct sessions_config sessions = {.sessions_max = 1000,
                                       .idle_ms = 30 * 60 * 1000,
                                       .recall = outbox_recall,
                                       .recall_context = outbox};
    memset(&counting, 0, sizeof counting);
    assert_ok(sessions_open(&sessions, &counting.sessions, &fault), &fault);
    counting.outbox = outbox;
    assert_ok(deliveries_start(&counting, &deliveries, &fault), &fault);
    api = (struct api){.config = &config,
                       .catalog = catalog,
                       .catalog_condition = &catalog_condition,
                       .counting = &counting,
                       .deliveries = deliveries,
                       .outbox = outbox};
    assert_ok(api_start(&api, &http, &fault), &fault);
    port = http_server_port(http);
    return 0;
}

static void stop_http(void)
{
    http_server_stop(http, 5000);
    http = NULL;
    deliveries_stop(deliveries);
    deliveries = NULL;
}

static int stop(void **state)
{
    (void)state;
    files_may_have(RLIM_INFINITY);
    stop_http();
    (void)outbox_close(outbox, NULL);
    sessions_close(counting.sessions);
    catalog_close(catalog);
    condition_done(&catalog_condition);
    temp_folder_remove(folder);
    return 0;
}

/* Views that the bytes rule has counted so far. */
static unsigned views(void)
{
    return (unsigned)counting.views_bytes;
}

static void assert_stays(unsigned wanted)
{
    pause_ms(QUIET_MS);
    assert_int_equal(views(), wanted);
}

static void ask(struct http_client *client, const char *method,
                const char *video, unsigned viewer, const char *headers)
{
    char text[1024];
    char id[UUID_TEXT_BYTES];
    struct uuid uuid = viewer_id(viewer);
    uuid_format(&uuid, id);
    (void)snprintf(text, sizeof text,
                   "%s /video?id=%s HTTP/1.1\r\nHost: a\r\n"
                   "Cookie: viewer=%s\r\n%s\r\n",
                   method, video, id, headers);
    assert_true(http_client_send(client, text));
}

/* One whole answer on a connection of its own. */
static unsigned fetch(const char *video, unsigned viewer, const char *headers)
{
    struct http_client client;
    struct http_answer answer;
    http_client_open(&client, port);
    ask(&client, "GET", video, viewer, headers);
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    unsigned status = answer.status;
    http_answer_done(&answer);
    http_client_close(&client, false);
    return status;
}

/* Reads `bytes` of the answer, head and all, and then goes away. */
static void fetch_part(const char *video, unsigned viewer, size_t bytes,
                       bool reset)
{
    struct http_client client;
    http_client_open_small(&client, port, RECEIVE_BYTES);
    ask(&client, "GET", video, viewer, "");
    assert_true(http_client_skip(&client, bytes));
    http_client_close(&client, reset);
}

static void a_whole_answer_is_one_view(void **state)
{
    (void)state;
    static const char *const headers[] = {"", "Connection: close\r\n",
                                          "Range: bytes=0-\r\n"};
    for (unsigned i = 0; i < 3; i++) {
        assert_in_range(fetch("large.mp4", ++viewers, headers[i]), 200, 206);
        assert_soon(views() == i * 2 + 1);
        assert_in_range(fetch("small.mp4", viewers, headers[i]), 200, 206);
        assert_soon(views() == i * 2 + 2);
    }
}

static void a_second_whole_answer_adds_none(void **state)
{
    (void)state;
    ++viewers;
    for (int i = 0; i < 3; i++)
        assert_int_equal(fetch("small.mp4", viewers, ""), 200);
    assert_soon(views() == 1);
    assert_stays(1);
}

/* Acknowledged in many pieces, while they are looked at. */
static void every_whole_answer_counts(void **state)
{
    (void)state;
    enum { TIMES = 60 };
    for (unsigned i = 1; i <= TIMES; i++) {
        assert_int_equal(fetch("large.mp4", ++viewers,
                               i % 2 == 0 ? "" : "Connection: close\r\n"),
                         200);
        assert_soon(views() == i);
    }
}

/* The server has handed all over and closed long before it arrives. */
static void a_slow_reader_counts_when_it_has_read(void **state)
{
    (void)state;
    static const char *const headers[] = {"", "Connection: close\r\n"};
    for (unsigned i = 0; i < 2; i++) {
        struct http_client client;
        http_client_open_small(&client, port, RECEIVE_BYTES);
        ask(&client, "GET", "other.mp4", ++viewers, headers[i]);
        assert_true(http_client_skip(&client, 1000));
        assert_stays(i);
        assert_true(http_client_skip(&client, LARGE_BYTES - 1000));
        http_client_close(&client, false);
        assert_soon(views() == i + 1);
    }
}

/* A file that the kernel takes whole: handing it over says nothing. */
static void a_file_in_the_kernels_buffers_has_not_arrived(void **state)
{
    (void)state;
    static const char *const headers[] = {"", "Connection: close\r\n"};
    make_file("middle.mp4", 2 << 20);
    assert_ok(catalog_refresh(catalog, NULL, NULL), &(struct fault){""});
    for (unsigned i = 0; i < 2; i++) {
        struct http_client client;
        http_client_open_small(&client, port, 4096);
        ask(&client, "GET", "middle.mp4", ++viewers, headers[i]);
        assert_true(http_client_skip(&client, 500));
        assert_stays(i);
        assert_true(http_client_skip(&client, (2 << 20) - 500));
        http_client_close(&client, false);
        assert_soon(views() == i + 1);
        /* And one that goes away instead. */
        http_client_open_small(&client, port, 4096);
        ask(&client, "GET", "middle.mp4", ++viewers, headers[i]);
        assert_true(http_client_skip(&client, 500));
        http_client_close(&client, true);
        assert_stays(i + 1);
    }
}

static void an_abort_counts_what_arrived(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool reset = i % 2 == 0;
        fetch_part("large.mp4", ++viewers, LARGE_BYTES / 2 - UNREAD_BYTES,
                   reset);
        assert_stays(i);
        fetch_part("large.mp4", ++viewers, LARGE_BYTES / 2 + UNREAD_BYTES,
                   reset);
        assert_soon(views() == i + 1);
    }
}

static void parts_of_one_viewer_add_up(void **state)
{
    (void)state;
    char range[64];
    ++viewers;
    fetch_part("large.mp4", viewers, LARGE_BYTES / 3, true);
    assert_stays(0);
    /* The same bytes again add nothing. */
    fetch_part("large.mp4", viewers, LARGE_BYTES / 3, false);
    assert_stays(0);
    (void)snprintf(range, sizeof range, "Range: bytes=%d-%d\r\n",
                   LARGE_BYTES / 3, LARGE_BYTES * 2 / 3);
    assert_int_equal(fetch("large.mp4", viewers, range), 206);
    assert_soon(views() == 1);
}

static void each_answer_of_a_connection_is_measured_apart(void **state)
{
    (void)state;
    struct http_client client;
    struct http_answer answer;
    http_client_open_small(&client, port, RECEIVE_BYTES);
    ask(&client, "GET", "large.mp4", ++viewers, "");
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    http_answer_done(&answer);
    ask(&client, "GET", "small.mp4", viewers, "Range: bytes=0-999\r\n");
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    assert_int_equal(answer.status, 206);
    http_answer_done(&answer);
    ask(&client, "GET", "other.mp4", viewers, "");
    assert_true(http_client_skip(&client, LARGE_BYTES / 10));
    http_client_close(&client, true);
    assert_soon(views() == 1);
    assert_stays(1);
}

static void pipelined_answers_are_measured_apart(void **state)
{
    (void)state;
    struct http_client client;
    struct http_answer answer;
    http_client_open(&client, port);
    ++viewers;
    ask(&client, "GET", "small.mp4", viewers, "Range: bytes=0-9999\r\n");
    ask(&client, "GET", "large.mp4", viewers, "");
    ask(&client, "GET", "small.mp4", viewers, "Range: bytes=0-9999\r\n");
    for (int i = 0; i < 3; i++) {
        assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
        http_answer_done(&answer);
    }
    assert_soon(views() == 1);
    assert_stays(1);
    ask(&client, "GET", "small.mp4", viewers, "Range: bytes=10000-59999\r\n");
    assert_true(http_client_take(&client, false, PATIENCE_MS, &answer));
    http_answer_done(&answer);
    assert_soon(views() == 2);
    http_client_close(&client, false);
}

static void what_delivers_no_bytes_is_no_view(void **state)
{
    (void)state;
    struct http_client client;
    struct http_answer answer;
    http_client_open(&client, port);
    ++viewers;
    for (int i = 0; i < 3; i++) {
        ask(&client, "HEAD", "large.mp4", viewers, "");
        assert_true(http_client_take(&client, true, PATIENCE_MS, &answer));
        assert_int_equal(answer.status, 200);
        http_answer_done(&answer);
    }
    http_client_close(&client, false);
    assert_int_equal(fetch("large.mp4", viewers, "Range: bytes=999999999-\r\n"),
                     416);
    assert_int_equal(fetch("none.mp4", viewers, ""), 404);
    assert_int_equal(fetch("large.mp4&reports=1", viewers, ""), 200);
    assert_stays(0);
}

static void *fetch_small(void *argument)
{
    unsigned viewer = *(unsigned *)argument;
    (void)fetch("small.mp4", viewer,
                viewer % 3 == 0 ? "Connection: close\r\n" : "");
    return NULL;
}

static void many_at_once_are_counted_each(void **state)
{
    (void)state;
    enum { CLIENTS = 100 };
    static unsigned numbers[CLIENTS];
    pthread_t threads[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        numbers[i] = ++viewers;
        assert_int_equal(
            pthread_create(&threads[i], NULL, fetch_small, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        (void)pthread_join(threads[i], NULL);
    assert_soon(views() == CLIENTS);
    assert_stays(CLIENTS);
}

static void a_view_that_cannot_be_stored_is_stored_later(void **state)
{
    (void)state;
    struct outbox_stats stats;
    files_may_have(1024);
    assert_int_equal(fetch("small.mp4", ++viewers, ""), 200);
    assert_soon(counting.refused > 0);
    assert_int_equal(views(), 0);
    files_may_have(RLIM_INFINITY);
    assert_soon(views() == 1);
    outbox_stats(outbox, &stats);
    assert_int_equal(stats.depth, 1);
}

static void a_stop_counts_what_has_arrived(void **state)
{
    (void)state;
    struct http_client whole;
    struct http_client half;
    struct http_client little;
    struct http_answer answer;
    http_client_open(&whole, port);
    ask(&whole, "GET", "small.mp4", ++viewers, "");
    assert_true(http_client_take(&whole, false, PATIENCE_MS, &answer));
    http_answer_done(&answer);
    http_client_open_small(&half, port, RECEIVE_BYTES);
    ask(&half, "GET", "large.mp4", ++viewers, "");
    assert_true(http_client_skip(&half, LARGE_BYTES / 2 + UNREAD_BYTES));
    http_client_open_small(&little, port, RECEIVE_BYTES);
    ask(&little, "GET", "large.mp4", ++viewers, "");
    assert_true(http_client_skip(&little, LARGE_BYTES / 4));
    http_server_stop(http, 100);
    http = NULL;
    stop_http();
    assert_int_equal(views(), 2);
    http_client_close(&whole, false);
    http_client_close(&half, false);
    http_client_close(&little, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, start, stop)
        CLAIM(a_whole_answer_is_one_view),
        CLAIM(a_second_whole_answer_adds_none),
        CLAIM(every_whole_answer_counts),
        CLAIM(a_slow_reader_counts_when_it_has_read),
        CLAIM(a_file_in_the_kernels_buffers_has_not_arrived),
        CLAIM(an_abort_counts_what_arrived),
        CLAIM(parts_of_one_viewer_add_up),
        CLAIM(each_answer_of_a_connection_is_measured_apart),
        CLAIM(pipelined_answers_are_measured_apart),
        CLAIM(what_delivers_no_bytes_is_no_view),
        CLAIM(many_at_once_are_counted_each),
        CLAIM(a_view_that_cannot_be_stored_is_stored_later),
        CLAIM(a_stop_counts_what_has_arrived),
    };
    return run_claims(tests, NULL, NULL);
}
