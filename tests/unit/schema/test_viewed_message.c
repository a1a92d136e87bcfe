#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "viewed_message.h"

#define TRACE       "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define OTHER_TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
#define ID          "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER_ID    "01890a5d-ac96-774b-bcce-b302099a8058"

static const char full[] =
    "{\"id\":\"" ID "\",\"userId\":\"u-1\",\"video\":{\"id\":\"a.mp4\"},"
    "\"videoPath\":\"./videos/a.mp4\",\"viewedAt\":\"2026-01-31T12:00:00.123Z\""
    ",\"position\":12.5,\"duration\":30,\"sessionId\":\"" OTHER_ID "\","
    "\"rule\":\"played\",\"traceparent\":\"" TRACE "\"}";

static const struct viewed_envelope bare = {.received_ms = 1234567};

/* In memory of its own size, so that a read past it is seen. */
static enum result decode(const char *body,
                          const struct viewed_envelope *envelope,
                          struct viewed *view, struct fault *fault)
{
    size_t bytes = strlen(body);
    char *copy = malloc(bytes > 0 ? bytes : 1);
    assert_non_null(copy);
    memcpy(copy, body, bytes);
    enum result result = viewed_decode(copy, bytes, envelope, view, fault);
    free(copy);
    return result;
}

static struct viewed decoded(const char *body,
                             const struct viewed_envelope *envelope)
{
    struct viewed view;
    struct fault fault = {""};
    if (decode(body, envelope, &view, &fault) != RESULT_OK)
        fail_msg("%s: %s", body, fault.text);
    return view;
}

static void assert_id(const struct uuid *uuid, const char *expected)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(uuid, text);
    assert_string_equal(text, expected);
}

static void assert_trace(const struct viewed *view, const char *expected)
{
    char text[TRACE_PARENT_TEXT_BYTES];
    trace_parent_format(&view->trace, text);
    assert_string_equal(text, expected);
}

static void a_full_message_fills_every_field(void **state)
{
    (void)state;
    struct viewed view = decoded(full, &bare);
    assert_id(&view.id, ID);
    assert_true(view.id_given);
    assert_string_equal(view.user_id, "u-1");
    assert_string_equal(view.video_id, "a.mp4");
    assert_string_equal(view.video_path, "./videos/a.mp4");
    assert_true(view.time_given);
    char time[CLOCK_TEXT_BYTES];
    clock_format(view.viewed_at_ms, time);
    assert_string_equal(time, "2026-01-31T12:00:00.123Z");
    assert_int_equal(view.position_ms, 12500);
    assert_int_equal(view.duration_ms, 30000);
    assert_true(view.session_given);
    assert_id(&view.session_id, OTHER_ID);
    assert_int_equal(view.rule, VIEWED_RULE_PLAYED);
    assert_trace(&view, TRACE);
}

static void assert_nothing_else(const struct viewed *view)
{
    assert_false(view->id_given);
    assert_int_equal(view->id.bytes[6] >> 4, 7); /* made, of version 7 */
    assert_false(view->time_given);
    assert_int_equal(view->viewed_at_ms, bare.received_ms);
    assert_string_equal(view->user_id, "");
    assert_int_equal(view->position_ms, -1);
    assert_int_equal(view->duration_ms, -1);
    assert_false(view->session_given);
    assert_int_equal(view->rule, VIEWED_RULE_NONE);
    assert_trace(view, "");
}

static void both_shapes_of_older_publishers_are_read(void **state)
{
    (void)state;
    struct viewed view = decoded("{\"videoPath\":\"./videos/x.mp4\"}", &bare);
    assert_string_equal(view.video_path, "./videos/x.mp4");
    assert_string_equal(view.video_id, "");
    assert_nothing_else(&view);
    view = decoded("{\"video\":{\"id\":\"5ea234a1\"}}", &bare);
    assert_string_equal(view.video_id, "5ea234a1");
    assert_string_equal(view.video_path, "");
    assert_nothing_else(&view);
}

static void a_message_without_an_id_is_a_new_view_each_time(void **state)
{
    (void)state;
    struct viewed one = decoded("{\"videoPath\":\"a\"}", &bare);
    struct viewed two = decoded("{\"videoPath\":\"a\"}", &bare);
    assert_memory_not_equal(&one.id, &two.id, sizeof one.id);
}

static void an_id_comes_from_the_body_or_the_envelope(void **state)
{
    (void)state;
    struct viewed_envelope outer = {.message_id = OTHER_ID};
    struct viewed view = decoded("{\"videoPath\":\"a\"}", &outer);
    assert_true(view.id_given);
    assert_id(&view.id, OTHER_ID);
    view = decoded("{\"videoPath\":\"a\",\"id\":\"" OTHER_ID "\"}", &outer);
    assert_id(&view.id, OTHER_ID);
    struct fault fault = {""};
    assert_int_equal(decode("{\"videoPath\":\"a\",\"id\":\"" ID "\"}", &outer,
                            &view, &fault),
                     RESULT_MALFORMED);
    assert_non_null(strstr(fault.text, "id differs from the message-id"));

    struct viewed_envelope no_uuid = {.message_id = "42"};
    view = decoded("{\"videoPath\":\"a\"}", &no_uuid);
    assert_false(view.id_given);
    view = decoded("{\"videoPath\":\"a\",\"id\":\"" ID "\"}", &no_uuid);
    assert_id(&view.id, ID);
}

static void a_time_comes_from_the_body_or_the_envelope(void **state)
{
    (void)state;
    struct viewed_envelope outer = {.timestamp_s = 1000, .received_ms = 5};
    struct viewed view = decoded("{\"videoPath\":\"a\"}", &outer);
    assert_true(view.time_given);
    assert_int_equal(view.viewed_at_ms, 1000000);
    view = decoded(
        "{\"videoPath\":\"a\",\"viewedAt\":\"1970-01-01T00:00:02Z\"}", &outer);
    assert_int_equal(view.viewed_at_ms, 2000);

    /* Milliseconds where AMQP has seconds, and before 1970. */
    const int64_t wrong[] = {INT64_C(1769860800000), INT64_MAX, -1, INT64_MIN};
    for (size_t i = 0; i < 4; i++) {
        outer.timestamp_s = wrong[i];
        assert_int_equal(decode("{\"videoPath\":\"a\"}", &outer, &view, NULL),
                         RESULT_MALFORMED);
    }
    outer.timestamp_s = CLOCK_MAX_MS / 1000;
    view = decoded("{\"videoPath\":\"a\"}", &outer);
    assert_int_equal(view.viewed_at_ms, CLOCK_MAX_MS - 999);
}

static void a_trace_comes_from_the_body_or_the_envelope(void **state)
{
    (void)state;
    struct viewed_envelope outer = {.traceparent = OTHER_TRACE};
    struct viewed view = decoded(full, &outer);
    assert_trace(&view, TRACE);
    view = decoded("{\"videoPath\":\"a\"}", &outer);
    assert_trace(&view, OTHER_TRACE);
    view =
        decoded("{\"videoPath\":\"a\",\"traceparent\":\"" TRACE "0\"}", &outer);
    assert_trace(&view, OTHER_TRACE);
    outer.traceparent = "";
    view = decoded("{\"videoPath\":\"a\"}", &outer);
    assert_trace(&view, "");
}

static void no_view_is_refused_for_its_trace(void **state)
{
    (void)state;
    static const char *const others[] = {
        "null", "7", "[]", "{\"a\":{}}", "\"\"", "\"00-\\u0001\""};
    struct viewed_envelope outer = {.traceparent = "00-7"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char body[128];
        (void)snprintf(body, sizeof body,
                       "{\"videoPath\":\"a\",\"traceparent\":%s}", others[i]);
        struct viewed view = decoded(body, &outer);
        assert_trace(&view, "");
    }
}

static void what_was_encoded_tells_its_trace_and_its_user(void **state)
{
    (void)state;
    static const char none[] = "{\"id\":\"" ID "\",\"videoPath\":\"a\"}";
    struct viewed_beside beside;
    viewed_encoded_beside(full, strlen(full), &beside);
    assert_string_equal(beside.trace, TRACE);
    assert_string_equal(beside.user_id, "u-1");
    viewed_encoded_beside(none, strlen(none), &beside);
    assert_string_equal(beside.trace, "");
    assert_string_equal(beside.user_id, "");
}

static void seconds_are_rounded_to_milliseconds(void **state)
{
    (void)state;
    const struct {
        const char *seconds;
        int64_t ms;
    } rows[] = {
        {"0", 0},
        {"-0.0", 0},
        {"0.0004", 0},
        {"0.0005", 1},
        {"1.0005", 1001},
        {"9.8", 9800},
        {"0.1e1", 1000},
        {"1e-300", 0},
        {"31622400", INT64_C(31622400000)},
        {"31622399.9999", INT64_C(31622400000)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[128];
        (void)snprintf(body, sizeof body,
                       "{\"videoPath\":\"a\",\"position\":%s,\"duration\":%s}",
                       rows[i].seconds, rows[i].seconds);
        struct viewed view = decoded(body, &bare);
        assert_int_equal(view.position_ms, rows[i].ms);
        assert_int_equal(view.duration_ms, rows[i].ms);
    }
}

static void rules_have_fixed_numbers(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int number;
    } rows[] = {{"played", 1}, {"bytes", 2}, {"other", 3}, {"Played", 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[64];
        (void)snprintf(body, sizeof body,
                       "{\"videoPath\":\"a\",\"rule\":\"%s\"}", rows[i].text);
        struct viewed view = decoded(body, &bare);
        assert_int_equal(view.rule, rows[i].number);
    }
    assert_string_equal(viewed_rule_text(VIEWED_RULE_NONE), "");
    assert_string_equal(viewed_rule_text(VIEWED_RULE_PLAYED), "played");
    assert_string_equal(viewed_rule_text(VIEWED_RULE_BYTES), "bytes");
    assert_string_equal(viewed_rule_text(VIEWED_RULE_OTHER), "other");
}

struct refusal {
    const char *body;
    const char *fault; /* a part of it */
};

static const struct refusal refusals[] = {
    {"", "not JSON"},
    {"{\"videoPath\":\"a\"}x", "not JSON"},
    {"[]", "must be a JSON object"},
    {"null", "must be a JSON object"},
    {"{}", "neither video.id nor videoPath"},
    {"{\"videopath\":\"a\"}", "neither video.id nor videoPath"},
    {"{\"video\":null}", "video must be an object"},
    {"{\"video\":\"a\"}", "video must be an object"},
    {"{\"video\":{}}", "video has no id"},
    {"{\"video\":{\"id\":1}}", "video.id must be a string"},
    {"{\"video\":{\"id\":\"\"}}", "video.id is empty"},
    {"{\"video\":{\"id\":\"a\",\"id\":\"a\"}}", "video.id is given twice"},
    {"{\"video\":{\"id\":\"a\\n\"}}", "video.id holds a control character"},
    {"{\"videoPath\":null}", "videoPath must be a string"},
    {"{\"videoPath\":\"\"}", "videoPath is empty"},
    {"{\"videoPath\":\"\\u007f\"}", "videoPath holds a control character"},
    {"{\"videoPath\":\"a\",\"videoPath\":\"a\"}", "videoPath is given twice"},
    {"{\"videoPath\":\"a\",\"userId\":7}", "userId must be a string"},
    {"{\"videoPath\":\"a\",\"userId\":\"\"}", "userId is empty"},
    {"{\"videoPath\":\"a\",\"userId\":\"\\u001f\"}", "userId holds a control"},
    {"{\"videoPath\":\"a\",\"id\":null}", "id must be a UUID"},
    {"{\"videoPath\":\"a\",\"id\":\"7\"}", "id must be a UUID"},
    {"{\"videoPath\":\"a\",\"sessionId\":1}", "sessionId must be a UUID"},
    {"{\"videoPath\":\"a\",\"viewedAt\":0}", "viewedAt must be an RFC 3339"},
    {"{\"videoPath\":\"a\",\"viewedAt\":\"now\"}", "viewedAt must be an RFC"},
    {"{\"videoPath\":\"a\",\"position\":\"1\"}", "position must be a number"},
    {"{\"videoPath\":\"a\",\"position\":-0.001}", "position must be a number"},
    {"{\"videoPath\":\"a\",\"position\":1e999}", "position must be a number"},
    {"{\"videoPath\":\"a\",\"duration\":31622400.1}", "from 0 to 31622400"},
    {"{\"videoPath\":\"a\",\"duration\":true}", "duration must be a number"},
    {"{\"videoPath\":\"a\",\"rule\":false}", "rule must be a string"},
    {"{\"videoPath\":\"a\",\"rule\":\"\"}", "rule is empty"},
};

static void what_is_no_view_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct fault fault = {""};
        struct viewed view;
        memset(&view, 42, sizeof view);
        if (decode(refusals[i].body, &bare, &view, &fault) != RESULT_MALFORMED)
            fail_msg("%s is taken", refusals[i].body);
        if (strstr(fault.text, refusals[i].fault) == NULL)
            fail_msg("%s: \"%s\"", refusals[i].body, fault.text);
        for (size_t j = 0; j < sizeof view; j++)
            assert_int_equal(((unsigned char *)&view)[j], 42);
    }
}

/* A body whose one text has so many bytes. */
static void make_body(char *body, const char *start, size_t bytes,
                      const char *end)
{
    char *at = stpcpy(body, start);
    memset(at, 'x', bytes);
    strcpy(at + bytes, end);
}

static void texts_fit_to_their_limit_and_no_further(void **state)
{
    (void)state;
    const struct {
        const char *start;
        size_t limit;
        const char *end;
        size_t place;
    } rows[] = {
        {"{\"videoPath\":\"", VIEWED_PATH_BYTES_MAX, "\"}",
         offsetof(struct viewed, video_path)},
        {"{\"video\":{\"id\":\"", VIEWED_VIDEO_BYTES_MAX, "\"}}",
         offsetof(struct viewed, video_id)},
        {"{\"videoPath\":\"a\",\"userId\":\"", VIEWED_USER_BYTES_MAX, "\"}",
         offsetof(struct viewed, user_id)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[2 * VIEWED_PATH_BYTES_MAX];
        make_body(body, rows[i].start, rows[i].limit, rows[i].end);
        struct viewed view = decoded(body, &bare);
        assert_int_equal(strlen((char *)&view + rows[i].place), rows[i].limit);
        make_body(body, rows[i].start, rows[i].limit + 1, rows[i].end);
        struct fault fault = {""};
        assert_int_equal(decode(body, &bare, &view, &fault), RESULT_MALFORMED);
        assert_non_null(strstr(fault.text, "the limit is"));
    }
}

static void a_body_fits_to_its_limit_and_no_further(void **state)
{
    (void)state;
    static char body[VIEWED_BODY_BYTES_MAX + 2];
    const char start[] = "{\"videoPath\":\"a\",\"more\":\"";
    size_t rest = VIEWED_BODY_BYTES_MAX - (sizeof start - 1) - 2;
    make_body(body, start, rest, "\"}");
    assert_int_equal(strlen(body), VIEWED_BODY_BYTES_MAX);
    struct viewed view = decoded(body, &bare);
    make_body(body, start, rest + 1, "\"}");
    assert_int_equal(decode(body, &bare, &view, NULL), RESULT_MALFORMED);
}

static void assert_encoded(const struct viewed *view, const char *expected)
{
    CLEANUP(buffer_done)
    struct buffer body = buffer_make(VIEWED_BODY_BYTES_MAX);
    viewed_encode(view, &body);
    assert_false(body.failed);
    assert_int_equal(body.bytes, strlen(expected));
    assert_memory_equal(body.data, expected, body.bytes);
}

static void a_view_is_encoded_as_it_was_read(void **state)
{
    (void)state;
    struct viewed view = decoded(full, &bare);
    assert_encoded(&view, full);
}

static void absent_fields_are_left_out(void **state)
{
    (void)state;
    struct viewed_envelope outer = {.message_id = ID, .received_ms = 1};
    struct viewed view = decoded("{\"video\":{\"id\":\"\\\"\"}}", &outer);
    assert_encoded(&view, "{\"id\":\"" ID "\",\"video\":{\"id\":\"\\\"\"},"
                          "\"viewedAt\":\"1970-01-01T00:00:00.001Z\"}");
}

static void fill(char *text, size_t bytes)
{
    memset(text, '"', bytes);
    text[bytes] = '\0';
}

/* All texts at their limit, of the character that escapes to most. */
static void the_longest_view_is_within_the_bodys_limit(void **state)
{
    (void)state;
    struct viewed view = decoded(full, &bare);
    fill(view.user_id, VIEWED_USER_BYTES_MAX);
    fill(view.video_id, VIEWED_VIDEO_BYTES_MAX);
    fill(view.video_path, VIEWED_PATH_BYTES_MAX);
    CLEANUP(buffer_done)
    struct buffer body = buffer_make(VIEWED_BODY_BYTES_MAX);
    viewed_encode(&view, &body);
    assert_false(body.failed);
    struct viewed again;
    assert_int_equal(viewed_decode(body.data, body.bytes, &bare, &again, NULL),
                     RESULT_OK);
    assert_string_equal(again.video_path, view.video_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_message_fills_every_field),
        cmocka_unit_test(both_shapes_of_older_publishers_are_read),
        cmocka_unit_test(a_message_without_an_id_is_a_new_view_each_time),
        cmocka_unit_test(an_id_comes_from_the_body_or_the_envelope),
        cmocka_unit_test(a_time_comes_from_the_body_or_the_envelope),
        cmocka_unit_test(a_trace_comes_from_the_body_or_the_envelope),
        cmocka_unit_test(no_view_is_refused_for_its_trace),
        cmocka_unit_test(what_was_encoded_tells_its_trace_and_its_user),
        cmocka_unit_test(seconds_are_rounded_to_milliseconds),
        cmocka_unit_test(rules_have_fixed_numbers),
        cmocka_unit_test(what_is_no_view_is_refused_by_name),
        cmocka_unit_test(texts_fit_to_their_limit_and_no_further),
        cmocka_unit_test(a_body_fits_to_its_limit_and_no_further),
        cmocka_unit_test(a_view_is_encoded_as_it_was_read),
        cmocka_unit_test(absent_fields_are_left_out),
        cmocka_unit_test(the_longest_view_is_within_the_bodys_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
