#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "result.h"

static void a_fault_carries_its_words_and_returns_its_result(void **state)
{
    (void)state;
    struct fault fault;
    assert_int_equal(fault_set(&fault, RESULT_LIMIT, "%d of %s", 3, "x"),
                     RESULT_LIMIT);
    assert_string_equal(fault.text, "3 of x");
    assert_int_equal(fault_set(NULL, RESULT_LIMIT, "nobody reads"),
                     RESULT_LIMIT);
}

static void a_long_fault_is_cut_to_fit(void **state)
{
    (void)state;
    struct fault fault;
    char text[2 * FAULT_TEXT_BYTES];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    (void)fault_set(&fault, RESULT_LIMIT, "%s", text);
    assert_int_equal(strlen(fault.text), FAULT_TEXT_BYTES - 1);
}

static void every_result_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = RESULT_OK; i <= RESULT_STOPPED; i++) {
        assert_string_not_equal(result_text((enum result)i), "unknown");
        for (int j = RESULT_OK; j < i; j++)
            assert_string_not_equal(result_text((enum result)i),
                                    result_text((enum result)j));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_carries_its_words_and_returns_its_result),
        cmocka_unit_test(a_long_fault_is_cut_to_fit),
        cmocka_unit_test(every_result_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
