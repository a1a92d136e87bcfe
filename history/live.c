#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "clock.h"
#include "store_log.h"

enum {
    FOLLOW_ROWS = 1000,  /* of one read of the thread that fills the ring */
    CATCH_UP_ROWS = 500, /* of one read of a reader that is behind */
    CATCH_UP_SHARE = 4,  /* one part reading, three at rest */
    SHARE_NS_MAX = 50000000,
    PENDING_BYTES_MAX = 64 << 10, /* what a reader holds: a read's events,
                                     until its buffer is full */
    READERS_A_MS = 10,            /* that may be woken: see live.h */
    LOOK_EVERY_MS = 1000,         /* each look wakes every reader */
    ROOM_MS = 1500,     /* what a new reader waits for one to leave, */
    ROOM_STEP_MS = 100, /* looking again so often */
    RETRY_MS = 500,     /* after the store could not be read */
};

struct live_reader {
    struct live *live;
    struct live_reader *previous;
    struct live_reader *next;
    pthread_cond_t wake;
    bool waits;
    bool in_ring; /* `number` is where it goes on, else `place` */
    bool was_in_ring;
    bool ended;
    bool look; /* whether its client is still there */
    int socket;
    uint64_t number;
    struct live_place place;
    int64_t alive_ms; /* when it is next told that we are here */
    int64_t until_ms; /* when it may go on no longer */
    struct live_filter filter;
    struct buffer pending; /* its own thread's alone, so the next */
    size_t pending_sent;
};

struct live {
    struct live_config config;
    struct store_log *follow; /* the thread's */
    struct store_log *catch_up;
    pthread_mutex_t catch_up_turn; /* held through the rest, too */
    _Atomic bool wanted;           /* somebody reads */
    _Atomic bool dirty;            /* something was committed since */

    /* Never held for long: the writer takes it. */
    pthread_mutex_t bell_lock;
    pthread_cond_t bell;
    _Atomic bool stopping;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t left;  /* a reader has */
    bool ending;
    int64_t looked_ms; /* when all were last asked to look */
    struct live_reader *first;
    struct live_stats stats;
    struct live_ring ring;
    uint64_t rules; /* store_log_rules_version() of what the ring has */
    pthread_t thread;
};

static void after_ms(int64_t ms, struct timespec *ret)
{
    (void)clock_gettime(CLOCK_MONOTONIC, ret);
    ret->tv_sec += ms / 1000;
    ret->tv_nsec += ms % 1000 * 1000000L;
    ret->tv_sec += ret->tv_nsec / 1000000000L;
    ret->tv_nsec %= 1000000000L;
}

static void condition_make(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Never back: a reader that comes from another service may be further than our
 * ring is. */
static void go_on_to(struct live_reader *reader, const struct live_place *place)
{
    if (place->seq > reader->place.seq)
        reader->place = *place;
}

/* Wakes those who wait and whom an event from `from` on is for; the others
 * who wait have seen all with that. The lock is held. */
static void tell(struct live *live, uint64_t from)
{
    struct live_ring *ring = &live->ring;
    for (struct live_reader *r = live->first; r != NULL; r = r->next) {
        if (!r->waits)
            continue;
        uint64_t number = from > ring->first ? from : ring->first;
        while (number < ring->next &&
               !live_filter_takes(&r->filter, live_ring_at(ring, number)))
            number++;
        if (number < ring->next) {
            r->waits = false;
            pthread_cond_signal(&r->wake);
        } else {
            r->number = ring->next;
            go_on_to(r, &ring->end);
        }
    }
}

/* Of what another service has erased or removed nothing is held. Who asked for
 * the version first may come here last. The lock is held. */
static void drop_outdated(struct live *live, uint64_t rules)
{
    if (rules <= live->rules)
        return;
    live_ring_restart(&live->ring, &live->ring.end);
    live->rules = rules;
}

static bool add_view(void *context, const struct store_row *row)
{
    struct live *live = context;
    return live_ring_add_view(&live->ring, row);
}

/* One read of the log into the ring; true when there may be more. The lock is
 * held while rows are read, so that an erasure comes before or after. */
static bool follow(struct live *live, int64_t *ret_rest_ms)
{
    struct fault fault = {0};
    int64_t last = 0;
    uint64_t rules = 0;
    pthread_mutex_lock(&live->lock);
    enum result r = store_log_rules_version(live->follow, &rules, &fault);
    drop_outdated(live, rules);
    int64_t from = live->ring.end.seq;
    uint64_t next = live->ring.next;
    if (r == RESULT_OK)
        r = store_log_read(live->follow, from, FOLLOW_ROWS, add_view, live,
                           &last, &fault);
    tell(live, next);
    bool more = r == RESULT_OK && live->ring.next - next >= FOLLOW_ROWS;
    *ret_rest_ms = LIVE_GATHER_MS + live->stats.readers / READERS_A_MS;
    pthread_mutex_unlock(&live->lock);
    /* A failure is the store's, which says so: here it is tried again. */
    if (r != RESULT_OK)
        *ret_rest_ms = RETRY_MS;
    return more || r != RESULT_OK;
}

/* The bell's lock is held. Until ms have passed, or it is stopping. */
static void rest(struct live *live, int64_t ms)
{
    struct timespec until;
    int64_t end_ms = clock_monotonic_ms() + ms;
    after_ms(ms, &until);
    while (!live->stopping && clock_monotonic_ms() < end_ms)
        (void)pthread_cond_timedwait(&live->bell, &live->bell_lock, &until);
}

/* Until something was committed here, or it is time to look for what other
 * services have. The bell's lock is held. */
static void wait_for_commits(struct live *live)
{
    struct timespec until;
    int64_t poll_ms = store_shared_poll_ms(live->config.store);
    if (poll_ms == 0) {
        (void)pthread_cond_wait(&live->bell, &live->bell_lock);
        return;
    }
    after_ms(poll_ms, &until);
    if (pthread_cond_timedwait(&live->bell, &live->bell_lock, &until) ==
            ETIMEDOUT &&
        atomic_load(&live->wanted))
        atomic_store(&live->dirty, true);
}

static void *run(void *argument)
{
    struct live *live = argument;
    pthread_mutex_lock(&live->bell_lock);
    while (!live->stopping) {
        if (!atomic_exchange(&live->dirty, false)) {
            wait_for_commits(live);
            continue;
        }
        pthread_mutex_unlock(&live->bell_lock);
        int64_t rest_ms = 0;
        while (follow(live, &rest_ms) && rest_ms < RETRY_MS && !live->stopping)
            continue;
        if (rest_ms == RETRY_MS)
            atomic_store(&live->dirty, true);
        pthread_mutex_lock(&live->bell_lock);
        rest(live, rest_ms);
    }
    pthread_mutex_unlock(&live->bell_lock);
    return NULL;
}

static void done(struct live *live)
{
    store_log_close(live->follow);
    store_log_close(live->catch_up);
    live_ring_done(&live->ring);
    pthread_cond_destroy(&live->left);
    pthread_cond_destroy(&live->bell);
    pthread_mutex_destroy(&live->bell_lock);
    pthread_mutex_destroy(&live->lock);
    pthread_mutex_destroy(&live->catch_up_turn);
    free(live);
}

enum result live_start(const struct live_config *config, struct live **ret,
                       struct fault *fault)
{
    struct live *live = calloc(1, sizeof *live);
    if (live == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    live->config = *config;
    pthread_mutex_init(&live->catch_up_turn, NULL);
    pthread_mutex_init(&live->bell_lock, NULL);
    pthread_mutex_init(&live->lock, NULL);
    condition_make(&live->bell);
    condition_make(&live->left);
    enum result r = live_ring_init(&live->ring, fault);
    if (r == RESULT_OK)
        r = store_log_open(config->db, &live->follow, fault);
    if (r == RESULT_OK)
        r = store_log_open(config->db, &live->catch_up, fault);
    if (r == RESULT_OK && pthread_create(&live->thread, NULL, run, live) != 0)
        r = fault_set(fault, RESULT_UNAVAILABLE, "cannot start a thread");
    if (r == RESULT_OK)
        *ret = live;
    else
        done(live);
    return r;
}

void live_end(struct live *live)
{
    if (live == NULL)
        return;
    pthread_mutex_lock(&live->lock);
    live->ending = true;
    for (struct live_reader *r = live->first; r != NULL; r = r->next)
        pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&live->lock);
}

void live_stop(struct live *live)
{
    if (live == NULL)
        return;
    pthread_mutex_lock(&live->bell_lock);
    live->stopping = true;
    pthread_cond_signal(&live->bell);
    pthread_mutex_unlock(&live->bell_lock);
    pthread_join(live->thread, NULL);
    done(live);
}

void live_committed(struct live *live)
{
    if (!atomic_load(&live->wanted) || atomic_exchange(&live->dirty, true))
        return;
    /* The lock is taken so that the thread is not between its look at `dirty`
     * and its wait. */
    pthread_mutex_lock(&live->bell_lock);
    pthread_cond_signal(&live->bell);
    pthread_mutex_unlock(&live->bell_lock);
}

/* What was just done here is not to be taken for another service's: the note of
 * it would go with the ring. The lock is not held. */
static uint64_t rules_now(struct live *live)
{
    uint64_t rules = 0;
    struct fault fault = {0};
    (void)store_log_rules_version(live->catch_up, &rules, &fault);
    return rules; /* 0 where it is not known: the ring goes a little later */
}

void live_erased(struct live *live, const char *user_id)
{
    if (!atomic_load(&live->wanted))
        return;
    uint64_t rules = rules_now(live);
    pthread_mutex_lock(&live->lock);
    drop_outdated(live, rules);
    uint64_t next = live->ring.next;
    live_ring_add_erased(&live->ring, user_id);
    tell(live, next);
    pthread_mutex_unlock(&live->lock);
}

void live_deleted(struct live *live, const char *user_id, int64_t seq,
                  const struct uuid *id)
{
    if (!atomic_load(&live->wanted))
        return;
    uint64_t rules = rules_now(live);
    pthread_mutex_lock(&live->lock);
    drop_outdated(live, rules);
    uint64_t next = live->ring.next;
    live_ring_add_deleted(&live->ring, user_id, seq, id);
    tell(live, next);
    pthread_mutex_unlock(&live->lock);
}

/* Whether the log has such a place. A view that was erased or removed since
 * leaves its place good. */
static enum result check_place(struct live *live,
                               const struct live_place *place, bool *ret,
                               struct fault *fault)
{
    int64_t end = 0;
    struct uuid id;
    enum result r = store_log_reach(live->catch_up, &end, fault);
    if (r != RESULT_OK)
        return r;
    *ret = place->seq <= end;
    r = store_log_id(live->catch_up, place->seq, &id, fault);
    if (r == RESULT_OK)
        *ret = live_place_of(place->seq, &id).check == place->check;
    return r == RESULT_NOT_FOUND ? RESULT_OK : r;
}

/* The lock is held. */
static void ask_all_to_look(struct live *live, int64_t now_ms)
{
    if (now_ms - live->looked_ms < LOOK_EVERY_MS)
        return;
    live->looked_ms = now_ms;
    for (struct live_reader *r = live->first; r != NULL; r = r->next) {
        r->look = true;
        pthread_cond_signal(&r->wake);
    }
}

/* Readers whose clients have gone make room. The lock is held, but not while
 * it waits. */
static void make_room(struct live *live)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t end_ms = now_ms + ROOM_MS;
    while (live->stats.readers >= live->config.readers_max && !live->ending &&
           now_ms < end_ms) {
        struct timespec until;
        ask_all_to_look(live, now_ms);
        after_ms(ROOM_STEP_MS, &until);
        (void)pthread_cond_timedwait(&live->left, &live->lock, &until);
        now_ms = clock_monotonic_ms();
    }
}

/* Who comes first starts the ring at the log's end. The lock is held. */
static enum result enter(struct live *live, struct live_reader *reader,
                         uint64_t rules, struct fault *fault)
{
    if (live->stats.readers >= live->config.readers_max)
        make_room(live);
    if (live->ending)
        return fault_set(fault, RESULT_STOPPED, "the service is stopping");
    if (live->stats.readers >= live->config.readers_max) {
        live->stats.refused++;
        return fault_set(fault, RESULT_LIMIT, "there are %u streams already",
                         live->stats.readers);
    }
    if (live->first == NULL) {
        int64_t seq;
        struct uuid id;
        atomic_store(&live->wanted, true); /* before the end is looked up */
        enum result r = store_log_end(live->follow, &seq, &id, fault);
        if (r != RESULT_OK)
            return r;
        struct live_place end = live_place_of(seq, &id);
        live_ring_restart(&live->ring, &end);
    }
    drop_outdated(live, rules);
    live_filter_ready(&reader->filter, &live->ring);
    if (reader->place.seq < 0) {
        reader->place = live->ring.end;
        reader->number = live->ring.next;
        reader->in_ring = true;
    }
    reader->next = live->first;
    if (live->first != NULL)
        live->first->previous = reader;
    live->first = reader;
    live->stats.readers++;
    return RESULT_OK;
}

static enum result prepare(struct live *live, struct live_reader *reader,
                           const char *cursor, uint64_t *ret_rules,
                           struct fault *fault)
{
    bool good = true;
    reader->place.seq = -1; /* from now on */
    if (cursor == NULL)
        return RESULT_OK;
    if (!live_cursor_parse(cursor, &reader->place))
        return fault_set(fault, RESULT_MALFORMED,
                         "the last event's id is not one that this service "
                         "gave out");
    enum result r = check_place(live, &reader->place, &good, fault);
    if (r == RESULT_OK)
        r = store_log_rules_version(live->catch_up, ret_rules, fault);
    if (r == RESULT_OK && !good) {
        live_event_reset(&reader->pending);
        reader->place.seq = -1;
    }
    return r;
}

enum result live_open(struct live *live, const struct live_filter *filter,
                      const char *cursor, int socket, struct live_reader **ret,
                      struct fault *fault)
{
    struct live_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    reader->live = live;
    reader->socket = socket;
    reader->filter = *filter;
    reader->pending = buffer_make(PENDING_BYTES_MAX);
    reader->alive_ms = clock_monotonic_ms() + live->config.heartbeat_ms;
    reader->until_ms = INT64_MAX;
    condition_make(&reader->wake);
    uint64_t rules = 0;
    enum result r = prepare(live, reader, cursor, &rules, fault);
    if (r == RESULT_OK) {
        pthread_mutex_lock(&live->lock);
        r = enter(live, reader, rules, fault);
        if (live->first == NULL)
            atomic_store(&live->wanted, false);
        pthread_mutex_unlock(&live->lock);
    }
    if (r != RESULT_OK) {
        pthread_cond_destroy(&reader->wake);
        buffer_done(&reader->pending);
        free(reader);
        return r;
    }
    live_event_hello(&reader->pending, &reader->place);
    *ret = reader;
    return RESULT_OK;
}

void live_until(struct live_reader *reader, int64_t until_ms)
{
    reader->until_ms = until_ms;
}

void live_close(struct live_reader *reader)
{
    struct live *live = reader->live;
    pthread_mutex_lock(&live->lock);
    if (reader->previous != NULL)
        reader->previous->next = reader->next;
    else
        live->first = reader->next;
    if (reader->next != NULL)
        reader->next->previous = reader->previous;
    live->stats.readers--;
    pthread_cond_signal(&live->left);
    if (live->first == NULL)
        atomic_store(&live->wanted, false);
    pthread_mutex_unlock(&live->lock);
    pthread_cond_destroy(&reader->wake);
    buffer_done(&reader->pending);
    free(reader);
}

static size_t send_pending(struct live_reader *reader, char *out,
                           size_t out_bytes)
{
    size_t bytes = reader->pending.bytes - reader->pending_sent;
    if (bytes > out_bytes)
        bytes = out_bytes;
    if (bytes > 0)
        memcpy(out, reader->pending.data + reader->pending_sent, bytes);
    reader->pending_sent += bytes;
    if (reader->pending_sent == reader->pending.bytes) {
        /* Readers are many, and most are quiet: none keeps a buffer. */
        buffer_done(&reader->pending);
        reader->pending = buffer_make(PENDING_BYTES_MAX);
        reader->pending_sent = 0;
    }
    if (bytes > 0)
        reader->alive_ms =
            clock_monotonic_ms() + reader->live->config.heartbeat_ms;
    return bytes;
}

/* Copies what the filter takes, while it fits; an event that fits nowhere goes
 * through `pending`. The lock is held. */
static size_t copy_events(struct live_reader *reader, char *out,
                          size_t out_bytes)
{
    const struct live_ring *ring = &reader->live->ring;
    size_t copied = 0;
    for (; reader->number < ring->next; reader->number++) {
        const struct live_event *event = live_ring_at(ring, reader->number);
        bool is_new = event->note || event->place.seq > reader->place.seq;
        bool taken = is_new && live_filter_takes(&reader->filter, event);
        if (taken && event->bytes > out_bytes - copied) {
            if (copied > 0)
                return copied;
            buffer_append(&reader->pending, event->text, event->bytes);
        } else if (taken) {
            memcpy(out + copied, event->text, event->bytes);
            copied += event->bytes;
        }
        if (taken)
            reader->live->stats.events++;
        go_on_to(reader, &event->place);
        if (reader->pending.bytes > 0) {
            reader->number++;
            break;
        }
    }
    if (copied > 0)
        reader->alive_ms =
            clock_monotonic_ms() + reader->live->config.heartbeat_ms;
    return copied;
}

static bool add_row(void *context, const struct store_row *row)
{
    struct live_reader *reader = context;
    size_t bytes = reader->pending.bytes;
    if (live_filter_takes_row(&reader->filter, row))
        live_event_view(&reader->pending, row);
    if (reader->pending.failed) {   /* full: this row is the next read's */
        reader->ended = bytes == 0; /* no memory */
        reader->pending.failed = false;
        reader->pending.bytes = bytes;
        return false;
    }
    reader->place = live_place_of(row->place.seq, &row->id);
    return true;
}

/* A short read from the store, at the pace that live.h says. */
static enum result read_store(struct live_reader *reader)
{
    struct live *live = reader->live;
    struct timespec from;
    struct timespec to;
    struct fault fault = {0};
    int64_t last;
    pthread_mutex_lock(&live->catch_up_turn);
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    enum result r =
        store_log_read(live->catch_up, reader->place.seq, CATCH_UP_ROWS,
                       add_row, reader, &last, &fault);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    int64_t took_ns = (to.tv_sec - from.tv_sec) * INT64_C(1000000000) +
                      to.tv_nsec - from.tv_nsec;
    int64_t rest_ns = took_ns * (CATCH_UP_SHARE - 1);
    struct timespec pause = {.tv_nsec = rest_ns < SHARE_NS_MAX ? rest_ns
                                                               : SHARE_NS_MAX};
    (void)nanosleep(&pause, NULL);
    pthread_mutex_unlock(&live->catch_up_turn);
    return r;
}

/* Whether it was with us and has fallen too far behind. The lock is held. */
static bool is_left_behind(struct live_reader *reader)
{
    struct live *live = reader->live;
    int64_t views = live->ring.end.seq - reader->place.seq;
    if (!reader->was_in_ring || views <= LIVE_BEHIND_MAX)
        return false;
    live->stats.behind++;
    live_event_behind(&reader->pending, views);
    return true;
}

/* Finds its place in the ring, or reads on from the store. The lock is held,
 * but not while it reads. */
static void catch_up(struct live_reader *reader)
{
    struct live *live = reader->live;
    reader->in_ring =
        live_ring_find(&live->ring, reader->place.seq, &reader->number);
    if (reader->in_ring || is_left_behind(reader)) {
        reader->ended = !reader->in_ring;
        return;
    }
    pthread_mutex_unlock(&live->lock);
    enum result r = read_store(reader);
    pthread_mutex_lock(&live->lock);
    /* An end is told by the cut: the client comes again with its last id. */
    reader->ended = reader->ended || r != RESULT_OK;
}

/* The client has closed, or shut its side, which a browser never does alone. */
static bool has_gone(const struct live_reader *reader)
{
    char byte;
    return reader->socket >= 0 &&
           recv(reader->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Whether it is time to say that the stream lives, or to end it. */
static void keep_alive(struct live_reader *reader)
{
    reader->look = false;
    if (has_gone(reader))
        reader->ended = true;
    else if (clock_monotonic_ms() >= reader->alive_ms &&
             reader->pending.bytes == 0)
        live_event_alive(&reader->pending, &reader->place);
}

/* Whether it has to end, which it is told. */
static bool end_reader(struct live_reader *reader)
{
    if (reader->live->ending)
        live_event_end(&reader->pending, "stopping");
    else if (clock_monotonic_ms() >= reader->until_ms)
        live_event_end(&reader->pending, "the token has ended");
    else
        return false;
    reader->ended = true;
    return true;
}

/* Until it is woken, or has something to say by itself. The lock is held. */
static void wait_for_events(struct live_reader *reader)
{
    int64_t wake_ms = reader->alive_ms < reader->until_ms ? reader->alive_ms
                                                          : reader->until_ms;
    struct timespec until;
    after_ms(wake_ms - clock_monotonic_ms(), &until);
    reader->waits = true;
    (void)pthread_cond_timedwait(&reader->wake, &reader->live->lock, &until);
    reader->waits = false;
}

/* Something to say at last: bytes in `out`, bytes in `pending`, or the end.
 * The lock is held. */
static size_t wait_and_copy(struct live_reader *reader, char *out,
                            size_t out_bytes)
{
    struct live *live = reader->live;
    while (!reader->ended && reader->pending.bytes == 0) {
        if (end_reader(reader))
            break;
        if (reader->in_ring && reader->number < live->ring.first)
            reader->in_ring = false;
        if (reader->in_ring) {
            reader->was_in_ring = true;
            size_t copied = copy_events(reader, out, out_bytes);
            if (copied > 0)
                return copied;
        } else {
            catch_up(reader);
        }
        if (reader->look || clock_monotonic_ms() >= reader->alive_ms) {
            keep_alive(reader);
        } else if (reader->in_ring && reader->number == live->ring.next &&
                   reader->pending.bytes == 0) {
            wait_for_events(reader);
        }
    }
    return 0;
}

size_t live_read(struct live_reader *reader, char *out, size_t out_bytes)
{
    struct live *live = reader->live;
    if (reader->pending.bytes == 0 && !reader->ended) {
        pthread_mutex_lock(&live->lock);
        size_t copied = wait_and_copy(reader, out, out_bytes);
        pthread_mutex_unlock(&live->lock);
        if (copied > 0)
            return copied;
    }
    return send_pending(reader, out, out_bytes);
}

void live_stats(struct live *live, struct live_stats *ret)
{
    pthread_mutex_lock(&live->lock);
    *ret = live->stats;
    pthread_mutex_unlock(&live->lock);
}
