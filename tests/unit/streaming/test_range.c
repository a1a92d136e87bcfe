#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "range.h"

struct row {
    const char *header;
    uint64_t file_bytes;
    enum range_kind kind;
    uint64_t first;
    uint64_t last;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct byte_range range = {77, 78};
        enum range_kind kind =
            range_parse(row->header, row->file_bytes, &range);
        if (kind != row->kind)
            fail_msg("\"%s\" of %llu: %d", row->header,
                     (unsigned long long)row->file_bytes, (int)kind);
        if (kind != RANGE_PARTIAL) {
            assert_true(range.first == 77 && range.last == 78);
        } else if (range.first != row->first || range.last != row->last) {
            fail_msg("\"%s\": %llu-%llu", row->header,
                     (unsigned long long)range.first,
                     (unsigned long long)range.last);
        }
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof *(rows))

static void one_range_within_the_file_is_partial(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=0-0", 1, RANGE_PARTIAL, 0, 0}, /* the whole file is a range */
        {"bytes=0-0", 10, RANGE_PARTIAL, 0, 0},
        {"bytes=9-9", 10, RANGE_PARTIAL, 9, 9},
        {"bytes=0-9", 10, RANGE_PARTIAL, 0, 9},
        {"bytes=2-5", 10, RANGE_PARTIAL, 2, 5},
        {"bytes=002-0005", 10, RANGE_PARTIAL, 2, 5},
    };
    CHECK(rows);
}

static void an_end_behind_the_file_is_the_files(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=0-10", 10, RANGE_PARTIAL, 0, 9},
        {"bytes=9-10", 10, RANGE_PARTIAL, 9, 9},
        {"bytes=0-18446744073709551615", 10, RANGE_PARTIAL, 0, 9},
        {"bytes=0-99999999999999999999999", 10, RANGE_PARTIAL, 0, 9},
    };
    CHECK(rows);
}

static void an_open_range_goes_to_the_end(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=0-", 1, RANGE_PARTIAL, 0, 0},
        {"bytes=0-", 10, RANGE_PARTIAL, 0, 9},
        {"bytes=9-", 10, RANGE_PARTIAL, 9, 9},
        {"bytes=0-", UINT64_MAX, RANGE_PARTIAL, 0, UINT64_MAX - 1},
    };
    CHECK(rows);
}

static void a_suffix_is_counted_from_the_end(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=-1", 1, RANGE_PARTIAL, 0, 0},
        {"bytes=-1", 10, RANGE_PARTIAL, 9, 9},
        {"bytes=-3", 10, RANGE_PARTIAL, 7, 9},
        {"bytes=-10", 10, RANGE_PARTIAL, 0, 9},
        {"bytes=-11", 10, RANGE_PARTIAL, 0, 9}, /* longer: the whole file */
        {"bytes=-18446744073709551616", 10, RANGE_PARTIAL, 0, 9},
    };
    CHECK(rows);
}

static void a_range_behind_the_end_cannot_be_satisfied(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=10-10", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=18446744073709551615-", 10, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=18446744073709551616-", 10, RANGE_UNSATISFIABLE, 0, 0},
        /* 2^64 is not 0: a number that wraps would be satisfiable. */
        {"bytes=18446744073709551616-18446744073709551617", 10,
         RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=36893488147419103232-", 10, RANGE_UNSATISFIABLE, 0, 0},
    };
    CHECK(rows);
}

static void an_empty_file_has_no_range(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-0", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 0, RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-5", 0, RANGE_NONE, 0, 0}, /* all of nothing: a plain 200 */
    };
    CHECK(rows);
}

static void what_is_no_byte_range_is_passed_over(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, 10, RANGE_NONE, 0, 0},
        {"", 10, RANGE_NONE, 0, 0},
        {"bytes", 10, RANGE_NONE, 0, 0},
        {"bytes=", 10, RANGE_NONE, 0, 0},
        {"bytes=-", 10, RANGE_NONE, 0, 0},
        {"bytes=2-1", 10, RANGE_NONE, 0, 0},
        {"bytes=99-98", 10, RANGE_NONE, 0, 0}, /* invalid before too far */
        {"bytes=1", 10, RANGE_NONE, 0, 0},
        {"bytes=a-5", 10, RANGE_NONE, 0, 0},
        {"bytes=0-a", 10, RANGE_NONE, 0, 0},
        {"bytes=0-5x", 10, RANGE_NONE, 0, 0},
        {"bytes=0--5", 10, RANGE_NONE, 0, 0},
        {"bytes=--5", 10, RANGE_NONE, 0, 0},
        {"bytes=+0-5", 10, RANGE_NONE, 0, 0},
        {"bytes=0-+5", 10, RANGE_NONE, 0, 0},
        {"bytes=0x0-5", 10, RANGE_NONE, 0, 0},
        {"bytes=0-5;", 10, RANGE_NONE, 0, 0},
        {"items=0-5", 10, RANGE_NONE, 0, 0},
        {"byte=0-5", 10, RANGE_NONE, 0, 0},
        {"bytess=0-5", 10, RANGE_NONE, 0, 0},
        {"0-5", 10, RANGE_NONE, 0, 0},
    };
    CHECK(rows);
}

static void white_space_stands_only_where_the_grammar_has_it(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {" \tbytes=0-5 \t", 10, RANGE_PARTIAL, 0, 5}, /* around the value */
        {"BYTES=0-5", 10, RANGE_PARTIAL, 0, 5},       /* units have no case */
        {"bytes =0-5", 10, RANGE_NONE, 0, 0},
        {"bytes= 0-5", 10, RANGE_NONE, 0, 0},
        {"bytes=0 -5", 10, RANGE_NONE, 0, 0},
        {"bytes=0- 5", 10, RANGE_NONE, 0, 0},
        {"bytes=- 5", 10, RANGE_NONE, 0, 0},
        {"bytes=0-\n5", 10, RANGE_NONE, 0, 0},
    };
    CHECK(rows);
}

static void several_ranges_are_passed_over(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=0-1,3-4", 10, RANGE_NONE, 0, 0},
        {"bytes=0-1, 3-4", 10, RANGE_NONE, 0, 0},
        {"bytes=0-1,0-1", 10, RANGE_NONE, 0, 0},
        {"bytes=0-1,-1", 10, RANGE_NONE, 0, 0},
        {"bytes=0-1,x", 10, RANGE_NONE, 0, 0},
        {"bytes=90-,91-", 10, RANGE_NONE, 0, 0},
    };
    CHECK(rows);
}

static void empty_elements_of_the_list_do_not_count(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"bytes=,0-5", 10, RANGE_PARTIAL, 0, 5},
        {"bytes=0-5,", 10, RANGE_PARTIAL, 0, 5},
        {"bytes=, ,\t0-5 , ,", 10, RANGE_PARTIAL, 0, 5},
        {"bytes=,", 10, RANGE_NONE, 0, 0},
        {"bytes=, ,", 10, RANGE_NONE, 0, 0},
    };
    CHECK(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_range_within_the_file_is_partial),
        cmocka_unit_test(an_end_behind_the_file_is_the_files),
        cmocka_unit_test(an_open_range_goes_to_the_end),
        cmocka_unit_test(a_suffix_is_counted_from_the_end),
        cmocka_unit_test(a_range_behind_the_end_cannot_be_satisfied),
        cmocka_unit_test(an_empty_file_has_no_range),
        cmocka_unit_test(what_is_no_byte_range_is_passed_over),
        cmocka_unit_test(white_space_stands_only_where_the_grammar_has_it),
        cmocka_unit_test(several_ranges_are_passed_over),
        cmocka_unit_test(empty_elements_of_the_list_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
