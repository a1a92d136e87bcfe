#include "delivery.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Not <netinet/tcp.h>: its struct tcp_info ends before tcpi_bytes_acked. */
#include <linux/tcp.h>

#include "clock.h"
#include "log.h"

enum {
    LOOK_MS = 50,
    RETRY_MS = 1000, /* after the outbox could not take a view */
    /* What a reply's head may have where it was cut off: bytes that are
     * taken for the head never count, so a guess that is high is safe. */
    HEAD_BYTES_MAX = 1024,
    /* Connections that the server has closed, and whose socket is kept until
     * the last reply has arrived; and for how long at most. */
    KEPT_MAX = 256,
    KEPT_MS = 60 * 1000,
    SNAPSHOT_TRIES = 100,
    TCP_STATE_CLOSED = 7, /* TCP_CLOSE of <netinet/tcp.h> */
};

enum delivery_state {
    DELIVERY_SENDING,
    DELIVERY_SENT,  /* wait for the peer's acknowledgement */
    DELIVERY_ENDED, /* `delivered_bytes` is final */
};

struct delivery {
    struct deliveries *all;
    struct delivery *previous;
    struct delivery *next;
    enum delivery_state state;
    struct uuid viewer;
    struct video_file *video;
    uint64_t first;
    uint64_t last;
    struct trace_parent trace; /* of the request */
    uint64_t connection;
    int socket;
    bool kept; /* the socket is ours, to be closed */
    int64_t kept_until_ms;
    int64_t looked_ms;        /* when it was last measured by the thread */
    uint64_t before;          /* bytes written to the connection before */
    uint64_t end;             /* and with the reply, once it was sent */
    uint64_t delivered_bytes; /* of the body */
    int64_t not_before_ms;    /* of the next try to count it */
};

struct deliveries {
    struct counting *counting;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows, and every delivery */
    pthread_cond_t wake;
    struct delivery *first; /* the oldest */
    struct delivery *last;
    size_t count;
    size_t kept_count;
    bool stopping;
};

static bool ask_acked(int socket, uint64_t *ret_acked, bool *ret_closed)
{
    struct tcp_info info = {0};
    socklen_t info_bytes = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &info_bytes) != 0)
        return false;
    *ret_acked = info.tcpi_bytes_acked;
    *ret_closed = info.tcpi_state == TCP_STATE_CLOSED;
    return true;
}

/* All bytes that were ever written to the connection: those the peer has
 * acknowledged, and those that wait for it. An acknowledgement that comes
 * between the two questions would be missing from both. */
static bool ask_written(int socket, uint64_t *ret_written)
{
    for (int tries = 0; tries < SNAPSHOT_TRIES; tries++) {
        uint64_t acked;
        uint64_t acked_after;
        int waiting = 0;
        bool closed;
        if (!ask_acked(socket, &acked, &closed) ||
            ioctl(socket, SIOCOUTQ, &waiting) != 0 ||
            !ask_acked(socket, &acked_after, &closed))
            return false;
        if (acked == acked_after) {
            *ret_written = acked + (waiting > 0 ? (uint64_t)waiting : 0);
            return true;
        }
    }
    return false;
}

static uint64_t body_bytes(const struct delivery *delivery)
{
    return delivery->last - delivery->first + 1;
}

/* Under the lock, while the socket is open. Whether more may arrive. */
static bool measure(struct delivery *delivery)
{
    uint64_t acked;
    bool closed;
    if (!ask_acked(delivery->socket, &acked, &closed))
        return false;
    uint64_t head = HEAD_BYTES_MAX;
    if (delivery->state == DELIVERY_SENT)
        head = delivery->end - delivery->before - body_bytes(delivery);
    uint64_t arrived =
        acked > delivery->before + head ? acked - delivery->before - head : 0;
    if (arrived > body_bytes(delivery))
        arrived = body_bytes(delivery);
    if (arrived > delivery->delivered_bytes)
        delivery->delivered_bytes = arrived;
    return !closed && delivery->delivered_bytes < body_bytes(delivery);
}

static void delivery_remove(struct delivery *delivery)
{
    struct deliveries *all = delivery->all;
    if (delivery->previous != NULL)
        delivery->previous->next = delivery->next;
    else
        all->first = delivery->next;
    if (delivery->next != NULL)
        delivery->next->previous = delivery->previous;
    else
        all->last = delivery->previous;
    all->count--;
}

static void delivery_append(struct delivery *delivery)
{
    struct deliveries *all = delivery->all;
    delivery->previous = all->last;
    if (all->last != NULL)
        all->last->next = delivery;
    else
        all->first = delivery;
    all->last = delivery;
    all->count++;
}

/* Under the lock. `delivered_bytes` is final. */
static void delivery_end(struct delivery *delivery)
{
    delivery->state = DELIVERY_ENDED;
    if (!delivery->kept)
        return;
    (void)close(delivery->socket);
    delivery->kept = false;
    delivery->all->kept_count--;
}

static void delivery_free(struct delivery *delivery)
{
    video_file_release(delivery->video);
    free(delivery);
}

struct delivery *delivery_begin(struct deliveries *all,
                                const struct uuid *viewer,
                                struct video_file *video, uint64_t first,
                                uint64_t last, const struct trace_parent *trace,
                                uint64_t connection, int socket)
{
    struct delivery *delivery = calloc(1, sizeof *delivery);
    if (delivery == NULL || !ask_written(socket, &delivery->before)) {
        free(delivery);
        return NULL;
    }
    delivery->all = all;
    delivery->viewer = *viewer;
    delivery->first = first;
    delivery->last = last;
    delivery->trace = *trace;
    delivery->connection = connection;
    delivery->socket = socket;
    pthread_mutex_lock(&all->lock);
    bool room = all->count < DELIVERIES_MAX;
    if (room) {
        delivery->video = video_file_hold(video);
        delivery_append(delivery);
        pthread_cond_signal(&all->wake);
    }
    pthread_mutex_unlock(&all->lock);
    if (!room) {
        free(delivery);
        return NULL;
    }
    return delivery;
}

void delivery_sent(void *context, bool whole)
{
    struct delivery *delivery = context;
    struct deliveries *all = delivery->all;
    uint64_t written;
    pthread_mutex_lock(&all->lock);
    if (delivery->state == DELIVERY_SENDING && whole &&
        ask_written(delivery->socket, &written) &&
        written >= delivery->before + body_bytes(delivery)) {
        delivery->end = written;
        delivery->state = DELIVERY_SENT;
    } else if (delivery->state == DELIVERY_SENDING) {
        (void)measure(delivery);
        delivery_end(delivery);
    }
    pthread_cond_signal(&all->wake);
    pthread_mutex_unlock(&all->lock);
}

/* The server closes after a reply that ends the connection, long before a
 * slow client has it: a descriptor of our own keeps what the kernel knows. */
static bool keep_socket(struct delivery *delivery)
{
    struct deliveries *all = delivery->all;
    if (all->stopping || all->kept_count >= KEPT_MAX)
        return false;
    int kept = fcntl(delivery->socket, F_DUPFD_CLOEXEC, 0);
    if (kept < 0)
        return false;
    (void)shutdown(kept, SHUT_WR); /* what the server's close would do */
    delivery->socket = kept;
    delivery->kept = true;
    delivery->kept_until_ms = clock_monotonic_ms() + KEPT_MS;
    all->kept_count++;
    return true;
}

void deliveries_connection_closed(struct deliveries *all, uint64_t connection)
{
    pthread_mutex_lock(&all->lock);
    for (struct delivery *d = all->first; d != NULL; d = d->next) {
        if (d->connection != connection || d->state == DELIVERY_ENDED ||
            d->kept)
            continue;
        bool more = measure(d);
        if (d->state != DELIVERY_SENT || !more || !keep_socket(d))
            delivery_end(d);
        pthread_cond_signal(&all->wake);
    }
    pthread_mutex_unlock(&all->lock);
}

/* Without the lock. False: the outbox cannot take it now. */
static bool tell_counting(struct deliveries *all, struct delivery *delivery)
{
    struct session_outcome outcome;
    struct fault fault = {0};
    if (delivery->delivered_bytes == 0)
        return true;
    enum result r = counting_delivered(
        all->counting, &delivery->viewer, delivery->video, delivery->first,
        delivery->first + delivery->delivered_bytes - 1, &delivery->trace,
        &outcome, &fault);
    if (r == RESULT_OK || r == RESULT_MALFORMED)
        return true;
    log_warn("a view waits to be stored", log_text("why", fault.text),
             log_end());
    return false;
}

/* Under the lock. */
static void look_at(struct delivery *delivery, int64_t now_ms)
{
    bool stopping = delivery->all->stopping;
    if (delivery->state != DELIVERY_SENT ||
        (now_ms - delivery->looked_ms < LOOK_MS && !stopping))
        return;
    delivery->looked_ms = now_ms;
    bool more = measure(delivery);
    if (!more || stopping ||
        (delivery->kept && now_ms >= delivery->kept_until_ms))
        delivery_end(delivery);
}

/* The oldest of those that have ended, or NULL. Under the lock. */
static struct delivery *take_ended(struct deliveries *all, int64_t now_ms)
{
    for (struct delivery *d = all->first; d != NULL; d = d->next) {
        look_at(d, now_ms);
        if (d->state == DELIVERY_ENDED &&
            (d->not_before_ms <= now_ms || all->stopping))
            return d;
    }
    return NULL;
}

/* Under the lock. */
static void wait_for_news(struct deliveries *all)
{
    if (all->first == NULL) {
        pthread_cond_wait(&all->wake, &all->lock);
        return;
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    (void)pthread_cond_timedwait(&all->wake, &all->lock, &until);
}

static void *follow(void *argument)
{
    struct deliveries *all = argument;
    pthread_mutex_lock(&all->lock);
    for (;;) {
        struct delivery *ended = take_ended(all, clock_monotonic_ms());
        if (ended == NULL && all->stopping)
            break;
        if (ended == NULL) {
            wait_for_news(all);
            continue;
        }
        pthread_mutex_unlock(&all->lock);
        bool told = tell_counting(all, ended);
        pthread_mutex_lock(&all->lock);
        ended->not_before_ms = clock_monotonic_ms() + RETRY_MS;
        if (told || all->stopping) {
            delivery_remove(ended);
            delivery_free(ended);
        }
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

enum result deliveries_start(struct counting *counting, struct deliveries **ret,
                             struct fault *fault)
{
    struct deliveries *all = calloc(1, sizeof *all);
    if (all == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    all->counting = counting;
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->wake, NULL);
    if (pthread_create(&all->thread, NULL, follow, all) != 0) {
        pthread_cond_destroy(&all->wake);
        pthread_mutex_destroy(&all->lock);
        free(all);
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot start a thread");
    }
    *ret = all;
    return RESULT_OK;
}

void deliveries_stop(struct deliveries *all)
{
    if (all == NULL)
        return;
    pthread_mutex_lock(&all->lock);
    all->stopping = true;
    pthread_cond_signal(&all->wake);
    pthread_mutex_unlock(&all->lock);
    pthread_join(all->thread, NULL);
    while (all->first != NULL) {
        struct delivery *delivery = all->first;
        delivery_remove(delivery);
        delivery_free(delivery);
    }
    pthread_cond_destroy(&all->wake);
    pthread_mutex_destroy(&all->lock);
    free(all);
}
