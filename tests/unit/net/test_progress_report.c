#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "progress_report.h"

static enum result read(const char *body, struct progress_report *ret,
                        struct fault *fault)
{
    return progress_report_read(body, strlen(body), ret, fault);
}

static void assert_refused(const char *body, const char *words)
{
    struct progress_report report = {.video_id = "untouched"};
    struct fault fault = {0};
    if (read(body, &report, &fault) != RESULT_MALFORMED)
        fail_msg("taken: %s", body);
    if (strstr(fault.text, words) == NULL)
        fail_msg("%s: '%s' is not in '%s'", body, words, fault.text);
    assert_string_equal(report.video_id, "untouched");
}

static void a_report_is_read(void **state)
{
    (void)state;
    struct progress_report report;
    struct fault fault = {0};
    assert_int_equal(read("{\"videoId\":\"a.mp4\",\"position\":12.5,"
                          "\"played\":9.8,\"duration\":30,\"more\":[null]}",
                          &report, &fault),
                     RESULT_OK);
    assert_string_equal(report.video_id, "a.mp4");
    assert_int_equal(report.report.position_ms, 12500);
    assert_int_equal(report.report.played_ms, 9800);
    assert_int_equal(report.report.duration_ms, 30000);
}

static void only_video_and_played_are_needed(void **state)
{
    (void)state;
    struct progress_report report;
    struct fault fault = {0};
    assert_int_equal(read("{\"played\":0,\"videoId\":\"a\"}", &report, &fault),
                     RESULT_OK);
    assert_int_equal(report.report.position_ms, -1);
    assert_int_equal(report.report.played_ms, 0);
    assert_int_equal(report.report.duration_ms, -1);
    assert_refused("{}", "videoId and played");
    assert_refused("{\"played\":1}", "videoId and played");
    assert_refused("{\"videoId\":\"a\"}", "videoId and played");
}

static void seconds_are_numbers_within_a_year(void **state)
{
    (void)state;
    static const char *const values[] = {
        "-1",    "-0.001", "31622400.1", "1e308", "1e999",
        "\"1\"", "null",   "true",       "[]",    "{}"};
    static const char *const names[] = {"position", "played", "duration"};
    for (size_t n = 0; n < 3; n++)
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            char body[128];
            (void)snprintf(body, sizeof body, "{\"videoId\":\"a\",\"%s\":%s}",
                           names[n], values[i]);
            assert_refused(body, names[n]);
        }
    struct progress_report report;
    struct fault fault = {0};
    assert_int_equal(read("{\"videoId\":\"a\",\"played\":31622400,"
                          "\"position\":-0,\"duration\":0.0004}",
                          &report, &fault),
                     RESULT_OK);
    assert_int_equal(report.report.played_ms, INT64_C(31622400000));
    assert_int_equal(report.report.position_ms, 0);
    assert_int_equal(report.report.duration_ms, 0);
}

static void a_video_id_is_a_text_of_its_length(void **state)
{
    (void)state;
    char body[VIEWED_VIDEO_BYTES_MAX + 64];
    char id[VIEWED_VIDEO_BYTES_MAX + 2];
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    (void)snprintf(body, sizeof body, "{\"played\":1,\"videoId\":\"%s\"}", id);
    assert_refused(body, "videoId");
    id[VIEWED_VIDEO_BYTES_MAX] = '\0';
    (void)snprintf(body, sizeof body, "{\"played\":1,\"videoId\":\"%s\"}", id);
    struct progress_report report;
    struct fault fault = {0};
    assert_int_equal(read(body, &report, &fault), RESULT_OK);
    assert_string_equal(report.video_id, id);
    assert_refused("{\"played\":1,\"videoId\":\"\"}", "videoId");
    assert_refused("{\"played\":1,\"videoId\":5}", "videoId");
    assert_refused("{\"played\":1,\"videoId\":null}", "videoId");
    assert_refused("{\"played\":1,\"videoId\":\"a\\u0000b\"}", "");
}

static void a_field_given_twice_is_refused(void **state)
{
    (void)state;
    assert_refused("{\"videoId\":\"a\",\"videoId\":\"a\",\"played\":1}", "");
    assert_refused("{\"videoId\":\"a\",\"played\":1,\"played\":1}", "");
    assert_refused("{\"videoId\":\"a\",\"played\":1,\"position\":0,"
                   "\"position\":0}",
                   "");
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",
                                         "null",
                                         "[]",
                                         "5",
                                         "\"x\"",
                                         "{",
                                         "{\"videoId\":\"a\",\"played\":1}x",
                                         "{\"videoId\":\"\xff\",\"played\":1}",
                                         "videoId=a&played=1"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        assert_refused(bodies[i], "");
    struct progress_report report;
    struct fault fault = {0};
    assert_int_equal(progress_report_read(NULL, 0, &report, &fault),
                     RESULT_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_read),
        cmocka_unit_test(only_video_and_played_are_needed),
        cmocka_unit_test(seconds_are_numbers_within_a_year),
        cmocka_unit_test(a_video_id_is_a_text_of_its_length),
        cmocka_unit_test(a_field_given_twice_is_refused),
        cmocka_unit_test(what_is_no_object_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
