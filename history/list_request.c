#include "list_request.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "cursor.h"
#include "viewed_message.h"

typedef const char *(*parameter_get)(const void *context, const char *name);

enum result list_request_number(const char *name, const char *text,
                                uint32_t min, uint32_t max, uint32_t *ret,
                                struct fault *fault)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 9 || text[digits] != '\0')
        return fault_set(fault, RESULT_MALFORMED,
                         "%s must be a whole number from %u to %u", name, min,
                         max);
    unsigned long value = strtoul(text, NULL, 10);
    if (value < min || value > max)
        return fault_set(fault, RESULT_MALFORMED,
                         "%s must be from %u to %u, not %lu", name, min, max,
                         value);
    *ret = (uint32_t)value;
    return RESULT_OK;
}

enum result list_request_time(const char *name, const char *text, int64_t *ret,
                              struct fault *fault)
{
    if (!clock_parse(text, strlen(text), ret))
        return fault_set(fault, RESULT_MALFORMED,
                         "%s must be a time by RFC 3339, such as "
                         "2026-01-31T12:00:00Z",
                         name);
    return RESULT_OK;
}

enum result list_request_text(const char *name, const char *text,
                              size_t bytes_max, const char **ret,
                              struct fault *fault)
{
    size_t bytes = strlen(text);
    if (bytes == 0 || bytes > bytes_max)
        return fault_set(fault, RESULT_MALFORMED,
                         "%s must have from 1 to %zu bytes", name, bytes_max);
    *ret = text;
    return RESULT_OK;
}

static enum result read_order(const char *text, bool *ret, struct fault *fault)
{
    if (strcmp(text, "asc") != 0 && strcmp(text, "desc") != 0)
        return fault_set(fault, RESULT_MALFORMED, "order must be asc or desc");
    *ret = text[0] == 'a';
    return RESULT_OK;
}

static enum result read_total(const char *text, struct store_query *query,
                              struct fault *fault)
{
    if (strcmp(text, "true") != 0)
        return fault_set(fault, RESULT_MALFORMED, "total must be true");
    if (query->session_given)
        return fault_set(fault, RESULT_MALFORMED,
                         "total and sessionId exclude each other");
    query->count = true;
    return RESULT_OK;
}

static enum result read_filters(parameter_get get, const void *context,
                                struct store_query *query, struct fault *fault)
{
    enum result r = RESULT_OK;
    const char *text;
    if ((text = get(context, "userId")) != NULL)
        r = list_request_text("userId", text, VIEWED_USER_BYTES_MAX,
                              &query->user_id, fault);
    if (r == RESULT_OK && (text = get(context, "videoId")) != NULL)
        r = list_request_text("videoId", text, VIEWED_VIDEO_BYTES_MAX,
                              &query->video_id, fault);
    if (r == RESULT_OK && (text = get(context, "sessionId")) != NULL) {
        query->session_given = true;
        if (!uuid_parse(text, strlen(text), &query->session_id))
            r = fault_set(fault, RESULT_MALFORMED, "sessionId must be a UUID");
    }
    if (r == RESULT_OK && (text = get(context, "since")) != NULL)
        r = list_request_time("since", text, &query->since_ms, fault);
    if (r == RESULT_OK && (text = get(context, "until")) != NULL)
        r = list_request_time("until", text, &query->until_ms, fault);
    if (r == RESULT_OK && (text = get(context, "total")) != NULL)
        r = read_total(text, query, fault);
    return r;
}

static enum result read_page(parameter_get get, const void *context,
                             struct store_query *query, struct fault *fault)
{
    enum result r = RESULT_OK;
    const char *text;
    const char *order = get(context, "order");
    const char *skip = get(context, "skip");
    if ((text = get(context, "limit")) != NULL)
        r = list_request_number("limit", text, 1, STORE_PAGE_ROWS_MAX,
                                &query->limit, fault);
    if (r == RESULT_OK && skip != NULL)
        r = list_request_number("skip", skip, 0, STORE_SKIP_MAX, &query->skip,
                                fault);
    if (r == RESULT_OK && order != NULL)
        r = read_order(order, &query->oldest_first, fault);
    if (r != RESULT_OK || (text = get(context, "cursor")) == NULL)
        return r;
    bool oldest_first = false;
    if (!cursor_parse(text, &query->after, &oldest_first) &&
        !cursor_parse_before(text, &query->after, &oldest_first))
        return fault_set(fault, RESULT_MALFORMED,
                         "cursor is not one that this service gave out");
    if (skip != NULL)
        return fault_set(fault, RESULT_MALFORMED,
                         "cursor and skip exclude each other");
    if (order != NULL && oldest_first != query->oldest_first)
        return fault_set(fault, RESULT_MALFORMED,
                         "cursor belongs to the other order");
    query->oldest_first = oldest_first;
    query->after_given = true;
    return RESULT_OK;
}

enum result list_request_read(parameter_get get, const void *context,
                              struct store_query *ret, struct fault *fault)
{
    struct store_query query = {
        .since_ms = CLOCK_MIN_MS,
        .until_ms = CLOCK_MAX_MS + 1,
        .limit = LIST_LIMIT_DEFAULT,
    };
    enum result r = read_filters(get, context, &query, fault);
    if (r == RESULT_OK)
        r = read_page(get, context, &query, fault);
    if (r == RESULT_OK)
        *ret = query;
    return r;
}

static char *put_text(char *to, const char *text)
{
    if (text == NULL)
        text = "";
    size_t bytes = strlen(text) + 1;
    memcpy(to, text, bytes);
    return to + bytes;
}

/* No text of a query is empty, so that "" is none. */
void list_request_key(const struct store_query *query,
                      struct list_key_text *ret)
{
    const int64_t numbers[] = {
        query->since_ms,
        query->until_ms,
        query->after.viewed_at_ms,
        query->after.seq,
        (int64_t)query->skip << 32 | query->limit,
        query->oldest_first | query->after_given << 1 |
            query->session_given << 2 | query->count << 3,
    };
    _Static_assert(sizeof numbers <= 64, "as the header says");
    memcpy(ret->bytes, numbers, sizeof numbers);
    char *to = ret->bytes + sizeof numbers;
    memcpy(to, query->session_id.bytes, sizeof query->session_id.bytes);
    to = put_text(to + sizeof query->session_id.bytes, query->user_id);
    to = put_text(to, query->video_id);
    ret->count = (size_t)(to - ret->bytes);
}

static void add(struct buffer *buffer, const char *name, const char *value)
{
    buffer_append_text(buffer, name);
    http_query_encode(buffer, value);
}

static void add_time(struct buffer *buffer, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format(time_ms, text);
    add(buffer, name, text);
}

static void add_link(const struct store_query *query, const char *cursor,
                     struct buffer *buffer)
{
    buffer_append_text(buffer, "/history?limit=");
    buffer_append_integer(buffer, query->limit);
    if (query->user_id != NULL)
        add(buffer, "&userId=", query->user_id);
    if (query->video_id != NULL)
        add(buffer, "&videoId=", query->video_id);
    if (query->since_ms > CLOCK_MIN_MS)
        add_time(buffer, "&since=", query->since_ms);
    if (query->until_ms <= CLOCK_MAX_MS)
        add_time(buffer, "&until=", query->until_ms);
    if (query->session_given) {
        char session[UUID_TEXT_BYTES];
        uuid_format(&query->session_id, session);
        add(buffer, "&sessionId=", session);
    }
    if (query->count)
        buffer_append_text(buffer, "&total=true");
    add(buffer, "&cursor=", cursor);
}

void list_request_next(const struct store_query *query,
                       const struct store_place *last, struct buffer *buffer)
{
    char cursor[CURSOR_TEXT_BYTES];
    cursor_format(last, query->oldest_first, cursor);
    add_link(query, cursor, buffer);
}

void list_request_prev(const struct store_query *query,
                       const struct store_place *first, struct buffer *buffer)
{
    char cursor[CURSOR_TEXT_BYTES];
    cursor_format_before(first, query->oldest_first, cursor);
    add_link(query, cursor, buffer);
}
