#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "decimal.h"

static void integers_are_taken_one_after_the_other(void **state)
{
    (void)state;
    const char *text = "12 -3\n9223372036854775807";
    int64_t values[3];
    for (int i = 0; i < 3; i++)
        assert_true(decimal_take(&text, &values[i]));
    assert_int_equal(values[0], 12);
    assert_int_equal(values[1], -3);
    assert_int_equal(values[2], INT64_MAX);
    assert_string_equal(text, "");
}

static void what_is_no_integer_changes_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " 1",
        "+1",
        "-",
        "x1",
        "\n",
        "9223372036854775808",
        "-9223372036854775809",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = texts[i];
        int64_t value = 7;
        assert_false(decimal_take(&text, &value));
        assert_ptr_equal(text, texts[i]);
        assert_int_equal(value, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_taken_one_after_the_other),
        cmocka_unit_test(what_is_no_integer_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
