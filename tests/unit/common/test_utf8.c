#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "utf8.h"

/* The definition, the other way round: the sequence of a code point. */
static size_t encode(uint32_t code, char text[4])
{
    if (code < 0x80) {
        text[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        text[0] = (char)(0xc0 | code >> 6);
        text[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        text[0] = (char)(0xe0 | code >> 12);
        text[1] = (char)(0x80 | (code >> 6 & 0x3f));
        text[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    text[0] = (char)(0xf0 | code >> 18);
    text[1] = (char)(0x80 | (code >> 12 & 0x3f));
    text[2] = (char)(0x80 | (code >> 6 & 0x3f));
    text[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static void all_code_points_but_surrogates_are_valid(void **state)
{
    (void)state;
    char text[4];
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        size_t bytes = encode(code, text);
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        if (utf8_sequence(text, bytes) != (surrogate ? 0 : bytes))
            fail_msg("U+%04X", code);
    }
    for (uint32_t code = 0x110000; code <= 0x1fffff; code++) {
        size_t bytes = encode(code, text);
        if (utf8_sequence(text, bytes) != 0)
            fail_msg("U+%04X", code);
    }
}

/* Each code point has one sequence, so the numbers of valid sequences of a
 * length are known, and no other can have been counted. */
static void nothing_else_is_valid(void **state)
{
    (void)state;
    unsigned two = 0;
    unsigned three = 0;
    for (unsigned first = 0; first < 0x100; first++) {
        for (unsigned second = 0; second < 0x100; second++) {
            char text[] = {(char)first, (char)second, '\0'};
            two += utf8_sequence(text, 2) == 2 ? 1 : 0;
            for (unsigned third = 0; third < 0x100; third++) {
                text[2] = (char)third;
                three += utf8_sequence(text, 3) == 3 ? 1 : 0;
            }
        }
    }
    assert_int_equal(two, 0x800 - 0x80);
    assert_int_equal(three, 0x10000 - 0x800 - 0x800);
}

static void four_bytes_are_valid_up_to_the_last_plane(void **state)
{
    (void)state;
    unsigned four = 0;
    for (unsigned first = 0xf0; first < 0x100; first++) {
        for (unsigned second = 0; second < 0x100; second++) {
            char text[] = {(char)first, (char)second, '\x80', '\xbf'};
            four += utf8_sequence(text, 4) == 4 ? 1 : 0;
        }
    }
    assert_int_equal(four, (0x110000 - 0x10000) / 0x1000);
    assert_int_equal(utf8_sequence("\xf0\x90\x7f\x80", 4), 0);
    assert_int_equal(utf8_sequence("\xf0\x90\x80\xc0", 4), 0);
}

static void a_cut_sequence_is_not_valid(void **state)
{
    (void)state;
    assert_int_equal(utf8_sequence("", 0), 0);
    assert_int_equal(utf8_sequence("\xc3\xa9", 1), 0);
    assert_int_equal(utf8_sequence("\xe2\x82\xac", 2), 0);
    assert_int_equal(utf8_sequence("\xf0\x9f\x98\x80", 3), 0);
}

static void a_text_is_valid_when_all_of_it_is(void **state)
{
    (void)state;
    assert_true(utf8_is_valid("", 0));
    assert_true(utf8_is_valid("a\0b", 3));
    assert_true(utf8_is_valid("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10));
    assert_false(utf8_is_valid("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9));
    assert_false(utf8_is_valid("abc\x80", 4));
    assert_false(utf8_is_valid("\xff"
                               "abc",
                               4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_code_points_but_surrogates_are_valid),
        cmocka_unit_test(nothing_else_is_valid),
        cmocka_unit_test(four_bytes_are_valid_up_to_the_last_plane),
        cmocka_unit_test(a_cut_sequence_is_not_valid),
        cmocka_unit_test(a_text_is_valid_when_all_of_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
