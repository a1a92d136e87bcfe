#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "cleanup.h"

static void assert_content(const struct buffer *buffer, const char *text)
{
    assert_int_equal(buffer->bytes, strlen(text));
    assert_memory_equal(buffer->data, text, strlen(text));
}

static void a_new_buffer_holds_no_memory(void **state)
{
    (void)state;
    struct buffer buffer = buffer_make(10);
    assert_null(buffer.data);
    assert_int_equal(buffer.bytes, 0);
    assert_false(buffer.failed);
}

static void many_appends_come_out_as_one_text(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(1 << 20);
    for (int i = 0; i < 10000; i++)
        buffer_append_text(&buffer, "0123456789");
    assert_false(buffer.failed);
    assert_int_equal(buffer.bytes, 100000);
    for (size_t i = 0; i < buffer.bytes; i++)
        assert_int_equal(buffer.data[i], '0' + i % 10);
}

static void it_fills_to_exactly_its_limit(void **state)
{
    (void)state;
    for (size_t limit = 1; limit < 300; limit++) {
        CLEANUP(buffer_done) struct buffer buffer = buffer_make(limit);
        for (size_t i = 0; i < limit; i++)
            buffer_append(&buffer, "x", 1);
        assert_false(buffer.failed);
        assert_int_equal(buffer.bytes, limit);
        buffer_append(&buffer, "y", 1);
        assert_true(buffer.failed);
        assert_int_equal(buffer.bytes, limit);
    }
}

static void an_append_over_the_limit_leaves_the_content(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(5);
    buffer_append_text(&buffer, "abc");
    buffer_append_text(&buffer, "def");
    assert_true(buffer.failed);
    assert_content(&buffer, "abc");
}

static void failure_sticks_to_later_appends_that_would_fit(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(5);
    buffer_append_text(&buffer, "abc");
    buffer_append_text(&buffer, "too long");
    buffer_append_text(&buffer, "d");
    buffer_append_integer(&buffer, 1);
    buffer_append_format(&buffer, "%d", 1);
    assert_null(buffer_reserve(&buffer, 1));
    assert_content(&buffer, "abc");
}

static void clear_forgets_content_and_failure_and_keeps_memory(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(5);
    buffer_append_text(&buffer, "abc");
    buffer_append_text(&buffer, "too long");
    char *before = buffer.data;
    buffer_clear(&buffer);
    buffer_append_text(&buffer, "12345");
    assert_false(buffer.failed);
    assert_ptr_equal(buffer.data, before);
    assert_content(&buffer, "12345");
}

static void a_huge_request_fails_and_does_not_wrap(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(SIZE_MAX);
    buffer_append_text(&buffer, "abc");
    assert_null(buffer_reserve(&buffer, SIZE_MAX));
    buffer_clear(&buffer);
    buffer_append_text(&buffer, "abc");
    assert_null(buffer_reserve(&buffer, SIZE_MAX - 3));
    assert_true(buffer.failed);
    assert_content(&buffer, "abc");
}

static void integers_of_all_sizes_are_written_whole(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(200);
    const int64_t values[] = {0, -1, 10, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        buffer_append_integer(&buffer, values[i]);
        buffer_append_text(&buffer, " ");
    }
    assert_content(&buffer,
                   "0 -1 10 9223372036854775807 -9223372036854775808 ");
}

static void formats_fill_to_exactly_the_limit(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(6);
    buffer_append_format(&buffer, "%s-%d", "ab", 123);
    assert_content(&buffer, "ab-123");
    buffer_clear(&buffer);
    buffer_append_format(&buffer, "%s-%d", "ab", 1234);
    assert_true(buffer.failed);
    assert_int_equal(buffer.bytes, 0);
}

static void reserved_room_is_kept_by_advancing(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(1000);
    buffer_append_text(&buffer, "a");
    char *room = buffer_reserve(&buffer, 500);
    assert_non_null(room);
    memcpy(room, "bc", 2);
    buffer_advance(&buffer, 2);
    assert_content(&buffer, "abc");
    assert_non_null(buffer_reserve(&buffer, 0));
}

static void taking_hands_the_memory_over(void **state)
{
    (void)state;
    struct buffer buffer = buffer_make(10);
    buffer_append_text(&buffer, "abc");
    size_t bytes = 0;
    char *data = buffer_take(&buffer, &bytes);
    assert_int_equal(bytes, 3);
    assert_memory_equal(data, "abc", 3);
    assert_null(buffer.data);
    buffer_append_text(&buffer, "0123456789");
    assert_content(&buffer, "0123456789");
    free(data);
    buffer_done(&buffer);
}

static void done_may_come_twice_and_for_null(void **state)
{
    (void)state;
    struct buffer buffer = buffer_make(10);
    buffer_append_text(&buffer, "abc");
    buffer_done(&buffer);
    buffer_done(&buffer);
    buffer_done(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_buffer_holds_no_memory),
        cmocka_unit_test(many_appends_come_out_as_one_text),
        cmocka_unit_test(it_fills_to_exactly_its_limit),
        cmocka_unit_test(an_append_over_the_limit_leaves_the_content),
        cmocka_unit_test(failure_sticks_to_later_appends_that_would_fit),
        cmocka_unit_test(clear_forgets_content_and_failure_and_keeps_memory),
        cmocka_unit_test(a_huge_request_fails_and_does_not_wrap),
        cmocka_unit_test(integers_of_all_sizes_are_written_whole),
        cmocka_unit_test(formats_fill_to_exactly_the_limit),
        cmocka_unit_test(reserved_room_is_kept_by_advancing),
        cmocka_unit_test(taking_hands_the_memory_over),
        cmocka_unit_test(done_may_come_twice_and_for_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
