#include "viewed_batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "json_read.h"
#include "json_write.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The end of the element that begins at `at`: the text is good JSON. */
static size_t element_end(const char *text, size_t bytes, size_t at)
{
    size_t depth = 0;
    bool quoted = false;
    for (; at < bytes; at++) {
        char c = text[at];
        if (quoted) {
            if (c == '\\')
                at++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth > 0 && (c == '}' || c == ']')) {
            depth--;
        } else if (depth == 0 && (c == ',' || c == ']')) {
            break;
        }
    }
    return at;
}

bool viewed_batch_element(const char *array, size_t bytes, size_t *at,
                          const char **ret, size_t *ret_bytes)
{
    size_t from = *at;
    if (from == 0)
        from = (size_t)((const char *)memchr(array, '[', bytes) - array) + 1;
    while (from < bytes && (is_space(array[from]) || array[from] == ','))
        from++;
    if (from >= bytes || array[from] == ']')
        return false;
    size_t end = element_end(array, bytes, from);
    *ret = array + from;
    *ret_bytes = end - from;
    *at = end;
    return true;
}

bool viewed_batch_line(const char *text, size_t bytes, size_t *at,
                       const char **ret, size_t *ret_bytes)
{
    while (*at < bytes) {
        const char *line = text + *at;
        const char *end = memchr(line, '\n', bytes - *at);
        size_t length = end != NULL ? (size_t)(end - line) : bytes - *at;
        *at += length + (end != NULL ? 1 : 0);
        while (length > 0 && is_space(line[length - 1]))
            length--;
        if (length == 0)
            continue;
        *ret = line;
        *ret_bytes = length;
        return true;
    }
    return false;
}

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t settled;
    size_t left;
};

struct one {
    struct ingest_view view; /* first: settled() is given it */
    struct waiting *waiting;
    enum result result;
    struct fault fault;
};

struct batch {
    struct one *views;
    size_t count;
};

static void batch_done(struct batch *batch)
{
    free(batch->views);
}

static void settled(struct batch_item *item)
{
    struct one *one = (struct one *)item;
    struct waiting *waiting = one->waiting;
    pthread_mutex_lock(&waiting->lock);
    one->result = item->result;
    if (--waiting->left == 0)
        pthread_cond_signal(&waiting->settled);
    pthread_mutex_unlock(&waiting->lock);
}

typedef bool (*next_view)(const char *text, size_t bytes, size_t *at,
                          const char **ret, size_t *ret_bytes);

static next_view next_of(const struct viewed_batch_input *input)
{
    return input->lines ? viewed_batch_line : viewed_batch_element;
}

static enum result count_views(const struct viewed_batch_input *input,
                               size_t *ret, struct fault *fault)
{
    next_view next = next_of(input);
    const char *view;
    size_t view_bytes;
    size_t at = 0;
    size_t count = 0;
    while (count <= VIEWED_BATCH_VIEWS_MAX &&
           next(input->body, input->bytes, &at, &view, &view_bytes))
        count++;
    if (count == 0 || count > VIEWED_BATCH_VIEWS_MAX)
        return fault_set(fault, RESULT_MALFORMED, "a batch has 1 to %d views",
                         VIEWED_BATCH_VIEWS_MAX);
    *ret = count;
    return RESULT_OK;
}

static void decode(struct one *one, const char *text, size_t bytes,
                   const struct viewed_envelope *envelope)
{
    one->view.received_ms = envelope->received_ms;
    one->view.item.settled = settled;
    one->result =
        bytes > VIEWED_BODY_BYTES_MAX
            ? fault_set(&one->fault, RESULT_MALFORMED,
                        "a view is over %d bytes", VIEWED_BODY_BYTES_MAX)
            : viewed_decode(text, bytes, envelope, &one->view.viewed,
                            &one->fault);
}

static enum result decode_all(const struct viewed_batch_input *input,
                              struct batch *ret, struct fault *fault)
{
    next_view next = next_of(input);
    const char *view;
    size_t view_bytes;
    size_t at = 0;
    struct viewed_envelope envelope = {.received_ms = clock_now_ms(),
                                       .traceparent = input->traceparent};
    enum result r = count_views(input, &ret->count, fault);
    if (r != RESULT_OK)
        return r;
    ret->views = calloc(ret->count, sizeof *ret->views);
    if (ret->views == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    for (size_t i = 0; next(input->body, input->bytes, &at, &view, &view_bytes);
         i++)
        decode(&ret->views[i], view, view_bytes, &envelope);
    return RESULT_OK;
}

/* Submits those that could be read, as one chain, and waits for all. */
static enum result store_all(struct ingest *ingest, struct batch *batch)
{
    struct waiting waiting = {.left = 0};
    struct ingest_view *first = NULL;
    struct batch_item **link = NULL;
    for (size_t i = 0; i < batch->count; i++) {
        struct one *one = &batch->views[i];
        if (one->result != RESULT_OK)
            continue;
        one->waiting = &waiting;
        waiting.left++;
        if (first == NULL)
            first = &one->view;
        else
            *link = &one->view.item;
        link = &one->view.item.next;
    }
    if (first == NULL)
        return RESULT_OK;
    pthread_mutex_init(&waiting.lock, NULL);
    pthread_cond_init(&waiting.settled, NULL);
    enum result r = ingest_submit(ingest, first, waiting.left);
    pthread_mutex_lock(&waiting.lock);
    while (r == RESULT_OK && waiting.left > 0)
        pthread_cond_wait(&waiting.settled, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
    pthread_cond_destroy(&waiting.settled);
    pthread_mutex_destroy(&waiting.lock);
    return r;
}

struct counts {
    size_t stored;
    size_t known;
    size_t refused;
    size_t failed; /* of the refused, those that may do later */
};

static const char *reason_written(enum store_written written)
{
    switch (written) {
    case STORE_REMOVED:
        return "it was removed";
    case STORE_PAUSED:
        return "its user had paused recording";
    case STORE_EXPIRED:
        return "it is older than views are kept";
    case STORE_NEW:
    case STORE_KNOWN:
    case STORE_ERASED:
    default:
        return "its user was erased";
    }
}

static const char *reason_of(const struct one *one, struct counts *counts)
{
    if (one->result == RESULT_OK)
        return reason_written(one->view.written);
    if (one->result == RESULT_MALFORMED)
        return one->fault.text[0] != '\0' ? one->fault.text
                                          : "this cannot be a view";
    counts->failed++;
    return "not stored now: send it again";
}

static void write_one(struct buffer *answer, size_t index,
                      const struct one *one, struct counts *counts)
{
    char id[UUID_TEXT_BYTES];
    bool taken = one->result == RESULT_OK;
    buffer_append_format(answer, "%s\n{\"index\":%zu", index > 0 ? "," : "",
                         index);
    if (one->result != RESULT_MALFORMED) {
        uuid_format(&one->view.viewed.id, id);
        buffer_append_format(answer, ",\"id\":\"%s\"", id);
    }
    if (taken && one->view.written == STORE_NEW) {
        counts->stored++;
        buffer_append_text(answer, ",\"result\":\"stored\"}");
    } else if (taken && one->view.written == STORE_KNOWN) {
        counts->known++;
        buffer_append_text(answer, ",\"result\":\"known\"}");
    } else {
        counts->refused++;
        buffer_append_text(answer, ",\"result\":\"refused\",\"reason\":");
        json_write_text(answer, reason_of(one, counts));
        buffer_append_text(answer, "}");
    }
}

enum result viewed_batch_store(struct ingest *ingest,
                               const struct viewed_batch_input *input,
                               struct buffer *answer, struct fault *fault)
{
    CLEANUP(batch_done) struct batch batch = {0};
    struct counts counts = {0};
    enum result r =
        input->lines ? RESULT_OK : json_check(input->body, input->bytes, fault);
    if (r == RESULT_OK)
        r = decode_all(input, &batch, fault);
    if (r != RESULT_OK)
        return r;
    if (store_all(ingest, &batch) != RESULT_OK)
        return fault_set(fault, RESULT_UNAVAILABLE, "too busy, or stopping");
    buffer_append_text(answer, "{\"views\":[");
    for (size_t i = 0; i < batch.count; i++)
        write_one(answer, i, &batch.views[i], &counts);
    buffer_append_format(answer,
                         "],\n\"stored\":%zu,\"known\":%zu,\"refused\":%zu}\n",
                         counts.stored, counts.known, counts.refused);
    return counts.failed == batch.count
               ? fault_set(fault, RESULT_UNAVAILABLE, "the store takes none")
               : RESULT_OK;
}
