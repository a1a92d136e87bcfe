#include "http_connections.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"

enum {
    LOOK_MS = 250, /* how late a deadline may be kept */
};

struct http_connection {
    struct http_connection *previous;
    struct http_connection *next;
    int socket;
    uint64_t number;
    _Atomic bool served; /* had a request */
    _Atomic enum http_phase phase;
    _Atomic int64_t since_ms;      /* start of the phase */
    _Atomic uint64_t allowance_ms; /* of HTTP_PHASE_SEND */
};

struct http_connections {
    struct http_deadlines deadlines;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct http_connection *first;
    uint64_t last_number;
    bool ending; /* no connection may live on */
    bool stopping;
    pthread_t thread;
};

static bool over_time(const struct http_deadlines *deadlines,
                      const struct http_connection *connection, int64_t now_ms)
{
    enum http_phase phase = connection->phase;
    uint64_t limit_ms = deadlines->limit_ms[phase];
    if (phase == HTTP_PHASE_IDLE && !connection->served)
        limit_ms = deadlines->first_ms;
    if (limit_ms == 0)
        return false;
    if (phase == HTTP_PHASE_SEND)
        limit_ms += connection->allowance_ms;
    int64_t elapsed_ms = now_ms - connection->since_ms;
    return elapsed_ms > 0 && (uint64_t)elapsed_ms > limit_ms;
}

static void *keep_deadlines(void *argument)
{
    struct http_connections *all = argument;
    pthread_mutex_lock(&all->lock);
    while (!all->stopping) {
        int64_t now_ms = clock_monotonic_ms();
        for (struct http_connection *c = all->first; c != NULL; c = c->next)
            if (over_time(&all->deadlines, c, now_ms))
                (void)shutdown(c->socket, SHUT_RDWR);
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&all->wake, &all->lock, &until);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

enum result http_connections_start(const struct http_deadlines *deadlines,
                                   struct http_connections **ret,
                                   struct fault *fault)
{
    struct http_connections *all = calloc(1, sizeof *all);
    if (all == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    all->deadlines = *deadlines;
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&all->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&all->thread, NULL, keep_deadlines, all) != 0) {
        pthread_cond_destroy(&all->wake);
        pthread_mutex_destroy(&all->lock);
        free(all);
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot start a thread");
    }
    *ret = all;
    return RESULT_OK;
}

void http_connections_stop(struct http_connections *all)
{
    if (all == NULL)
        return;
    pthread_mutex_lock(&all->lock);
    all->stopping = true;
    pthread_cond_signal(&all->wake);
    pthread_mutex_unlock(&all->lock);
    pthread_join(all->thread, NULL);
    pthread_cond_destroy(&all->wake);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

struct http_connection *http_connection_begin(struct http_connections *all,
                                              int socket)
{
    struct http_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        return NULL;
    connection->socket = socket;
    connection->since_ms = clock_monotonic_ms();
    pthread_mutex_lock(&all->lock);
    connection->number = ++all->last_number;
    connection->next = all->first;
    if (all->first != NULL)
        all->first->previous = connection;
    all->first = connection;
    if (all->ending)
        (void)shutdown(socket, SHUT_RDWR);
    pthread_mutex_unlock(&all->lock);
    return connection;
}

void http_connection_end(struct http_connections *all,
                         struct http_connection *connection)
{
    pthread_mutex_lock(&all->lock);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        all->first = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    pthread_mutex_unlock(&all->lock);
    free(connection);
}

void http_connection_phase(struct http_connection *connection,
                           enum http_phase phase)
{
    if (phase != HTTP_PHASE_IDLE)
        connection->served = true;
    connection->since_ms = clock_monotonic_ms();
    connection->phase = phase;
}

void http_connection_send(struct http_connection *connection,
                          uint64_t allowance_ms)
{
    connection->allowance_ms = allowance_ms;
    http_connection_phase(connection, HTTP_PHASE_SEND);
}

int http_connection_socket(const struct http_connection *connection)
{
    return connection->socket;
}

uint64_t http_connection_number(const struct http_connection *connection)
{
    return connection->number;
}

static bool none(struct http_connections *all)
{
    pthread_mutex_lock(&all->lock);
    bool empty = all->first == NULL;
    pthread_mutex_unlock(&all->lock);
    return empty;
}

static bool all_idle(struct http_connections *all)
{
    bool idle = true;
    pthread_mutex_lock(&all->lock);
    for (struct http_connection *c = all->first; c != NULL; c = c->next)
        idle = idle && c->phase == HTTP_PHASE_IDLE;
    pthread_mutex_unlock(&all->lock);
    return idle;
}

static bool wait_until(bool (*holds)(struct http_connections *all),
                       struct http_connections *all, uint32_t timeout_ms)
{
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    while (!holds(all)) {
        if (clock_monotonic_ms() >= deadline_ms)
            return false;
        struct timespec pause = {.tv_nsec = 5 * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    return true;
}

bool http_connections_wait_idle(struct http_connections *all,
                                uint32_t timeout_ms)
{
    return wait_until(all_idle, all, timeout_ms);
}

bool http_connections_end_all(struct http_connections *all, uint32_t timeout_ms)
{
    pthread_mutex_lock(&all->lock);
    all->ending = true;
    for (struct http_connection *c = all->first; c != NULL; c = c->next)
        (void)shutdown(c->socket, SHUT_RDWR);
    pthread_mutex_unlock(&all->lock);
    return wait_until(none, all, timeout_ms);
}
