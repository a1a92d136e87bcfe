#include "queue_depths.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "topology.h"

enum {
    LOOK_EVERY_MS = 1000,
    WANTED_MS = 10 * 1000,
    FIRST_MS_MAX = 1000,
    OLD_MS = 5 * 1000,            /* then it says nothing of now */
    CONNECT_TIMEOUT_MS = 2 * 1000 /* a stop waits for it */
};

struct queue_depths {
    struct amqp_options amqp;
    pthread_t thread;
    struct amqp_link *link; /* the thread's */
    pthread_mutex_t lock;   /* guards what follows */
    pthread_cond_t changed;
    bool stopping;
    int socket; /* of the link, -1: none; a stop cuts it */
    int64_t wanted_until_ms;
    int64_t looked_ms; /* monotonic; 0: never */
    struct queue_depth last;
};

static void set_socket(struct queue_depths *d, int socket)
{
    pthread_mutex_lock(&d->lock);
    d->socket = socket;
    pthread_mutex_unlock(&d->lock);
}

static void close_link(struct queue_depths *d)
{
    set_socket(d, -1);
    amqp_link_close(d->link);
    d->link = NULL;
}

static void look(struct queue_depths *d, struct queue_depth *ret)
{
    struct queue_depth depth = {0};
    enum result r = RESULT_OK;
    if (d->link == NULL) {
        r = amqp_link_open(&d->amqp, &d->link, &depth.why);
        if (r == RESULT_OK)
            set_socket(d, amqp_link_socket(d->link));
    }
    if (r == RESULT_OK)
        r = topology_ready(d->link, &depth.waiting, &depth.why);
    if (r == RESULT_OK)
        r = amqp_link_ready(d->link, TOPOLOGY_DEAD_QUEUE, &depth.dead,
                            &depth.why);
    if (r != RESULT_OK)
        close_link(d);
    depth.known = r == RESULT_OK;
    depth.at_ms = clock_now_ms();
    *ret = depth;
}

/* With the lock held; until something changed, or the time is over. */
static void wait_ms(struct queue_depths *d, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_cond_timedwait(&d->changed, &d->lock, &until);
}

/* With the lock held, which it gives up meanwhile. */
static void turn(struct queue_depths *d)
{
    int64_t now_ms = clock_monotonic_ms();
    bool wanted = now_ms < d->wanted_until_ms;
    bool due = d->looked_ms == 0 || now_ms - d->looked_ms >= LOOK_EVERY_MS;
    if (wanted && due) {
        struct queue_depth depth;
        pthread_mutex_unlock(&d->lock);
        look(d, &depth);
        pthread_mutex_lock(&d->lock);
        d->last = depth;
        d->looked_ms = clock_monotonic_ms();
        pthread_cond_broadcast(&d->changed);
    } else if (wanted) {
        wait_ms(d, LOOK_EVERY_MS - (now_ms - d->looked_ms));
    } else if (d->link != NULL) {
        pthread_mutex_unlock(&d->lock);
        close_link(d);
        pthread_mutex_lock(&d->lock);
    } else {
        pthread_cond_wait(&d->changed, &d->lock);
    }
}

static void *run(void *context)
{
    struct queue_depths *d = context;
    pthread_mutex_lock(&d->lock);
    while (!d->stopping)
        turn(d);
    pthread_mutex_unlock(&d->lock);
    close_link(d);
    return NULL;
}

enum result queue_depths_start(const struct amqp_options *amqp,
                               struct queue_depths **ret, struct fault *fault)
{
    struct queue_depths *d = calloc(1, sizeof *d);
    if (d == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    d->amqp = *amqp;
    d->amqp.connect_timeout_ms = CONNECT_TIMEOUT_MS;
    d->socket = -1;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&d->thread, NULL, run, d) != 0) {
        pthread_cond_destroy(&d->changed);
        pthread_mutex_destroy(&d->lock);
        free(d);
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot start a thread");
    }
    *ret = d;
    return RESULT_OK;
}

static bool is_fresh(const struct queue_depths *d, int64_t now_ms)
{
    return d->looked_ms != 0 && now_ms - d->looked_ms < OLD_MS;
}

void queue_depths_read(struct queue_depths *d, struct queue_depth *ret)
{
    pthread_mutex_lock(&d->lock);
    int64_t now_ms = clock_monotonic_ms();
    int64_t deadline_ms = now_ms + FIRST_MS_MAX;
    d->wanted_until_ms = now_ms + WANTED_MS;
    pthread_cond_broadcast(&d->changed);
    while (!is_fresh(d, now_ms) && now_ms < deadline_ms && !d->stopping) {
        wait_ms(d, deadline_ms - now_ms);
        now_ms = clock_monotonic_ms();
    }
    *ret = d->last;
    if (!is_fresh(d, now_ms)) {
        ret->known = false;
        (void)fault_set(&ret->why, RESULT_UNAVAILABLE,
                        "the broker has not answered yet");
    }
    pthread_mutex_unlock(&d->lock);
}

void queue_depths_stop(struct queue_depths *d)
{
    if (d == NULL)
        return;
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    if (d->socket >= 0)
        (void)shutdown(d->socket, SHUT_RDWR); /* whoever reads there, ends */
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    free(d);
}
