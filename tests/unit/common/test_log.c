#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "json_read.h"
#include "log.h"
#include "utf8.h"

enum {
    THREADS = 8,
    LINES = 500, /* of a thread */
    CAPTURED_BYTES_MAX = 4 << 20,
};

static char captured[CAPTURED_BYTES_MAX];
static int stderr_before = -1;
static FILE *capture;

static void begin_capture(void)
{
    capture = tmpfile();
    assert_non_null(capture);
    stderr_before = dup(STDERR_FILENO);
    assert_true(stderr_before >= 0);
    /* Append, as a log's file is: threads must not write over each other. */
    assert_int_equal(fcntl(fileno(capture), F_SETFL, O_APPEND), 0);
    assert_true(dup2(fileno(capture), STDERR_FILENO) >= 0);
}

static size_t end_capture(void)
{
    assert_true(dup2(stderr_before, STDERR_FILENO) >= 0);
    (void)close(stderr_before);
    rewind(capture);
    size_t bytes = fread(captured, 1, sizeof captured - 1, capture);
    captured[bytes] = '\0';
    (void)fclose(capture);
    return bytes;
}

static void start(const char *format, const char *level)
{
    struct fault fault;
    setenv("LOG_FORMAT", format, 1);
    setenv("LOG_LEVEL", level, 1);
    assert_int_equal(log_start("tests", &fault), RESULT_OK);
}

/* What follows the time in the one line that was written. */
static const char *line_of(const char *message, struct log_field field)
{
    begin_capture();
    log_info(message, field, log_end());
    size_t bytes = end_capture();
    assert_true(bytes > CLOCK_TEXT_BYTES);
    int64_t ms;
    assert_true(clock_parse(captured, CLOCK_TEXT_BYTES - 1, &ms));
    assert_int_equal(captured[CLOCK_TEXT_BYTES - 1], ' ');
    assert_int_equal(captured[bytes - 1], '\n');
    captured[bytes - 1] = '\0';
    assert_null(strchr(captured, '\n'));
    return captured + CLOCK_TEXT_BYTES;
}

static void a_line_has_time_level_message_and_fields(void **state)
{
    (void)state;
    start("text", "info");
    assert_string_equal(line_of("store opened", log_text("path", "history.db")),
                        "info store opened path=history.db");
    assert_string_equal(line_of("rows", log_int("count", INT64_MIN)),
                        "info rows count=-9223372036854775808");
}

static void a_value_cannot_forge_a_field_or_a_line(void **state)
{
    (void)state;
    start("text", "info");
    const struct {
        const char *value;
        const char *line;
    } rows[] = {
        {"", "info m k=\"\""},
        {NULL, "info m k=\"\""},
        {"a b", "info m k=\"a b\""},
        {"a=b", "info m k=\"a=b\""},
        {"a\"b", "info m k=\"a\\\"b\""},
        {"a\\b", "info m k=\"a\\\\b\""},
        {"a\nb\r\t", "info m k=\"a\\nb\\r\\t\""},
        {"\x1b[31m\x7f", "info m k=\"\\x1b[31m\\x7f\""},
        {"\xc2\x9b", "info m k=\"\\u009b\""}, /* a terminal's control */
        {"\xff\xc3", "info m k=\"\\xff\\xc3\""},
        {"\xc3\xa9", "info m k=\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(line_of("m", log_text("k", rows[i].value)),
                            rows[i].line);
    assert_string_equal(line_of("m\nx", log_int("k", 1)), "info m\\nx k=1");
}

static cJSON *object_of(const char *message, struct log_field field)
{
    begin_capture();
    log_info(message, field, log_end());
    size_t bytes = end_capture();
    assert_true(bytes > 0);
    assert_int_equal(captured[bytes - 1], '\n');
    cJSON *json = NULL;
    assert_int_equal(json_read(captured, bytes, &json, NULL), RESULT_OK);
    assert_null(memchr(captured, '\n', bytes - 1));
    return json;
}

static const char *member(const cJSON *json, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static void as_json_a_line_is_one_object(void **state)
{
    (void)state;
    start("json", "info");
    CLEANUP(json_done)
    cJSON *json = object_of("store \"opened\"", log_text("path", "a\nb\x01"));
    int64_t ms;
    const char *time = member(json, "ts");
    assert_true(clock_parse(time, strlen(time), &ms));
    assert_string_equal(member(json, "level"), "info");
    assert_string_equal(member(json, "program"), "tests");
    assert_string_equal(member(json, "msg"), "store \"opened\"");
    assert_string_equal(member(json, "path"), "a\nb\x01");
    CLEANUP(json_done) cJSON *rows = object_of("rows", log_int("count", -7));
    assert_int_equal(
        cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(rows, "count")),
        -7);
}

static void as_json_any_bytes_are_utf_8(void **state)
{
    (void)state;
    start("json", "info");
    for (unsigned pair = 0x100; pair < 0x10000; pair += 7) {
        char value[] = {(char)(pair >> 8), (char)pair, '\0'};
        CLEANUP(json_done) cJSON *json = object_of("m", log_text("k", value));
        if (utf8_is_valid(value, strlen(value)))
            assert_string_equal(member(json, "k"), value);
    }
}

/* Values around the limit, of characters that escape to 1, 2, 4 and 6 bytes:
 * wherever the cut falls, the line is whole, and says that it was cut. */
static void a_line_that_is_too_long_is_cut_and_says_so(void **state)
{
    (void)state;
    const char *const units[] = {"x", "\"", "\xff", "\xf0\x9f\x98\x80"};
    const char *const formats[] = {"text", "json"};
    for (size_t i = 0; i < 8; i++) {
        const char *unit = units[i % 4];
        start(formats[i / 4], "info");
        for (size_t count = 250; count < LOG_LINE_BYTES + 50; count++) {
            char value[4 * (LOG_LINE_BYTES + 50) + 1] = "";
            char *at = value;
            for (size_t j = 0; j < count; j++)
                at = stpcpy(at, unit);
            begin_capture();
            log_info("m", log_text("k", value), log_text("last", "here"),
                     log_end());
            size_t bytes = end_capture();
            assert_in_range(bytes, 1, LOG_LINE_BYTES);
            assert_ptr_equal(strchr(captured, '\n'), captured + bytes - 1);
            assert_true(utf8_is_valid(captured, bytes));
            bool whole = strstr(captured, "here") != NULL;
            bool cut = strstr(captured, "cut=true\n") != NULL ||
                       strstr(captured, ",\"cut\":true}\n") != NULL;
            assert_true(whole != cut);
            if (i / 4 == 1)
                assert_int_equal(json_check(captured, bytes, NULL), RESULT_OK);
        }
    }
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    start("text", "warn");
    begin_capture();
    log_debug("one", log_end());
    log_info("two", log_end());
    log_warn("three", log_end());
    log_error("four", log_end());
    (void)end_capture();
    assert_null(strstr(captured, "one"));
    assert_null(strstr(captured, "two"));
    assert_non_null(strstr(captured, " warn three\n"));
    assert_non_null(strstr(captured, " error four\n"));
}

static void another_format_or_level_is_refused(void **state)
{
    (void)state;
    struct fault fault = {""};
    start("text", "info");
    setenv("LOG_FORMAT", "xml", 1);
    assert_int_equal(log_start("tests", &fault), RESULT_MALFORMED);
    assert_non_null(strstr(fault.text, "LOG_FORMAT must be text or json"));
    setenv("LOG_FORMAT", "text", 1);
    setenv("LOG_LEVEL", "Info", 1);
    assert_int_equal(log_start("tests", &fault), RESULT_MALFORMED);
    assert_non_null(strstr(fault.text, "LOG_LEVEL must be"));
}

static void *write_lines(void *argument)
{
    (void)argument;
    for (int i = 0; i < LINES; i++)
        log_info("from a thread", log_int("line", i), log_text("k", "a b"),
                 log_end());
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    (void)state;
    start("json", "info");
    begin_capture();
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, NULL),
                         0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)end_capture();
    size_t lines = 0;
    for (char *at = captured; *at != '\0'; lines++) {
        char *end = strchr(at, '\n');
        assert_non_null(end);
        assert_int_equal(json_check(at, (size_t)(end - at), NULL), RESULT_OK);
        at = end + 1;
    }
    assert_int_equal(lines, THREADS * LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_time_level_message_and_fields),
        cmocka_unit_test(a_value_cannot_forge_a_field_or_a_line),
        cmocka_unit_test(as_json_a_line_is_one_object),
        cmocka_unit_test(as_json_any_bytes_are_utf_8),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_says_so),
        cmocka_unit_test(lines_below_the_level_are_not_written),
        cmocka_unit_test(another_format_or_level_is_refused),
        cmocka_unit_test(lines_of_threads_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
