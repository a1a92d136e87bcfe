#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "trace_parent.h"

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
#define WHOLE  "00-" TRACE "-" PARENT "-01"

/* In memory of its own size, so that a read past it is seen. */
static bool parse(const char *text, size_t bytes, struct trace_parent *ret)
{
    char *copy = malloc(bytes > 0 ? bytes : 1);
    assert_non_null(copy);
    memcpy(copy, text, bytes);
    bool taken = trace_parent_parse(copy, bytes, ret);
    free(copy);
    return taken;
}

static void what_is_read_is_written_as_it_came(void **state)
{
    (void)state;
    static const char *const good[] = {
        WHOLE,
        "00-" TRACE "-" PARENT "-00",
        "00-" TRACE "-" PARENT "-ff", /* flags nobody knows are flags */
        "00-00000000000000000000000000000001-0000000000000001-00",
        "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-09",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct trace_parent trace;
        char text[TRACE_PARENT_TEXT_BYTES];
        if (!parse(good[i], strlen(good[i]), &trace))
            fail_msg("%s", good[i]);
        assert_true(trace.given);
        trace_parent_format(&trace, text);
        assert_string_equal(text, good[i]);
    }
}

static void what_is_malformed_is_none_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00",
        "00-",
        "01-" TRACE "-" PARENT "-01", /* of a version nobody here knows */
        "ff-" TRACE "-" PARENT "-01",
        "0-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-01-",
        "00-" TRACE "-" PARENT "-01-what-comes-later",
        "00-" TRACE "-" PARENT "-1",
        "00-" TRACE "-" PARENT "-0g",
        " " WHOLE,
        WHOLE " ",
        WHOLE "\n",
        WHOLE "," WHOLE,
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-" TRACE "-00F067AA0BA902B7-01",
        "00-" TRACE "-" PARENT "-0A",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473x-" PARENT "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-" PARENT "1-01",
        "\"><script>alert(1)</script>aaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct trace_parent trace = {.given = false, .bytes = {7}};
        if (parse(bad[i], strlen(bad[i]), &trace))
            fail_msg("taken: %s", bad[i]);
        assert_false(trace.given);
        assert_int_equal(trace.bytes[0], 7);
    }
}

static void one_byte_that_is_otherwise_makes_it_another_or_none(void **state)
{
    (void)state;
    char text[] = WHOLE;
    for (size_t at = 0; at < sizeof text - 1; at++) {
        char before = text[at];
        for (int value = 0; value < 256; value++) {
            struct trace_parent trace;
            char again[TRACE_PARENT_TEXT_BYTES];
            text[at] = (char)value;
            if (!parse(text, sizeof text - 1, &trace))
                continue;
            trace_parent_format(&trace, again);
            assert_string_equal(again, text);
        }
        text[at] = before;
    }
}

static void bytes_of_a_file_are_a_trace_or_none(void **state)
{
    (void)state;
    struct trace_parent trace;
    assert_true(parse(WHOLE, strlen(WHOLE), &trace));
    struct trace_parent again = trace_parent_of_bytes(trace.bytes, 25);
    assert_true(again.given);
    assert_memory_equal(again.bytes, trace.bytes, 25);
    assert_false(trace_parent_of_bytes(trace.bytes, 24).given);
    assert_false(trace_parent_of_bytes(NULL, 0).given);
    memset(trace.bytes + 16, 0, 8); /* no parent */
    assert_false(trace_parent_of_bytes(trace.bytes, 25).given);
}

static void none_is_written_as_nothing(void **state)
{
    (void)state;
    struct trace_parent none = {.given = false};
    char text[TRACE_PARENT_TEXT_BYTES] = "before";
    trace_parent_format(&none, text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written_as_it_came),
        cmocka_unit_test(what_is_malformed_is_none_and_changes_nothing),
        cmocka_unit_test(one_byte_that_is_otherwise_makes_it_another_or_none),
        cmocka_unit_test(bytes_of_a_file_are_a_trace_or_none),
        cmocka_unit_test(none_is_written_as_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
