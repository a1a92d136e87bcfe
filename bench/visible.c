/*
 * How long after its publish a view is in GET /history.
 *
 *   visible URL PORT VIEWS_PER_S SECONDS
 *   visible URL 0 VIEWS_PER_S SECONDS     the floor: until it is delivered
 *
 * Publishes views to the exchange at an even pace, and asks history on that
 * port, about once a millisecond, for what is new since the last view that it
 * saw. The time runs from just before the publish to when the answer that
 * shows the view was read whole; so up to a millisecond is the asking's own.
 * With port 0 it takes the views from the queue of history itself, and the time
 * runs to their arrival: the broker's part.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "amqp_link.h"
#include "clock.h"
#include "measure.h"
#include "sample_views.h"
#include "topology.h"

enum {
    VIEWS_MAX = 1000000,
    USERS = 100000,
    PREFETCH = 2000,
    BODY_BYTES_MAX = 8192,
    ANSWER_BYTES_MAX = 2 << 20, /* a page of 1000 rows */
    SEEN_WITHIN_S = 10,         /* after the last publish */
};

#define ASK_EVERY_S 0.0005

struct run {
    const char *url;
    uint16_t port;
    int64_t views;
    double pause_s;
    double published_s[VIEWS_MAX];
    double seen_s[VIEWS_MAX]; /* 0: not yet */
    _Atomic bool published_all;
};

static struct run run;

/* --- publishing ----------------------------------------------------------- */

static struct amqp_link *link_open(void)
{
    struct fault fault = {0};
    struct amqp_options options = {
        .url = run.url, .name = "visible", .connect_timeout_ms = 5000};
    struct amqp_link *link = NULL;
    if (amqp_link_open(&options, &link, &fault) != RESULT_OK)
        measure_die("%s", fault.text);
    return link;
}

/* The view's number is the end of its id, for the one who asks. */
static void publish(struct amqp_link *link, int64_t number)
{
    struct fault fault = {0};
    struct viewed viewed;
    sample_view((uint64_t)number, USERS, &viewed);
    viewed.id = uuid_make();
    uint32_t end = htonl((uint32_t)number);
    memcpy(viewed.id.bytes + 12, &end, sizeof end);
    viewed.viewed_at_ms = clock_now_ms();
    struct buffer body = buffer_make(BODY_BYTES_MAX);
    viewed_encode(&viewed, &body);
    char id[UUID_TEXT_BYTES];
    uuid_format(&viewed.id, id);
    struct amqp_message message = {.body = body.data,
                                   .body_bytes = body.bytes,
                                   .message_id = id,
                                   .content_type = "application/json",
                                   .type = "viewed",
                                   .persistent = true};
    run.published_s[number] = measure_now_s();
    if (amqp_link_publish(link, TOPOLOGY_EXCHANGE, "", &message, &fault) !=
        RESULT_OK)
        measure_die("%s", fault.text);
    buffer_done(&body);
}

static void read_events(struct amqp_link *link)
{
    struct fault fault = {0};
    const struct amqp_event *event;
    do {
        if (amqp_link_next(link, &event, &fault) != RESULT_OK)
            measure_die("%s", fault.text);
    } while (event->kind != AMQP_EVENT_NONE);
}

static void publish_all(void)
{
    struct fault fault = {0};
    struct amqp_link *link = link_open();
    if (amqp_link_confirms(link, &fault) != RESULT_OK)
        measure_die("%s", fault.text);
    double started_s = measure_now_s();
    for (int64_t i = 0; i < run.views; i++) {
        double wait_s = started_s + (double)i * run.pause_s - measure_now_s();
        if (wait_s > 0)
            measure_sleep_s(wait_s);
        publish(link, i);
        read_events(link);
    }
    atomic_store(&run.published_all, true);
    amqp_link_close(link);
}

/* --- asking --------------------------------------------------------------- */

static int connect_to_history(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(run.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0)
        measure_die("cannot connect to port %u", run.port);
    return fd;
}

/* Reads one answer whole; returns its body, NUL-terminated. */
static const char *read_answer(int fd)
{
    static char answer[ANSWER_BYTES_MAX];
    size_t bytes = 0;
    size_t wanted = 0;
    while (wanted == 0 || bytes < wanted) {
        ssize_t count = read(fd, answer + bytes, sizeof answer - 1 - bytes);
        if (count <= 0)
            measure_die("history does not answer");
        bytes += (size_t)count;
        answer[bytes] = '\0';
        const char *body = strstr(answer, "\r\n\r\n");
        const char *length = strstr(answer, "Content-Length: ");
        if (wanted == 0 && body != NULL && length != NULL)
            wanted = (size_t)(body + 4 - answer) +
                     strtoul(length + strlen("Content-Length: "), NULL, 10);
    }
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
        measure_die("history answers %.60s", answer);
    return strstr(answer, "\r\n\r\n") + 4;
}

static void ask(int fd, const char *since)
{
    char request[256];
    int bytes = snprintf(request, sizeof request,
                         "GET /history?order=asc&limit=1000&since=%s "
                         "HTTP/1.1\r\nHost: localhost\r\n\r\n",
                         since);
    if (write(fd, request, (size_t)bytes) != bytes)
        measure_die("cannot ask history");
}

/* Notes what the answer shows for the first time. *since becomes the time of
 * the last row: later views have the same one or a later one. */
static int64_t note_seen(const char *body, double now_s,
                         char since[CLOCK_TEXT_BYTES])
{
    int64_t seen = 0;
    for (const char *row = strstr(body, "\"_id\":\""); row != NULL;
         row = strstr(row, "\"_id\":\"")) {
        row += strlen("\"_id\":\"");
        size_t number = strtoul(row + 28, NULL, 16);
        const char *at = strstr(row, "\"viewedAt\":\"");
        if (at == NULL)
            break;
        memcpy(since, at + strlen("\"viewedAt\":\""), CLOCK_TEXT_BYTES - 1);
        if (number < (size_t)run.views && run.seen_s[number] == 0) {
            run.seen_s[number] = now_s;
            seen++;
        }
    }
    return seen;
}

static void *ask_all(void *argument)
{
    (void)argument;
    int fd = connect_to_history();
    char since[CLOCK_TEXT_BYTES] = {0};
    clock_format(clock_now_ms(), since);
    double give_up_s = 0;
    for (int64_t seen = 0; seen < run.views;) {
        ask(fd, since);
        const char *body = read_answer(fd);
        seen += note_seen(body, measure_now_s(), since);
        if (!atomic_load(&run.published_all))
            give_up_s = measure_now_s() + SEEN_WITHIN_S;
        else if (measure_now_s() > give_up_s)
            measure_die("only %" PRId64 " of %" PRId64 " views are seen", seen,
                        run.views);
        measure_sleep_s(ASK_EVERY_S);
    }
    (void)close(fd);
    return NULL;
}

/* --- taking them from the queue ------------------------------------------- */

/* One event; what has come is acknowledged together when no more is there. */
static bool take_event(struct amqp_link *link, uint64_t *unacked,
                       struct fault *fault)
{
    const struct amqp_event *event;
    if (amqp_link_next(link, &event, fault) != RESULT_OK)
        measure_die("%s", fault->text);
    if (event->kind == AMQP_EVENT_NONE) {
        if (*unacked != 0 &&
            amqp_link_ack(link, *unacked, true, fault) != RESULT_OK)
            measure_die("%s", fault->text);
        *unacked = 0;
        amqp_link_wait(link, -1, 100);
        return false;
    }
    if (event->kind != AMQP_EVENT_DELIVERY)
        return false;
    *unacked = event->tag;
    size_t number = strtoul(event->message_id + 28, NULL, 16);
    bool first = number < (size_t)run.views && run.seen_s[number] == 0;
    if (first)
        run.seen_s[number] = measure_now_s();
    return first;
}

static void *take_all(void *argument)
{
    (void)argument;
    struct fault fault = {0};
    struct amqp_link *link = link_open();
    double give_up_s = 0;
    if (amqp_link_consume(link, TOPOLOGY_QUEUE, PREFETCH, NULL, &fault) !=
        RESULT_OK)
        measure_die("%s", fault.text);
    uint64_t unacked = 0;
    for (int64_t seen = 0; seen < run.views || unacked != 0;) {
        seen += take_event(link, &unacked, &fault);
        if (!atomic_load(&run.published_all))
            give_up_s = measure_now_s() + SEEN_WITHIN_S;
        else if (measure_now_s() > give_up_s)
            measure_die("only %" PRId64 " of %" PRId64 " views came", seen,
                        run.views);
    }
    amqp_link_close(link);
    return NULL;
}

/* --- the result ----------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_result(void)
{
    static double late_ms[VIEWS_MAX];
    for (int64_t i = 0; i < run.views; i++)
        late_ms[i] = (run.seen_s[i] - run.published_s[i]) * 1e3;
    qsort(late_ms, (size_t)run.views, sizeof late_ms[0], compare_doubles);
    double took_s = run.published_s[run.views - 1] - run.published_s[0];
    printf("{\"views\": %" PRId64 ", \"views_per_s\": %.1f, \"p50_ms\": %.2f,"
           " \"p95_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}\n",
           run.views, (double)run.views / took_s, late_ms[run.views / 2],
           late_ms[run.views * 95 / 100], late_ms[run.views * 99 / 100],
           late_ms[run.views - 1]);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fputs("visible URL PORT VIEWS_PER_S SECONDS\n", stderr);
        return 2;
    }
    int64_t views_per_s = measure_number(argv[3], 1, 100000);
    run.url = argv[1];
    run.port = (uint16_t)measure_number(argv[2], 0, 65535);
    run.views = views_per_s * measure_number(argv[4], 1, 3600);
    run.pause_s = 1.0 / (double)views_per_s;
    if (run.views > VIEWS_MAX)
        measure_die("that is more than %d views", VIEWS_MAX);
    pthread_t asker;
    if (pthread_create(&asker, NULL, run.port == 0 ? take_all : ask_all,
                       NULL) != 0)
        measure_die("cannot start a thread");
    publish_all();
    (void)pthread_join(asker, NULL);
    print_result();
    return 0;
}
