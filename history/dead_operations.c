#include "dead_operations.h"

#include <string.h>

#include "clock.h"
#include "json_write.h"

enum result dead_list(const struct amqp_options *amqp, size_t limit,
                      void (*letter)(void *context,
                                     const struct dead_found *found),
                      void *context, bool *ret_more, struct fault *fault)
{
    struct dead_queue *queue = NULL;
    enum result r = dead_queue_open(amqp, &queue, fault);
    bool more = false;
    for (size_t listed = 0; r == RESULT_OK && !more; listed++) {
        const struct dead_found *found;
        r = dead_queue_next(queue, &found, fault);
        more = r == RESULT_OK && listed == limit;
        if (r == RESULT_OK && !more)
            letter(context, found);
    }
    dead_queue_close(queue);
    if (r == RESULT_NOT_FOUND)
        r = RESULT_OK;
    if (r == RESULT_OK)
        *ret_more = more;
    return r;
}

static bool is_id(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

enum result dead_show(const struct amqp_options *amqp, const struct uuid *id,
                      void (*letter)(void *context,
                                     const struct dead_found *found),
                      void *context, struct fault *fault)
{
    struct dead_queue *queue = NULL;
    enum result r = dead_queue_open(amqp, &queue, fault);
    for (bool here = false; r == RESULT_OK && !here;) {
        const struct dead_found *found;
        r = dead_queue_next(queue, &found, fault);
        here = r == RESULT_OK && is_id(&found->id, id);
        if (here)
            letter(context, found);
    }
    dead_queue_close(queue);
    return r == RESULT_NOT_FOUND
               ? fault_set(fault, r, "there is no letter of that id")
               : r;
}

struct work {
    struct dead_queue *queue;
    const struct dead_wish *wish;
    bool met[DEAD_IDS_MAX];
    void (*outcome)(void *context, const struct dead_outcome *outcome);
    void *context;
};

static bool is_wanted(struct work *work, const struct uuid *id)
{
    bool wanted = work->wish->all;
    for (size_t i = 0; i < work->wish->count; i++) {
        if (is_id(&work->wish->ids[i], id)) {
            work->met[i] = true;
            wanted = true;
        }
    }
    return wanted;
}

/* A letter that must stay is reported, and ends nothing. */
static enum result work_on(struct work *work, const struct dead_found *found,
                           struct fault *fault)
{
    struct dead_outcome outcome = {.id = found->id};
    outcome.result = work->wish->act == DEAD_RETRY
                         ? dead_queue_retry(work->queue, &outcome.why)
                         : dead_queue_discard(work->queue, &outcome.why);
    if (outcome.result == RESULT_UNAVAILABLE) {
        *fault = outcome.why;
        return outcome.result;
    }
    work->outcome(work->context, &outcome);
    return RESULT_OK;
}

static void report_missing(struct work *work)
{
    for (size_t i = 0; i < work->wish->count; i++) {
        if (work->met[i])
            continue;
        struct dead_outcome outcome = {.id = work->wish->ids[i]};
        outcome.result = fault_set(&outcome.why, RESULT_NOT_FOUND,
                                   "there is no letter of that id");
        work->outcome(work->context, &outcome);
    }
}

enum result
dead_do(const struct amqp_options *amqp, const struct dead_wish *wish,
        void (*outcome)(void *context, const struct dead_outcome *outcome),
        void *context, struct fault *fault)
{
    struct work work = {.wish = wish, .outcome = outcome, .context = context};
    enum result r = dead_queue_open(amqp, &work.queue, fault);
    while (r == RESULT_OK) {
        const struct dead_found *found;
        r = dead_queue_next(work.queue, &found, fault);
        if (r == RESULT_OK && is_wanted(&work, &found->id))
            r = work_on(&work, found, fault);
    }
    dead_queue_close(work.queue);
    if (r != RESULT_NOT_FOUND)
        return r;
    report_missing(&work);
    return RESULT_OK;
}

static void add_text(struct buffer *buffer, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    buffer_append_format(buffer, ",\"%s\":", name);
    json_write_text(buffer, text);
}

static void add_integer(struct buffer *buffer, const char *name, int64_t value)
{
    buffer_append_format(buffer, ",\"%s\":%lld", name, (long long)value);
}

void dead_json_letter(struct buffer *buffer, const struct dead_found *found,
                      size_t body_bytes_max)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(&found->id, id);
    buffer_append_format(buffer, "{\"id\":\"%s\"", id);
    add_text(buffer, "reason", found->reason);
    if (found->seen_ms > 0 && found->seen_ms <= CLOCK_MAX_MS) {
        char seen[CLOCK_TEXT_BYTES];
        clock_format(found->seen_ms, seen);
        add_text(buffer, "seenAt", seen);
    }
    if (found->deliveries > 0)
        add_integer(buffer, "deliveries", found->deliveries);
    add_integer(buffer, "retries", found->retries);
    add_text(buffer, "messageId", found->message_id);
    add_text(buffer, "traceparent", found->traceparent);
    add_text(buffer, "contentType", found->content_type);
    add_integer(buffer, "bytes", (int64_t)found->body_bytes);
    bool cut = found->body_cut || found->body_bytes > body_bytes_max;
    buffer_append_text(buffer, ",\"body\":");
    json_write_string(buffer, found->body_bytes > 0 ? found->body : "",
                      found->body_bytes < body_bytes_max ? found->body_bytes
                                                         : body_bytes_max);
    buffer_append_format(buffer, ",\"cut\":%s}", cut ? "true" : "false");
}

void dead_json_outcome(struct buffer *buffer,
                       const struct dead_outcome *outcome)
{
    char id[UUID_TEXT_BYTES];
    uuid_format(&outcome->id, id);
    buffer_append_format(buffer, "{\"id\":\"%s\",\"outcome\":\"%s\"", id,
                         outcome->result == RESULT_OK          ? "done"
                         : outcome->result == RESULT_NOT_FOUND ? "not found"
                                                               : "refused");
    if (outcome->result == RESULT_LIMIT || outcome->result == RESULT_MALFORMED)
        add_text(buffer, "why", outcome->why.text);
    buffer_append_text(buffer, "}");
}
