#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "cursor.h"
#include "list_request.h"
#include "viewed_message.h"

static const char *get(const void *context, const char *name)
{
    return http_query_get(context, name);
}

/* What the query string says; its texts live until done. */
static enum result read(const char *raw, struct http_query *parameters,
                        struct store_query *query, struct fault *fault)
{
    *parameters = (struct http_query){0};
    assert_int_equal(http_query_parse(raw, parameters, fault), RESULT_OK);
    return list_request_read(get, parameters, query, fault);
}

static struct store_query query_of(const char *raw,
                                   struct http_query *parameters)
{
    struct store_query query;
    struct fault fault = {0};
    if (read(raw, parameters, &query, &fault) != RESULT_OK)
        fail_msg("%s: %s", raw, fault.text);
    return query;
}

static void assert_refused(const char *raw, const char *words)
{
    struct http_query parameters;
    struct store_query query = {.limit = 4711};
    struct fault fault = {0};
    if (read(raw, &parameters, &query, &fault) != RESULT_MALFORMED)
        fail_msg("taken: %s", raw);
    if (strstr(fault.text, words) == NULL)
        fail_msg("%s: '%s' is not in '%s'", raw, words, fault.text);
    assert_int_equal(query.limit, 4711); /* untouched */
    http_query_done(&parameters);
}

static void nothing_asks_for_the_newest_hundred(void **state)
{
    (void)state;
    struct http_query parameters;
    struct store_query query = query_of("", &parameters);
    assert_null(query.user_id);
    assert_null(query.video_id);
    assert_int_equal(query.since_ms, CLOCK_MIN_MS);
    assert_int_equal(query.until_ms, CLOCK_MAX_MS + 1);
    assert_false(query.oldest_first);
    assert_false(query.after_given);
    assert_int_equal(query.skip, 0);
    assert_int_equal(query.limit, 100);
    http_query_done(&parameters);
}

static void each_parameter_is_taken(void **state)
{
    (void)state;
    struct http_query parameters;
    struct store_query query =
        query_of("userId=u&videoId=v+w.mp4&since=2026-01-01T00:00:00Z"
                 "&until=2026-01-02T01:00:00%2B01:00&order=asc&limit=1000"
                 "&skip=1000000",
                 &parameters);
    assert_string_equal(query.user_id, "u");
    assert_string_equal(query.video_id, "v w.mp4");
    assert_int_equal(query.since_ms, INT64_C(1767225600000));
    assert_int_equal(query.until_ms, INT64_C(1767312000000));
    assert_true(query.oldest_first);
    assert_int_equal(query.limit, 1000);
    assert_int_equal(query.skip, 1000000);
    http_query_done(&parameters);
}

static void numbers_are_whole_and_within_their_limits(void **state)
{
    (void)state;
    static const char *const cases[] = {"0",   "1001", "-1",  "+1",
                                        "1.5", "1e2",  "0x1", " 1",
                                        "1+",  "",     "x",   "99999999999999"};
    char raw[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)snprintf(raw, sizeof raw, "limit=%s", cases[i]);
        assert_refused(raw, "limit must be");
    }
    assert_refused("limit=1001", "from 1 to 1000");
    assert_refused("skip=1000001", "from 0 to 1000000");
    assert_refused("skip=-1", "skip must be");
    struct http_query parameters;
    assert_int_equal(query_of("limit=0001", &parameters).limit, 1);
    http_query_done(&parameters);
}

static void what_cannot_be_is_refused_by_name(void **state)
{
    (void)state;
    char raw[VIEWED_VIDEO_BYTES_MAX + 100];
    char name[VIEWED_VIDEO_BYTES_MAX + 2];
    assert_refused("userId=", "userId");
    assert_refused("videoId=", "videoId");
    memset(name, 'x', sizeof name - 1);
    name[VIEWED_USER_BYTES_MAX + 1] = '\0';
    (void)snprintf(raw, sizeof raw, "userId=%s", name);
    assert_refused(raw, "userId must have from 1 to 128 bytes");
    name[VIEWED_USER_BYTES_MAX + 1] = 'x';
    name[VIEWED_VIDEO_BYTES_MAX + 1] = '\0';
    (void)snprintf(raw, sizeof raw, "videoId=%s", name);
    assert_refused(raw, "videoId must have from 1 to 256 bytes");
    assert_refused("since=yesterday", "since");
    assert_refused("until=2026-13-01T00:00:00Z", "until");
    assert_refused("until=", "until");
    assert_refused("order=ASC", "order");
    assert_refused("order=", "order");
    assert_refused("cursor=x", "cursor");
    assert_refused("cursor=", "cursor");
}

static void a_cursor_brings_its_order_and_allows_no_skip(void **state)
{
    (void)state;
    struct store_place place = {.viewed_at_ms = 5, .seq = 7};
    char text[CURSOR_TEXT_BYTES];
    char raw[128];
    struct http_query parameters;
    cursor_format(&place, true, text);
    (void)snprintf(raw, sizeof raw, "cursor=%s", text);
    struct store_query query = query_of(raw, &parameters);
    assert_true(query.after_given);
    assert_true(query.oldest_first);
    assert_int_equal(query.after.viewed_at_ms, 5);
    assert_int_equal(query.after.seq, 7);
    http_query_done(&parameters);
    (void)snprintf(raw, sizeof raw, "cursor=%s&order=asc", text);
    (void)query_of(raw, &parameters);
    http_query_done(&parameters);
    (void)snprintf(raw, sizeof raw, "cursor=%s&order=desc", text);
    assert_refused(raw, "order");
    (void)snprintf(raw, sizeof raw, "cursor=%s&skip=0", text);
    assert_refused(raw, "skip");
}

/* The link to the next page asks for the same, from the place on. */
static void assert_next_is(const char *raw, const struct store_place *place)
{
    struct http_query parameters;
    struct http_query next_parameters;
    struct store_query query = query_of(raw, &parameters);
    struct buffer link = buffer_make(8192);
    list_request_next(&query, place, &link);
    buffer_append(&link, "", 1);
    assert_false(link.failed);
    assert_memory_equal(link.data, "/history?", 9);
    struct store_query next = query_of(link.data + 9, &next_parameters);
    assert_true(next.after_given);
    assert_memory_equal(&next.after, place, sizeof *place);
    assert_int_equal(next.oldest_first, query.oldest_first);
    assert_int_equal(next.limit, query.limit);
    assert_int_equal(next.skip, 0);
    assert_int_equal(next.since_ms, query.since_ms);
    assert_int_equal(next.until_ms, query.until_ms);
    assert_int_equal(next.user_id != NULL, query.user_id != NULL);
    if (next.user_id != NULL)
        assert_string_equal(next.user_id, query.user_id);
    assert_int_equal(next.video_id != NULL, query.video_id != NULL);
    if (next.video_id != NULL)
        assert_string_equal(next.video_id, query.video_id);
    buffer_done(&link);
    http_query_done(&parameters);
    http_query_done(&next_parameters);
}

static void the_next_page_asks_for_the_same(void **state)
{
    (void)state;
    struct store_place place = {.viewed_at_ms = INT64_C(1767225600123),
                                .seq = INT64_MAX};
    struct store_place before = {.viewed_at_ms = CLOCK_MIN_MS, .seq = 1};
    assert_next_is("", &place);
    assert_next_is("order=asc&limit=1&skip=50", &before);
    assert_next_is("userId=a%26b%3Dc%2B%25%20%C3%A9&videoId=%3C%3E%22.mp4",
                   &place);
    assert_next_is("since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59.999Z",
                   &place);
    assert_next_is("since=0001-01-01T00:00:00.001Z&until=0001-01-01T00:00:00Z",
                   &place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asks_for_the_newest_hundred),
        cmocka_unit_test(each_parameter_is_taken),
        cmocka_unit_test(numbers_are_whole_and_within_their_limits),
        cmocka_unit_test(what_cannot_be_is_refused_by_name),
        cmocka_unit_test(a_cursor_brings_its_order_and_allows_no_skip),
        cmocka_unit_test(the_next_page_asks_for_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
