/*
 * http_query_parse(), http_segment_decode() and list_request_read(). What a
 * query decodes to is clean text, found again by its name and the same after
 * it was encoded again; what is a request for a list keeps to the limits, and
 * its next page asks for the same.
 */
#include <string.h>

#include "clock.h"
#include "cursor.h"
#include "fuzz.h"
#include "http_query.h"
#include "list_request.h"
#include "utf8.h"
#include "viewed_message.h"

static void check_clean(const char *text)
{
    FUZZ_HOLDS(utf8_is_valid(text, strlen(text)));
    for (const char *c = text; *c != '\0'; c++)
        FUZZ_HOLDS((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void check_again(const struct http_query *query)
{
    struct buffer raw = buffer_make(64 * 1024);
    for (size_t i = 0; i < query->count; i++) {
        http_query_encode(&raw, query->parameters[i].name);
        buffer_append_text(&raw, "=");
        http_query_encode(&raw, query->parameters[i].value);
        buffer_append_text(&raw, "&");
    }
    buffer_append(&raw, "", 1);
    FUZZ_HOLDS(!raw.failed);
    struct http_query again = {0};
    FUZZ_HOLDS(http_query_parse(raw.data, &again, NULL) == RESULT_OK);
    FUZZ_HOLDS(again.count == query->count);
    for (size_t i = 0; i < query->count; i++) {
        const char *value = http_query_get(&again, query->parameters[i].name);
        FUZZ_HOLDS(value != NULL);
        FUZZ_HOLDS(strcmp(value, query->parameters[i].value) == 0);
    }
    http_query_done(&again);
    buffer_done(&raw);
}

static void check_query(const struct http_query *query)
{
    FUZZ_HOLDS(query->count <= HTTP_PARAMETERS_MAX);
    for (size_t i = 0; i < query->count; i++) {
        const struct http_parameter *parameter = &query->parameters[i];
        check_clean(parameter->name);
        check_clean(parameter->value);
        FUZZ_HOLDS(strlen(parameter->value) <= HTTP_PARAMETER_BYTES_MAX);
        FUZZ_HOLDS(http_query_get(query, parameter->name) == parameter->value);
    }
    check_again(query);
}

static const char *get(const void *context, const char *name)
{
    return http_query_get(context, name);
}

static void check_next(const struct store_query *list)
{
    const struct store_place last = {.viewed_at_ms = 12345, .seq = 678};
    struct buffer link = buffer_make(64 * 1024);
    list_request_next(list, &last, &link);
    buffer_append(&link, "", 1);
    FUZZ_HOLDS(!link.failed);
    const char *raw = strchr(link.data, '?');
    FUZZ_HOLDS(raw != NULL);
    struct http_query query = {0};
    struct store_query next;
    FUZZ_HOLDS(http_query_parse(raw + 1, &query, NULL) == RESULT_OK);
    FUZZ_HOLDS(list_request_read(get, &query, &next, NULL) == RESULT_OK);
    FUZZ_HOLDS(next.after_given && next.after.seq == last.seq);
    FUZZ_HOLDS(next.oldest_first == list->oldest_first);
    FUZZ_HOLDS(next.limit == list->limit);
    FUZZ_HOLDS(next.since_ms == list->since_ms);
    FUZZ_HOLDS(next.until_ms == list->until_ms);
    FUZZ_HOLDS((next.user_id == NULL) == (list->user_id == NULL));
    FUZZ_HOLDS(next.user_id == NULL ||
               strcmp(next.user_id, list->user_id) == 0);
    FUZZ_HOLDS((next.video_id == NULL) == (list->video_id == NULL));
    FUZZ_HOLDS(next.video_id == NULL ||
               strcmp(next.video_id, list->video_id) == 0);
    http_query_done(&query);
    buffer_done(&link);
}

/* No kind of cursor is taken for another. */
static void check_cursor(const char *text)
{
    struct store_place place;
    bool oldest_first;
    int64_t change;
    uint64_t check;
    char again[CURSOR_TEXT_BYTES];
    if (text == NULL || !cursor_parse_change(text, &change, &check))
        return;
    cursor_format_change(change, check, again);
    FUZZ_HOLDS(strcmp(again, text) == 0 && change >= 0);
    FUZZ_HOLDS(!cursor_parse(text, &place, &oldest_first));
    FUZZ_HOLDS(!cursor_parse_before(text, &place, &oldest_first));
}

static void check_list(const struct http_query *query)
{
    struct store_query list;
    struct fault fault = {""};
    check_cursor(get(query, "cursor"));
    if (list_request_read(get, query, &list, &fault) != RESULT_OK) {
        FUZZ_HOLDS(fault.text[0] != '\0');
        return;
    }
    FUZZ_HOLDS(list.limit >= 1 && list.limit <= STORE_PAGE_ROWS_MAX);
    FUZZ_HOLDS(list.skip <= STORE_SKIP_MAX);
    FUZZ_HOLDS(list.since_ms >= CLOCK_MIN_MS && list.since_ms <= CLOCK_MAX_MS);
    FUZZ_HOLDS(list.until_ms >= CLOCK_MIN_MS);
    FUZZ_HOLDS(list.until_ms <= CLOCK_MAX_MS + 1);
    FUZZ_HOLDS(!list.after_given || list.skip == 0);
    FUZZ_HOLDS(list.user_id == NULL || list.user_id[0] != '\0');
    check_next(&list);
}

static void check_segment(const char *raw, size_t bytes)
{
    char text[64];
    if (http_segment_decode(raw, bytes, text, sizeof text, NULL) != RESULT_OK)
        return;
    FUZZ_HOLDS(strlen(text) < sizeof text);
    FUZZ_HOLDS(strchr(text, '/') == NULL);
    check_clean(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    /* As a server sees it: up to the first NUL. */
    char *raw = malloc(bytes + 1);
    FUZZ_HOLDS(raw != NULL);
    if (bytes > 0)
        memcpy(raw, data, bytes);
    raw[bytes] = '\0';
    check_segment((const char *)data, bytes);
    struct http_query query = {0};
    struct fault fault = {""};
    if (http_query_parse(raw, &query, &fault) == RESULT_OK) {
        check_query(&query);
        check_list(&query);
    } else {
        FUZZ_HOLDS(fault.text[0] != '\0');
    }
    http_query_done(&query);
    free(raw);
    return 0;
}
