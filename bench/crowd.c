/*
 * Clients that ask for little and stay: readers of the live stream, and slow
 * ones that never end their request.
 *
 *   crowd PORT FOLLOWERS LISTENERS SLOW
 *
 * Each follower reads the events of one user (of the first FOLLOWERS), each
 * listener those of all, each slow client sends a byte of its request's head a
 * second. Prints {"ready":true} when all are connected and every reader has
 * its answer's head; when its standard input is closed it prints what it saw,
 * of the time since then. Whoever is cut connects again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"
#include "sample_views.h"

enum {
    CLIENTS_MAX = 20000,
    EVENTS_PER_TURN = 256,
    CHUNK_BYTES = 65536,
    TURN_MS = 20,
    READY_WITHIN_S = 60,
};

#define SLOW_BYTE_EVERY_S 1.0

enum kind { FOLLOWER, LISTENER, SLOW };

struct client {
    int fd;
    enum kind kind;
    uint32_t user;
    bool answered;
    double next_byte_s;
    unsigned line_bytes; /* of the line that is being read */
    bool is_event;       /* it began as the name of one */
};

struct seen {
    uint64_t events;
    uint64_t bytes;
    uint64_t readers_cut;
    uint64_t slow_cut;
};

static struct client clients[CLIENTS_MAX];
static size_t clients_count;
static struct seen seen;
static struct sockaddr_in server;
static int poller;

/* --- one client ----------------------------------------------------------- */

static void ask(struct client *client)
{
    char text[512];
    char user[VIEWED_USER_BYTES_MAX + 1] = "";
    if (client->kind == FOLLOWER)
        sample_user(client->user, user);
    int bytes = snprintf(text, sizeof text,
                         "GET /history/stream%s%s HTTP/1.1\r\nHost: x\r\n%s",
                         client->kind == FOLLOWER ? "?userId=" : "", user,
                         client->kind == SLOW ? "X-Slow: " : "\r\n");
    if (write(client->fd, text, (size_t)bytes) != bytes)
        measure_die("a request could not be written");
}

static void connect_client(struct client *client)
{
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client->answered = false;
    client->line_bytes = 0;
    client->next_byte_s = measure_now_s() + SLOW_BYTE_EVERY_S;
    if (client->fd < 0)
        measure_die("socket: %s", strerror(errno));
    if (connect(client->fd, (struct sockaddr *)&server, sizeof server) != 0)
        measure_die("connect: %s", strerror(errno));
    ask(client);
    struct epoll_event wish = {.events = EPOLLIN, .data.ptr = client};
    if (fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &wish) != 0)
        measure_die("epoll: %s", strerror(errno));
}

/* It comes again at once. */
static void was_cut(struct client *client)
{
    if (client->kind == SLOW)
        seen.slow_cut++;
    else
        seen.readers_cut++;
    close(client->fd);
    connect_client(client);
}

/* Counts the lines that name an event. */
static void count_events(struct client *client, const char *text, size_t bytes)
{
    static const char name[] = "event: view\n";
    for (size_t i = 0; i < bytes; i++) {
        if (client->line_bytes == 0)
            client->is_event = true;
        if (client->line_bytes >= sizeof name - 1 ||
            text[i] != name[client->line_bytes])
            client->is_event = false;
        client->line_bytes++;
        if (text[i] != '\n')
            continue;
        if (client->is_event && client->line_bytes == sizeof name - 1)
            seen.events++;
        client->line_bytes = 0;
    }
}

static void read_client(struct client *client)
{
    static char chunk[CHUNK_BYTES];
    ssize_t count = read(client->fd, chunk, sizeof chunk);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        was_cut(client);
        return;
    }
    if (client->kind == SLOW)
        return; /* it is told to end, and then cut */
    if (!client->answered && strncmp(chunk, "HTTP/1.1 200", 12) != 0)
        measure_die("a reader is answered %.60s", chunk);
    client->answered = true;
    seen.bytes += (uint64_t)count;
    count_events(client, chunk, (size_t)count);
}

static void send_slow_bytes(void)
{
    double now_s = measure_now_s();
    for (size_t i = 0; i < clients_count; i++) {
        struct client *client = &clients[i];
        if (client->kind != SLOW || client->next_byte_s > now_s)
            continue;
        client->next_byte_s = now_s + SLOW_BYTE_EVERY_S;
        if (send(client->fd, "x", 1, MSG_NOSIGNAL) != 1)
            was_cut(client);
    }
}

/* --- all of them ---------------------------------------------------------- */

static void turn(void)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int count = epoll_wait(poller, events, EVENTS_PER_TURN, TURN_MS);
    for (int i = 0; i < count; i++)
        read_client(events[i].data.ptr);
    send_slow_bytes();
}

static void add_clients(enum kind kind, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        struct client *client = &clients[clients_count++];
        client->kind = kind;
        client->user = (uint32_t)i;
        connect_client(client);
    }
}

static bool all_answered(void)
{
    for (size_t i = 0; i < clients_count; i++)
        if (clients[i].kind != SLOW && !clients[i].answered)
            return false;
    return true;
}

static void wait_until_ready(void)
{
    double until_s = measure_now_s() + READY_WITHIN_S;
    while (!all_answered()) {
        turn();
        if (measure_now_s() > until_s)
            measure_die("not every reader has an answer");
    }
    printf("{\"ready\":true}\n");
    fflush(stdout);
}

static bool is_input_open(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) == 0;
}

static void raise_files_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        measure_die("usage: crowd PORT FOLLOWERS LISTENERS SLOW");
    server = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)measure_number(argv[1], 1, 65535)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    raise_files_limit();
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0)
        measure_die("epoll: %s", strerror(errno));
    add_clients(FOLLOWER, measure_number(argv[2], 0, CLIENTS_MAX / 4));
    add_clients(LISTENER, measure_number(argv[3], 0, CLIENTS_MAX / 4));
    add_clients(SLOW, measure_number(argv[4], 0, CLIENTS_MAX / 4));
    wait_until_ready();
    seen = (struct seen){0};
    while (is_input_open())
        turn();
    printf("{\"events\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"readers_cut\":%" PRIu64 ",\"slow_cut\":%" PRIu64 "}\n",
           seen.events, seen.bytes, seen.readers_cut, seen.slow_cut);
    return 0;
}
