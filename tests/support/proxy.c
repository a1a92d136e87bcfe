#include "proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "claim.h"

enum {
    PAIRS_MAX = 32,
    PIECE_BYTES = 16 * 1024,
    LOOK_MS = 5,
};

/* One direction of a connection: what was read and not passed on yet. */
struct flow {
    char piece[PIECE_BYTES];
    size_t bytes;
    size_t passed;
    int64_t not_before_ms;
};

struct pair {
    int fd[PROXY_SIDES]; /* -1: not used */
    struct flow flow[PROXY_SIDES];
};

struct proxy {
    pthread_t thread;
    int listening;
    uint16_t port;
    uint16_t to_port;
    struct pair pairs[PAIRS_MAX];
    pthread_mutex_t lock; /* guards what follows */
    bool stopping;
    bool stalled;
    bool refused;
    bool was_bad; /* a connection was cut or refused */
    uint32_t delay_ms;
    bool cut_set;
    enum proxy_side cut_side;
    uint64_t cut_bytes;
    uint64_t connections;
    uint64_t passed[PROXY_SIDES];
};

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void reset_socket(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    (void)close(fd);
}

static void end_pair(struct pair *pair)
{
    for (int side = 0; side < PROXY_SIDES; side++) {
        if (pair->fd[side] >= 0)
            reset_socket(pair->fd[side]);
        pair->fd[side] = -1;
    }
}

static void end_all(struct proxy *proxy)
{
    for (int i = 0; i < PAIRS_MAX; i++)
        end_pair(&proxy->pairs[i]);
}

static void begin_pair(struct proxy *proxy, int client)
{
    struct sockaddr_in server = loopback(proxy->to_port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pair *pair = proxy->pairs;
    while (pair < proxy->pairs + PAIRS_MAX && pair->fd[0] >= 0)
        pair++;
    if (fd < 0 || pair == proxy->pairs + PAIRS_MAX ||
        connect(fd, (const struct sockaddr *)&server, sizeof server) != 0) {
        if (fd >= 0)
            (void)close(fd);
        reset_socket(client);
        return;
    }
    int yes = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)fcntl(client, F_SETFL, O_NONBLOCK);
    memset(pair->flow, 0, sizeof pair->flow);
    pair->fd[PROXY_FROM_CLIENT] = client;
    pair->fd[PROXY_FROM_SERVER] = fd;
}

static void accept_one(struct proxy *proxy)
{
    int client = accept(proxy->listening, NULL, NULL);
    if (client < 0)
        return;
    proxy->connections++;
    if (proxy->refused) {
        proxy->was_bad = true;
        reset_socket(client);
    } else {
        begin_pair(proxy, client);
    }
}

/* False: the connection is over. */
static bool fill(struct proxy *proxy, struct pair *pair, int side)
{
    struct flow *flow = &pair->flow[side];
    if (flow->passed < flow->bytes)
        return true;
    ssize_t got = recv(pair->fd[side], flow->piece, PIECE_BYTES, MSG_DONTWAIT);
    if (got == 0)
        return false;
    flow->passed = 0;
    flow->bytes = got > 0 ? (size_t)got : 0;
    if (side == PROXY_FROM_SERVER)
        flow->not_before_ms = clock_monotonic_ms() + proxy->delay_ms;
    return true;
}

/* Sets *ret_cut when the bytes to the cut are passed on. */
static void drain(struct proxy *proxy, struct pair *pair, int side,
                  bool *ret_cut)
{
    struct flow *flow = &pair->flow[side];
    size_t bytes = flow->bytes - flow->passed;
    bool counts = proxy->cut_set && proxy->cut_side == (enum proxy_side)side;
    if (counts && bytes > proxy->cut_bytes)
        bytes = (size_t)proxy->cut_bytes;
    if (bytes > 0 && clock_monotonic_ms() >= flow->not_before_ms) {
        ssize_t sent = send(pair->fd[1 - side], flow->piece + flow->passed,
                            bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            flow->passed += (size_t)sent;
            proxy->passed[side] += (uint64_t)sent;
            if (counts)
                proxy->cut_bytes -= (uint64_t)sent;
        }
    }
    *ret_cut = *ret_cut || (counts && proxy->cut_bytes == 0);
}

/* Under the lock. */
static void pass_on(struct proxy *proxy)
{
    bool cut = proxy->cut_set && proxy->cut_bytes == 0;
    for (int i = 0; i < PAIRS_MAX && !cut && !proxy->stalled; i++) {
        struct pair *pair = &proxy->pairs[i];
        for (int side = 0; side < PROXY_SIDES && pair->fd[0] >= 0; side++) {
            bool open = fill(proxy, pair, side);
            drain(proxy, pair, side, &cut);
            if (!open && pair->flow[side].passed == pair->flow[side].bytes)
                end_pair(pair);
            if (cut)
                break;
        }
    }
    if (cut) {
        proxy->cut_set = false;
        proxy->was_bad = true;
        end_all(proxy);
    }
}

static void wait_for_bytes(struct proxy *proxy)
{
    struct pollfd fds[1 + PAIRS_MAX * PROXY_SIDES];
    nfds_t count = 0;
    bool busy = false;
    fds[count++] = (struct pollfd){.fd = proxy->listening, .events = POLLIN};
    pthread_mutex_lock(&proxy->lock);
    for (int i = 0; i < PAIRS_MAX; i++)
        for (int side = 0; side < PROXY_SIDES; side++) {
            const struct flow *flow = &proxy->pairs[i].flow[side];
            bool full = flow->passed < flow->bytes;
            if (proxy->pairs[i].fd[0] < 0 || proxy->stalled)
                continue;
            busy = busy || full;
            if (!full)
                fds[count++] = (struct pollfd){.fd = proxy->pairs[i].fd[side],
                                               .events = POLLIN};
        }
    pthread_mutex_unlock(&proxy->lock);
    (void)poll(fds, count, busy ? 1 : LOOK_MS);
}

static void *run(void *argument)
{
    struct proxy *proxy = argument;
    for (;;) {
        wait_for_bytes(proxy);
        pthread_mutex_lock(&proxy->lock);
        bool stopping = proxy->stopping;
        if (!stopping) {
            accept_one(proxy);
            pass_on(proxy);
        }
        pthread_mutex_unlock(&proxy->lock);
        if (stopping)
            return NULL;
    }
}

struct proxy *proxy_start(uint16_t to_port)
{
    struct proxy *proxy = calloc(1, sizeof *proxy);
    assert_non_null(proxy);
    proxy->to_port = to_port;
    for (int i = 0; i < PAIRS_MAX; i++)
        proxy->pairs[i].fd[0] = proxy->pairs[i].fd[1] = -1;
    struct sockaddr_in address = loopback(0);
    socklen_t bytes = sizeof address;
    proxy->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(proxy->listening, (const struct sockaddr *)&address,
                          sizeof address),
                     0);
    assert_int_equal(listen(proxy->listening, PAIRS_MAX), 0);
    assert_int_equal(
        getsockname(proxy->listening, (struct sockaddr *)&address, &bytes), 0);
    (void)fcntl(proxy->listening, F_SETFL, O_NONBLOCK);
    proxy->port = ntohs(address.sin_port);
    pthread_mutex_init(&proxy->lock, NULL);
    assert_int_equal(pthread_create(&proxy->thread, NULL, run, proxy), 0);
    return proxy;
}

void proxy_stop(struct proxy *proxy)
{
    if (proxy == NULL)
        return;
    pthread_mutex_lock(&proxy->lock);
    proxy->stopping = true;
    pthread_mutex_unlock(&proxy->lock);
    pthread_join(proxy->thread, NULL);
    end_all(proxy);
    (void)close(proxy->listening);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy);
}

uint16_t proxy_port(const struct proxy *proxy)
{
    return proxy->port;
}

void proxy_cut_after(struct proxy *proxy, enum proxy_side side, uint64_t bytes)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->cut_set = true;
    proxy->cut_side = side;
    proxy->cut_bytes = bytes;
    pthread_mutex_unlock(&proxy->lock);
}

bool proxy_cut_is_due(struct proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    bool due = proxy->cut_set;
    pthread_mutex_unlock(&proxy->lock);
    return due;
}

bool proxy_heal(struct proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    bool was_bad = proxy->was_bad;
    proxy->was_bad = proxy->cut_set = proxy->refused = proxy->stalled = false;
    proxy->delay_ms = 0;
    pthread_mutex_unlock(&proxy->lock);
    return was_bad;
}

void proxy_stall(struct proxy *proxy, bool stalled)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->stalled = stalled;
    pthread_mutex_unlock(&proxy->lock);
}

void proxy_delay(struct proxy *proxy, uint32_t delay_ms)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->delay_ms = delay_ms;
    pthread_mutex_unlock(&proxy->lock);
}

void proxy_refuse(struct proxy *proxy, bool refused)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->refused = refused;
    pthread_mutex_unlock(&proxy->lock);
}

uint64_t proxy_connections(struct proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    uint64_t connections = proxy->connections;
    pthread_mutex_unlock(&proxy->lock);
    return connections;
}

uint64_t proxy_passed(struct proxy *proxy, enum proxy_side side)
{
    pthread_mutex_lock(&proxy->lock);
    uint64_t passed = proxy->passed[side];
    pthread_mutex_unlock(&proxy->lock);
    return passed;
}
