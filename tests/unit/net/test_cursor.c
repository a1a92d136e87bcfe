#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cursor.h"

static void a_place_comes_back(void **state)
{
    (void)state;
    static const int64_t numbers[] = {
        0, 1, -1, INT64_MIN, INT64_MAX, 123456789, -62135596800000};
    size_t count = sizeof numbers / sizeof numbers[0];
    for (size_t i = 0; i < count * count * 2; i++) {
        struct store_place place = {.viewed_at_ms = numbers[i % count],
                                    .seq = numbers[i / count % count]};
        struct store_place again;
        bool order = i % 2 == 0;
        bool order_again = !order;
        char text[CURSOR_TEXT_BYTES];
        cursor_format(&place, order, text);
        assert_int_equal(strlen(text), CURSOR_TEXT_BYTES - 1);
        assert_true(cursor_parse(text, &again, &order_again));
        assert_memory_equal(&again, &place, sizeof place);
        assert_int_equal(order_again, order);
    }
}

static void a_changed_one_is_another_or_none(void **state)
{
    (void)state;
    struct store_place place = {.viewed_at_ms = 1767225600123, .seq = 42};
    char good[CURSOR_TEXT_BYTES];
    cursor_format(&place, false, good);
    for (size_t at = 0; at < CURSOR_TEXT_BYTES - 1; at++)
        for (int c = 1; c < 256; c++) {
            char text[CURSOR_TEXT_BYTES];
            struct store_place again = {.viewed_at_ms = 99, .seq = 99};
            bool order = true;
            memcpy(text, good, sizeof text);
            text[at] = (char)c;
            if (cursor_parse(text, &again, &order)) {
                char written[CURSOR_TEXT_BYTES];
                cursor_format(&again, order, written);
                assert_string_equal(written, text);
            } else {
                assert_int_equal(again.seq, 99);
                assert_true(order);
            }
        }
}

static void
what_is_before_a_place_is_never_taken_for_what_is_after(void **state)
{
    (void)state;
    struct store_place place = {.viewed_at_ms = 1767225600123, .seq = 42};
    struct store_place again = {0};
    bool order = false;
    char text[CURSOR_TEXT_BYTES];
    cursor_format_before(&place, true, text);
    assert_false(cursor_parse(text, &again, &order));
    assert_true(cursor_parse_before(text, &again, &order));
    assert_memory_equal(&again, &place, sizeof place);
    assert_true(order);
    cursor_format(&place, true, text);
    assert_false(cursor_parse_before(text, &again, &order));
}

static void other_lengths_are_none(void **state)
{
    (void)state;
    struct store_place place = {.viewed_at_ms = 1, .seq = 2};
    struct store_place again;
    bool order;
    char text[CURSOR_TEXT_BYTES + 1];
    cursor_format(&place, false, text);
    text[CURSOR_TEXT_BYTES - 1] = '1';
    text[CURSOR_TEXT_BYTES] = '\0';
    assert_false(cursor_parse(text, &again, &order));
    for (int bytes = CURSOR_TEXT_BYTES - 2; bytes >= 0; bytes--) {
        text[bytes] = '\0';
        assert_false(cursor_parse(text, &again, &order));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_comes_back),
        cmocka_unit_test(a_changed_one_is_another_or_none),
        cmocka_unit_test(
            what_is_before_a_place_is_never_taken_for_what_is_after),
        cmocka_unit_test(other_lengths_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
