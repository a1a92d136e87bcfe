#include "checkpoint.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "stream_log.h"
#include "topology.h"

enum {
    STEP_MESSAGES = 5000, /* between two notes on the way */
    END_WAIT_MS = 1000,
    WAIT_MS = 500, /* how soon a stop is seen */
    SILENCE_MS_MAX = 30 * 1000,
    FROM_BYTES = 32,
    MISSING_MAX = 256, /* stored together: one by one a gap would take hours */
    /* Together some seconds: in a busy service each is a matter of luck. */
    QUEUE_LOOKS = 20,
    QUEUE_LOOK_MS = 50,
    HELD_LOOKS = 3000,
    HELD_LOOK_MS = 1,
    /* Of so many messages each who shares them has some. */
    SHARED_MANY = 2000,
};

/* A view of the stream that the store does not have. */
struct missing {
    struct ingest_view view; /* its item comes first */
    _Atomic unsigned *left;
};

struct checkpoint {
    struct checkpoint_config config;
    /* The thread's own. */
    struct missing missing[MISSING_MAX];
    unsigned missing_count;
    int64_t end_before;      /* of the stream, a round ago; -1: none yet */
    uint64_t brought_before; /* by the queue, when that round began */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stopping;
};

/* One reading of the stream. */
struct reading {
    struct checkpoint *checkpoint;
    int64_t end;
    struct store_contained noted;   /* what the store says */
    struct store_contained reached; /* proven, not noted yet */
    int64_t missing;
};

static bool is_stopping(struct checkpoint *c)
{
    pthread_mutex_lock(&c->lock);
    bool stopping = c->stopping;
    pthread_mutex_unlock(&c->lock);
    return stopping;
}

/* False when it is time to end. */
static bool sleep_for(struct checkpoint *c, uint32_t seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&c->lock);
    int error = 0;
    while (!c->stopping && error == 0)
        error = pthread_cond_timedwait(&c->wake, &c->lock, &until);
    bool stopping = c->stopping;
    pthread_mutex_unlock(&c->lock);
    return !stopping;
}

static void pause_for(uint32_t ms)
{
    struct timespec pause = {.tv_nsec = (long)ms * 1000000};
    (void)nanosleep(&pause, NULL);
}

static bool comes_to_hold_nothing(struct checkpoint *c)
{
    for (int i = 0; i < HELD_LOOKS && !is_stopping(c); i++) {
        if (c->config.counters->unacked == 0)
            return true;
        pause_for(HELD_LOOK_MS);
    }
    return false;
}

static enum result is_caught_up(struct checkpoint *c, bool *ret,
                                struct fault *fault)
{
    struct amqp_link *link = NULL;
    uint64_t losses = c->config.counters->losses;
    int64_t ready = -1;
    enum result r = amqp_link_open(&c->config.amqp, &link, fault);
    for (int i = 0; i < QUEUE_LOOKS && r == RESULT_OK && ready != 0; i++) {
        if (i > 0)
            pause_for(QUEUE_LOOK_MS);
        r = topology_ready(link, &ready, fault);
    }
    amqp_link_close(link);
    if (r == RESULT_OK)
        *ret = ready == 0 && comes_to_hold_nothing(c) &&
               c->config.counters->losses == losses;
    return r;
}

/* By the queue, but for what it brought again. */
static uint64_t brought(const struct checkpoint *c)
{
    return c->config.counters->deliveries - c->config.counters->redeliveries;
}

/* Whether the stream got what the queue did not bring, since a round ago. */
static bool is_passed_by(const struct checkpoint *c, int64_t end)
{
    if (c->end_before < 0)
        return false;
    int64_t got = end - c->end_before;
    int64_t came = (int64_t)(brought(c) - c->brought_before);
    bool alone = strcmp(topology_queue(), TOPOLOGY_QUEUE) == 0 &&
                 c->config.counters->consumers <= 1;
    return alone ? got > came : came == 0 && got > SHARED_MANY;
}

/* The consumer gives its link up if nothing comes from now on. */
static void tell_of_gap(struct counters *counters)
{
    counters->gap_deliveries = (uint64_t)counters->deliveries;
}

static enum result read_noted(struct store *store, void *context,
                              struct fault *fault)
{
    (void)fault;
    *(struct store_contained *)context = store_contained(store);
    return RESULT_OK;
}

static enum result write_noted(struct store *store, void *context,
                               struct fault *fault)
{
    return store_write_contained(store, NULL, 0, context, fault);
}

static void missing_settled(struct batch_item *item)
{
    --*((struct missing *)item)->left;
}

/* Counts what was new; the first result that is none. */
static enum result work_off_missing(struct reading *reading, unsigned count)
{
    struct checkpoint *c = reading->checkpoint;
    for (unsigned i = 0; i < count; i++) {
        const struct ingest_view *view = &c->missing[i].view;
        if (view->item.result != RESULT_OK)
            return view->item.result;
        if (view->written != STORE_NEW)
            continue;
        reading->missing++;
        c->config.counters->views_recovered++;
    }
    return RESULT_OK;
}

static enum result store_missing(struct reading *reading, struct fault *fault)
{
    struct checkpoint *c = reading->checkpoint;
    unsigned count = c->missing_count;
    _Atomic unsigned left = count;
    c->missing_count = 0;
    if (count == 0)
        return RESULT_OK;
    for (unsigned i = 0; i < count; i++) {
        c->missing[i].left = &left;
        c->missing[i].view.item = (struct batch_item){
            .settled = missing_settled,
            .next = i + 1 < count ? &c->missing[i + 1].view.item : NULL};
    }
    enum result r = ingest_submit(c->config.ingest, &c->missing[0].view, count);
    /* Also while stopping: they are the writer's until it has settled them. */
    while (r == RESULT_OK && left > 0)
        pause_for(HELD_LOOK_MS);
    if (r == RESULT_OK)
        r = work_off_missing(reading, count);
    return r == RESULT_OK ? r
                          : fault_set(fault, RESULT_UNAVAILABLE,
                                      "missing views were not stored");
}

static enum result note(struct reading *reading, struct fault *fault)
{
    enum result r = store_missing(reading, fault);
    if (r != RESULT_OK || reading->reached.offset == reading->noted.offset)
        return r;
    r = ingest_run(reading->checkpoint->config.ingest, write_noted,
                   &reading->reached, fault);
    if (r == RESULT_OK)
        reading->noted = reading->reached;
    return r;
}

static void pass(void *context, const struct store_row *row)
{
    (void)context;
    (void)row;
}

static enum result prove(struct reading *reading,
                         const struct stream_message *message,
                         struct fault *fault)
{
    struct checkpoint *c = reading->checkpoint;
    struct ingest_view *view = &c->missing[c->missing_count].view;
    *view = (struct ingest_view){.received_ms = clock_now_ms()};
    enum result r = stream_log_view(message, &view->viewed, fault);
    if (r == RESULT_MALFORMED || (r == RESULT_OK && !view->viewed.id_given))
        return RESULT_OK;
    if (r == RESULT_OK)
        r = store_find(c->config.store, &view->viewed.id, pass, NULL, fault);
    if (r != RESULT_NOT_FOUND)
        return r;
    return ++c->missing_count < MISSING_MAX ? RESULT_OK
                                            : store_missing(reading, fault);
}

/* Whether the stream is still the one that the note is about. */
static enum result check_first(struct reading *reading,
                               const struct stream_message *message,
                               struct fault *fault)
{
    const struct store_contained *noted = &reading->noted;
    if (noted->offset < 0)
        return RESULT_OK;
    if (message->offset == noted->offset && message->hash != noted->hash)
        return fault_set(fault, RESULT_MALFORMED, "it is another stream");
    if (message->offset > noted->offset + 1)
        log_warn("messages left the stream before they were compared",
                 log_int("first", noted->offset + 1),
                 log_int("last", message->offset - 1), log_end());
    return RESULT_OK;
}

static enum result read_on(struct reading *reading, struct stream_log *log,
                           struct fault *fault)
{
    int64_t heard_ms = clock_monotonic_ms();
    for (int64_t count = 0; reading->reached.offset < reading->end;) {
        struct stream_message message;
        enum result r = stream_log_next(log, WAIT_MS, &message, fault);
        if (r == RESULT_NOT_FOUND &&
            clock_monotonic_ms() - heard_ms < SILENCE_MS_MAX &&
            !is_stopping(reading->checkpoint))
            continue;
        if (r == RESULT_OK && count++ == 0)
            r = check_first(reading, &message, fault);
        if (r == RESULT_OK)
            r = prove(reading, &message, fault);
        if (r != RESULT_OK)
            return r;
        reading->reached =
            (struct store_contained){message.offset, message.hash};
        if (count % STEP_MESSAGES == 0) {
            heard_ms = clock_monotonic_ms();
            r = note(reading, fault);
            if (r != RESULT_OK || is_stopping(reading->checkpoint))
                return r;
        }
    }
    return note(reading, fault);
}

static enum result read_from_noted(struct reading *reading, struct fault *fault)
{
    char from[FROM_BYTES] = "first";
    struct stream_log *log = NULL;
    if (reading->noted.offset >= 0)
        (void)snprintf(from, sizeof from, "%lld",
                       (long long)reading->noted.offset);
    /* The message there is read once more, to be recognised. */
    reading->reached = (struct store_contained){.offset = -1};
    reading->checkpoint->missing_count = 0; /* a failed round may leave some */
    enum result r =
        stream_log_open(&reading->checkpoint->config.amqp, from, &log, fault);
    if (r == RESULT_OK)
        r = read_on(reading, log, fault);
    stream_log_close(log);
    return r;
}

static enum result read_stream(struct reading *reading, struct fault *fault)
{
    enum result r = RESULT_MALFORMED;
    if (reading->end >= reading->noted.offset)
        r = read_from_noted(reading, fault);
    if (r != RESULT_MALFORMED)
        return r;
    log_warn("the stream is another one than before: it is read anew",
             log_int("noted", reading->noted.offset),
             log_int("end", reading->end), log_end());
    reading->noted = (struct store_contained){.offset = -1};
    return read_from_noted(reading, fault);
}

static enum result go_round(struct checkpoint *c, struct fault *fault)
{
    struct reading reading = {.checkpoint = c};
    bool caught_up = false;
    uint64_t brought_first = brought(c);
    enum result r =
        stream_log_end(&c->config.amqp, END_WAIT_MS, &reading.end, fault);
    if (r == RESULT_OK)
        r = is_caught_up(c, &caught_up, fault);
    if (r == RESULT_OK)
        r = ingest_run(c->config.ingest, read_noted, &reading.noted, fault);
    if (r != RESULT_OK || !caught_up || reading.end < 0)
        return r;
    if (is_passed_by(c, reading.end))
        tell_of_gap(c->config.counters);
    c->end_before = reading.end;
    c->brought_before = brought_first;
    if (reading.end == reading.noted.offset)
        return RESULT_OK;
    r = read_stream(&reading, fault);
    if (reading.missing > 0)
        tell_of_gap(c->config.counters);
    if (reading.missing > 0)
        log_warn("views of the stream were not in the store, and are now",
                 log_int("views", reading.missing), log_end());
    return r;
}

static void *run(void *context)
{
    struct checkpoint *c = context;
    bool failed = false;
    while (sleep_for(c, c->config.every_s)) {
        struct fault fault = {0};
        if (!store_leads(c->config.store))
            continue;
        enum result r = go_round(c, &fault);
        if (r != RESULT_OK && !failed && !is_stopping(c))
            log_warn("the stream was not compared with the store",
                     log_text("why", fault.text), log_end());
        failed = r != RESULT_OK;
        if (r == RESULT_OK)
            c->config.counters->checkpoints++;
    }
    return NULL;
}

enum result checkpoint_start(const struct checkpoint_config *config,
                             struct checkpoint **ret, struct fault *fault)
{
    if (config->every_s == 0) {
        *ret = NULL;
        return RESULT_OK;
    }
    struct checkpoint *c = calloc(1, sizeof *c);
    if (c == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    c->config = *config;
    c->end_before = -1;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&c->thread, NULL, run, c) != 0) {
        pthread_cond_destroy(&c->wake);
        pthread_mutex_destroy(&c->lock);
        free(c);
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot start a thread");
    }
    *ret = c;
    return RESULT_OK;
}

void checkpoint_stop(struct checkpoint *c)
{
    if (c == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
