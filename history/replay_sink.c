#include "replay_sink.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "store_erase.h"
#include "store_expire.h"
#include "store_look.h"
#include "store_removed.h"
#include "topology.h"

enum {
    CONFIRM_TIMEOUT_MS = 60 * 1000, /* without any answer */
    IN_FLIGHT_MAX = 500,
    STORED_TIMEOUT_MS = 60 * 1000, /* by the service, the last that it got */
    STORED_LOOK_MS = 50,
};

struct replay_sink {
    /* One of the two; neither in a dry run without a file. */
    struct store *store;
    struct store_look *look;
    struct erased_set erased;        /* with look: a store has its own */
    struct amqp_link *queue;         /* with look; NULL in a dry run */
    uint64_t published;              /* numbers count from 1 */
    uint64_t confirmed;              /* all up to it */
    bool settled[IN_FLIGHT_MAX + 1]; /* beyond it, by number modulo this */
    bool last_given;
    struct uuid last; /* published */
    size_t count;     /* of what follows */
    struct store_view views[REPLAY_BATCH];
    struct viewed viewed[REPLAY_BATCH];
};

static enum result open_queue(struct replay_sink *sink,
                              const struct replay_options *options,
                              struct fault *fault)
{
    enum result r = amqp_link_open(options->amqp, &sink->queue, fault);
    return r == RESULT_OK ? amqp_link_confirms(sink->queue, fault) : r;
}

static enum result open_store(struct replay_sink *sink,
                              const struct replay_options *options,
                              struct fault *fault)
{
    struct store_config config = {.path = options->path, .readers = 1};
    int64_t views = 0;
    enum result r = store_open(&config, &sink->store, fault);
    if (r == RESULT_OK)
        r = store_erase_resume(sink->store, fault);
    if (r == RESULT_OK && options->erased != NULL)
        r = store_erase_import(sink->store, options->erased, &views, fault);
    if (r == RESULT_OK && options->removed != NULL)
        r = store_removed_import(sink->store, options->removed, &views, fault);
    if (r == RESULT_OK && options->keep_all)
        r = store_keep_all(sink->store, fault);
    return r;
}

static enum result open_target(struct replay_sink *sink,
                               const struct replay_options *options,
                               bool by_queue, struct fault *fault)
{
    if (!by_queue && !options->dry_run)
        return open_store(sink, options, fault);
    enum result r = store_look_open(options->path, &sink->look, fault);
    if (r == RESULT_NOT_FOUND && options->dry_run)
        return RESULT_OK;
    if (r == RESULT_OK)
        r = store_look_erased(sink->look, &sink->erased, fault);
    return r == RESULT_OK && !options->dry_run
               ? open_queue(sink, options, fault)
               : r;
}

enum result replay_sink_open(const struct replay_options *options,
                             struct replay_sink **ret, bool *ret_by_queue,
                             struct fault *fault)
{
    struct replay_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    bool by_queue = store_is_open(options->path);
    enum result r = open_target(sink, options, by_queue, fault);
    if (r != RESULT_OK) {
        (void)replay_sink_close(sink, NULL);
        return r;
    }
    *ret = sink;
    *ret_by_queue = by_queue;
    return RESULT_OK;
}

struct store_contained replay_sink_contained(const struct replay_sink *sink)
{
    struct store_contained contained = {.offset = -1};
    if (sink->store != NULL)
        return store_contained(sink->store);
    if (sink->look != NULL)
        (void)store_look_contained(sink->look, &contained, NULL);
    return contained;
}

/* Confirms come one by one in any order, or for all up to a number. */
static void settle(struct replay_sink *sink, const struct amqp_event *event)
{
    const uint64_t window = IN_FLIGHT_MAX + 1;
    uint64_t first = event->multiple ? sink->confirmed + 1 : event->tag;
    for (uint64_t number = first; number <= event->tag; number++)
        sink->settled[number % window] = true;
    while (sink->confirmed < sink->published &&
           sink->settled[(sink->confirmed + 1) % window]) {
        sink->confirmed++;
        sink->settled[sink->confirmed % window] = false;
    }
}

static enum result read_confirms(struct replay_sink *sink, uint64_t in_flight,
                                 struct fault *fault)
{
    int64_t heard_ms = clock_monotonic_ms();
    for (;;) {
        const struct amqp_event *event;
        enum result r = amqp_link_next(sink->queue, &event, fault);
        if (r != RESULT_OK)
            return r;
        if (event->kind == AMQP_EVENT_RETURNED ||
            event->kind == AMQP_EVENT_REFUSED)
            return fault_set(fault, RESULT_UNAVAILABLE,
                             "the queue %s did not take a view",
                             topology_queue());
        if (event->kind == AMQP_EVENT_CONFIRMED) {
            settle(sink, event);
            heard_ms = clock_monotonic_ms();
            continue;
        }
        if (sink->published - sink->confirmed <= in_flight)
            return RESULT_OK;
        if (clock_monotonic_ms() - heard_ms > CONFIRM_TIMEOUT_MS)
            return fault_set(fault, RESULT_UNAVAILABLE,
                             "the broker has not confirmed for %d s",
                             CONFIRM_TIMEOUT_MS / 1000);
        if (event->kind == AMQP_EVENT_NONE)
            amqp_link_wait(sink->queue, -1, 1000);
    }
}

static enum result publish(struct replay_sink *sink,
                           const struct stream_message *message,
                           const struct viewed *viewed, struct fault *fault)
{
    char id[UUID_TEXT_BYTES];
    char trace[TRACE_PARENT_TEXT_BYTES];
    uuid_format(&viewed->id, id);
    trace_parent_format(&viewed->trace, trace);
    const struct amqp_event *event = message->event;
    struct amqp_message again = {
        .body = event->body,
        .body_bytes = event->body_bytes,
        .message_id = id,
        .content_type =
            event->content_type[0] != '\0' ? event->content_type : NULL,
        .type = "viewed",
        .timestamp_s = event->timestamp_s,
        .persistent = true,
        .headers = {{.name = trace[0] != '\0' ? "traceparent" : NULL,
                     .text = trace}},
    };
    enum result r =
        amqp_link_publish(sink->queue, "", topology_queue(), &again, fault);
    if (r != RESULT_OK)
        return r;
    sink->published++;
    sink->last = viewed->id;
    sink->last_given = true;
    return read_confirms(sink, IN_FLIGHT_MAX, fault);
}

static bool is_refused(const struct erased_set *set,
                       const struct viewed *viewed)
{
    struct erased_question question = {
        .user_id = viewed->user_id,
        .user_id_bytes = strlen(viewed->user_id),
        .time_given = viewed->time_given,
        .viewed_at_ms = viewed->viewed_at_ms,
    };
    return erased_set_why(set, &question) != ERASED_NOT;
}

enum result replay_sink_take(struct replay_sink *sink,
                             const struct stream_message *message,
                             const struct viewed *viewed,
                             struct replay_progress *progress,
                             struct fault *fault)
{
    if (sink->store != NULL) {
        sink->viewed[sink->count] = *viewed;
        sink->views[sink->count] =
            (struct store_view){.viewed = &sink->viewed[sink->count],
                                .received_ms = clock_now_ms()};
        sink->count++;
        return RESULT_OK;
    }
    bool has = false;
    bool is_gone = is_refused(&sink->erased, viewed);
    enum result r = RESULT_OK;
    if (!is_gone && sink->look != NULL)
        r = store_look_removed(sink->look, &viewed->id, &is_gone, fault);
    if (is_gone) {
        progress->erased++;
        return RESULT_OK;
    }
    if (r == RESULT_OK && sink->look != NULL)
        r = store_look_has(sink->look, &viewed->id, &has, fault);
    if (r == RESULT_OK && has)
        progress->known++;
    else if (r == RESULT_OK)
        progress->added++;
    return r == RESULT_OK && !has && sink->queue != NULL
               ? publish(sink, message, viewed, fault)
               : r;
}

enum result replay_sink_flush(struct replay_sink *sink,
                              const struct store_contained *contained,
                              struct replay_progress *progress,
                              struct fault *fault)
{
    if (sink->queue != NULL)
        return read_confirms(sink, 0, fault);
    if (sink->store == NULL)
        return RESULT_OK;
    enum result r = store_write_contained(sink->store, sink->views, sink->count,
                                          contained, fault);
    if (r != RESULT_OK)
        return r;
    for (size_t i = 0; i < sink->count; i++) {
        if (sink->views[i].written == STORE_NEW)
            progress->added++;
        else if (sink->views[i].written == STORE_KNOWN)
            progress->known++;
        else
            progress->erased++;
    }
    sink->count = 0;
    return RESULT_OK;
}

static enum result wait_stored(struct replay_sink *sink, struct fault *fault)
{
    int64_t until_ms = clock_monotonic_ms() + STORED_TIMEOUT_MS;
    while (sink->last_given) {
        bool has = false;
        enum result r = store_look_has(sink->look, &sink->last, &has, fault);
        if (r != RESULT_OK || has)
            return r;
        if (clock_monotonic_ms() >= until_ms)
            return fault_set(fault, RESULT_UNAVAILABLE,
                             "the service has not stored what was published to "
                             "it yet");
        amqp_link_wait(sink->queue, -1, STORED_LOOK_MS);
        const struct amqp_event *event; /* for the heartbeats */
        r = amqp_link_next(sink->queue, &event, fault);
        if (r != RESULT_OK)
            return r;
    }
    return RESULT_OK;
}

static enum result tidy(struct replay_sink *sink, struct fault *fault)
{
    bool more = true;
    enum result r = RESULT_OK;
    while (r == RESULT_OK && more)
        r = store_tidy(sink->store, true, &more, fault);
    return r;
}

enum result replay_sink_close(struct replay_sink *sink, struct fault *fault)
{
    if (sink == NULL)
        return RESULT_OK;
    enum result r = RESULT_OK;
    if (sink->queue != NULL)
        r = wait_stored(sink, fault);
    if (sink->store != NULL)
        r = tidy(sink, fault);
    enum result closed =
        store_close(sink->store, r == RESULT_OK ? fault : NULL);
    amqp_link_close(sink->queue);
    store_look_close(sink->look);
    erased_set_done(&sink->erased);
    free(sink);
    return r == RESULT_OK ? closed : r;
}
