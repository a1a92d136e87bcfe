#include "replay.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "replay_sink.h"
#include "stream_log.h"

enum {
    WAIT_MS = 200, /* how soon a stop is seen */
    SILENCE_MS_MAX = 30 * 1000,
    PROGRESS_EVERY = 256, /* messages between two calls */
    FROM_BYTES = 32,
};

struct run {
    const struct replay_options *options;
    struct replay_progress *progress;
    struct replay_sink *sink;
    struct stream_log *log;
    struct store_contained before; /* what the store contained */
    struct store_contained reached;
    bool from_first;
    int64_t started_ms;
    size_t pending; /* messages since the last flush */
};

/* --- from and to ---------------------------------------------------------- */

static bool read_offset(const char *text, int64_t *ret)
{
    char *end = NULL;
    errno = 0;
    long long offset = strtoll(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || errno != 0)
        return false;
    *ret = offset;
    return true;
}

static enum result read_from_time(struct run *run, int64_t time_ms,
                                  char from[FROM_BYTES], struct fault *fault)
{
    int64_t offset = 0;
    enum result r = stream_log_at(run->options->amqp, time_ms, &offset, fault);
    (void)snprintf(from, FROM_BYTES, "%lld", (long long)offset);
    return r;
}

static enum result read_from(struct run *run, char from[FROM_BYTES],
                             struct fault *fault)
{
    const char *text = run->options->from;
    int64_t number = 0;
    bool from_checkpoint = strcmp(text, "checkpoint") == 0;
    run->from_first = strcmp(text, "first") == 0 ||
                      (from_checkpoint && run->before.offset < 0);
    if (run->from_first)
        (void)snprintf(from, FROM_BYTES, "first");
    else if (from_checkpoint)
        (void)snprintf(from, FROM_BYTES, "%lld", (long long)run->before.offset);
    else if (read_offset(text, &number))
        (void)snprintf(from, FROM_BYTES, "%lld", (long long)number);
    else if (clock_parse(text, strlen(text), &number) && number >= 0)
        return read_from_time(run, number, from, fault);
    else
        return fault_set(fault, RESULT_MALFORMED,
                         "--from is first, checkpoint, an offset or a time "
                         "such as 2026-01-31T12:00:00Z");
    return RESULT_OK;
}

/* Cuts the end by --to. */
static enum result cut_end(struct run *run, struct fault *fault)
{
    const char *to = run->options->to;
    int64_t number = 0;
    int64_t last = INT64_MAX;
    enum result r = RESULT_OK;
    if (to != NULL && !read_offset(to, &last)) {
        if (!clock_parse(to, strlen(to), &number) || number < 0)
            return fault_set(fault, RESULT_MALFORMED,
                             "--to is an offset or a time such as "
                             "2026-01-31T12:00:00Z");
        r = stream_log_at(run->options->amqp, number + 999, &last, fault);
        last--;
    }
    if (run->progress->end > last)
        run->progress->end = last;
    return r;
}

/* Whether the stream has at the store's offset the message that it had. Where
 * that has left the stream by its age, it is believed. */
static enum result is_same_stream(struct run *run, bool *ret,
                                  struct fault *fault)
{
    char from[FROM_BYTES];
    struct stream_log *log = NULL;
    struct stream_message message;
    *ret = false;
    if (run->progress->end < run->before.offset)
        return RESULT_OK;
    (void)snprintf(from, sizeof from, "%lld", (long long)run->before.offset);
    enum result r = stream_log_open(run->options->amqp, from, &log, fault);
    if (r == RESULT_OK)
        r = stream_log_next(log, STREAM_LOG_WAIT_MS, &message, fault);
    if (r == RESULT_OK)
        *ret = message.offset != run->before.offset ||
               message.hash == run->before.hash;
    stream_log_close(log);
    return r == RESULT_NOT_FOUND ? RESULT_UNAVAILABLE : r;
}

/* After this `before` is about this stream, or says nothing. */
static enum result check_before(struct run *run, struct fault *fault)
{
    bool same = true;
    enum result r = RESULT_OK;
    if (run->before.offset >= 0)
        r = is_same_stream(run, &same, fault);
    if (r != RESULT_OK || same)
        return r;
    if (strcmp(run->options->from, "checkpoint") == 0)
        return fault_set(fault, RESULT_MALFORMED,
                         "the checkpoint is of another stream than this one: "
                         "use --from first");
    run->before = (struct store_contained){.offset = -1};
    return RESULT_OK;
}

/* --- reading -------------------------------------------------------------- */

/* The store contains all up to `reached`, where nothing was left out. */
static const struct store_contained *to_note(struct run *run)
{
    bool no_gap =
        run->from_first || run->progress->first <= run->before.offset + 1;
    bool further = run->reached.offset > run->before.offset;
    if (run->options->dry_run || run->progress->by_queue || !no_gap || !further)
        return NULL;
    run->progress->noted = true;
    return &run->reached;
}

static enum result flush(struct run *run, struct fault *fault)
{
    run->pending = 0;
    return replay_sink_flush(run->sink, to_note(run), run->progress, fault);
}

/* One that has no id cannot be looked up, but where the store has them all. */
static bool is_contained(const struct run *run,
                         const struct stream_message *message,
                         const struct viewed *viewed)
{
    return !viewed->id_given && message->offset <= run->before.offset;
}

static enum result take(struct run *run, const struct stream_message *message,
                        struct fault *fault)
{
    struct replay_progress *progress = run->progress;
    struct viewed viewed;
    if (progress->first < 0)
        progress->first = message->offset;
    progress->read++;
    enum result r = stream_log_view(message, &viewed, fault);
    if (r == RESULT_MALFORMED) {
        progress->refused++;
    } else if (r == RESULT_OK && is_contained(run, message, &viewed)) {
        progress->known++;
    } else if (r == RESULT_OK) {
        progress->without_id += !viewed.id_given;
        r = replay_sink_take(run->sink, message, &viewed, progress, fault);
    }
    if (r != RESULT_OK && r != RESULT_MALFORMED)
        return r;
    run->reached = (struct store_contained){message->offset, message->hash};
    progress->last = message->offset;
    return ++run->pending == REPLAY_BATCH ? flush(run, fault) : RESULT_OK;
}

static bool is_stopped(struct run *run)
{
    run->progress->elapsed_ms = clock_monotonic_ms() - run->started_ms;
    return run->options->progress != NULL &&
           run->options->progress(run->options->context, run->progress);
}

static enum result read_all(struct run *run, struct fault *fault)
{
    struct replay_progress *progress = run->progress;
    int64_t heard_ms = clock_monotonic_ms();
    for (int64_t turn = 1; progress->last < progress->end; turn++) {
        struct stream_message message;
        enum result r = stream_log_next(run->log, WAIT_MS, &message, fault);
        if (r == RESULT_NOT_FOUND) {
            if (is_stopped(run))
                return fault_set(fault, RESULT_STOPPED, "stopped");
            if (clock_monotonic_ms() - heard_ms < SILENCE_MS_MAX)
                continue;
            return fault_set(fault, RESULT_UNAVAILABLE,
                             "the stream was silent for %d s",
                             SILENCE_MS_MAX / 1000);
        }
        if (r == RESULT_OK && message.offset > progress->end)
            return RESULT_OK; /* what was there has left the stream since */
        if (r == RESULT_OK)
            r = take(run, &message, fault);
        if (r != RESULT_OK)
            return r;
        if (turn % PROGRESS_EVERY != 0)
            continue;
        heard_ms = clock_monotonic_ms();
        if (is_stopped(run))
            return fault_set(fault, RESULT_STOPPED, "stopped");
    }
    return RESULT_OK;
}

static enum result read_between(struct run *run, struct fault *fault)
{
    char from[FROM_BYTES];
    int64_t first = 0;
    enum result r = read_from(run, from, fault);
    if (r == RESULT_OK)
        r = stream_log_end(run->options->amqp, STREAM_LOG_WAIT_MS,
                           &run->progress->end, fault);
    if (r == RESULT_OK)
        r = check_before(run, fault);
    if (r == RESULT_OK)
        r = cut_end(run, fault);
    bool nothing = read_offset(from, &first) && first > run->progress->end;
    if (r != RESULT_OK || nothing || run->progress->end < 0)
        return r;
    r = stream_log_open(run->options->amqp, from, &run->log, fault);
    if (r == RESULT_OK)
        r = read_all(run, fault);
    return r;
}

enum result replay(const struct replay_options *options,
                   struct replay_progress *ret, struct fault *fault)
{
    struct run run = {.options = options,
                      .progress = ret,
                      .started_ms = clock_monotonic_ms()};
    *ret = (struct replay_progress){.first = -1, .last = -1, .end = -1};
    enum result r = replay_sink_open(options, &run.sink, &ret->by_queue, fault);
    if (r != RESULT_OK)
        return r;
    run.before = replay_sink_contained(run.sink);
    r = read_between(&run, fault);
    /* What was read before a stop or a fault is kept. */
    if (run.pending > 0 && r != RESULT_UNUSABLE) {
        struct fault why = {0};
        enum result flushed = flush(&run, &why);
        if (flushed != RESULT_OK && (r == RESULT_OK || r == RESULT_STOPPED)) {
            r = flushed;
            *fault = why;
        }
    }
    stream_log_close(run.log);
    struct fault closing = {0};
    enum result closed = replay_sink_close(run.sink, &closing);
    if (r == RESULT_OK && closed != RESULT_OK) {
        r = closed;
        *fault = closing;
    }
    ret->elapsed_ms = clock_monotonic_ms() - run.started_ms;
    return r;
}
