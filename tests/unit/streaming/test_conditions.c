#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conditions.h"

#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define EXACT  "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"

enum {
    SERVE = CONDITION_SERVE,
    WHOLE = CONDITION_SERVE_WHOLE,
    KNOWN = CONDITION_NOT_MODIFIED,
    FAILS = CONDITION_PRECONDITION_FAILED,
};

struct row {
    const char *claim;
    struct conditions conditions;
    int answer;
};

static void check(const struct row *rows, size_t count)
{
    static const struct validators current = {"\"e-1\"", 784111777};
    for (size_t i = 0; i < count; i++) {
        int answer =
            (int)conditions_check(&rows[i].conditions, &current, 1767225600);
        if (answer != rows[i].answer)
            fail_msg("%s: %d", rows[i].claim, answer);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof *(rows))

static void without_conditions_it_is_served(void **state)
{
    (void)state;
    static const struct row rows[] = {{"none", {0}, SERVE}};
    CHECK(rows);
}

static void if_match_compares_strongly(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"the tag", {.if_match = "\"e-1\""}, SERVE},
        {"any", {.if_match = "*"}, SERVE},
        {"any, with space around", {.if_match = " * "}, SERVE},
        {"in a list", {.if_match = "\"a\", \"e-1\""}, SERVE},
        {"another", {.if_match = "\"a\""}, FAILS},
        {"a weak one", {.if_match = "W/\"e-1\""}, FAILS},
        {"other case", {.if_match = "\"E-1\""}, FAILS},
        {"no quotes", {.if_match = "e-1"}, FAILS},
        {"empty", {.if_match = ""}, FAILS},
        {"any in a list", {.if_match = "*, \"e-1\""}, FAILS},
    };
    CHECK(rows);
}

static void if_unmodified_since_holds_up_to_its_second(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"before", {.if_unmodified_since = BEFORE}, FAILS},
        {"exact", {.if_unmodified_since = EXACT}, SERVE},
        {"after", {.if_unmodified_since = AFTER}, SERVE},
        {"no date", {.if_unmodified_since = "yesterday"}, SERVE},
        {"obsolete form",
         {.if_unmodified_since = "Sunday, 06-Nov-94 08:49:36 GMT"},
         FAILS},
    };
    CHECK(rows);
}

static void if_none_match_compares_weakly(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"the tag", {.if_none_match = "\"e-1\""}, KNOWN},
        {"a weak one", {.if_none_match = "W/\"e-1\""}, KNOWN},
        {"any", {.if_none_match = "*"}, KNOWN},
        {"another", {.if_none_match = "\"e-2\""}, SERVE},
        {"a longer one", {.if_none_match = "\"e-1x\""}, SERVE},
        {"a shorter one", {.if_none_match = "\"e-\""}, SERVE},
        {"the empty tag", {.if_none_match = "\"\""}, SERVE},
        {"last in a list", {.if_none_match = "\"a\",W/\"b\" , \"e-1\""}, KNOWN},
        {"first in a list", {.if_none_match = "\"e-1\", \"a\""}, KNOWN},
        {"empty elements", {.if_none_match = ", ,\"e-1\",,"}, KNOWN},
        {"a comma in a tag", {.if_none_match = "\"a,b\", \"e-1\""}, KNOWN},
        {"a tag in a tag", {.if_none_match = "\"a, \"e-1\""}, SERVE},
        {"bytes above ASCII", {.if_none_match = "\"\xe4\", \"e-1\""}, KNOWN},
        {"no quotes", {.if_none_match = "e-1"}, SERVE},
        {"not closed", {.if_none_match = "\"e-1"}, SERVE},
        {"small w", {.if_none_match = "w/\"e-1\""}, SERVE},
        {"W alone", {.if_none_match = "W/"}, SERVE},
        {"space in W/", {.if_none_match = "W/ \"e-1\""}, SERVE},
        {"a space in a tag", {.if_none_match = "\"a b\", \"e-1\""}, SERVE},
        {"no comma", {.if_none_match = "\"a\" \"e-1\""}, SERVE},
        {"behind a mistake", {.if_none_match = "\"a\", b, \"e-1\""}, SERVE},
        {"before a mistake", {.if_none_match = "\"e-1\", b"}, KNOWN},
        {"empty", {.if_none_match = ""}, SERVE},
    };
    CHECK(rows);
}

static void if_modified_since_knows_up_to_its_second(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"before", {.if_modified_since = BEFORE}, SERVE},
        {"exact", {.if_modified_since = EXACT}, KNOWN},
        {"after", {.if_modified_since = AFTER}, KNOWN},
        {"space around", {.if_modified_since = "\t" EXACT " "}, KNOWN},
        {"no date", {.if_modified_since = "now"}, SERVE},
        {"empty", {.if_modified_since = ""}, SERVE},
        {"asctime", {.if_modified_since = "Sun Nov  6 08:49:37 1994"}, KNOWN},
    };
    CHECK(rows);
}

static void if_range_takes_the_strong_tag_or_the_exact_date(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"the tag", {.if_range = "\"e-1\""}, SERVE},
        {"another", {.if_range = "\"e-2\""}, WHOLE},
        {"a weak one", {.if_range = "W/\"e-1\""}, WHOLE},
        {"any is no tag", {.if_range = "*"}, WHOLE},
        {"a list is no tag", {.if_range = "\"e-1\", \"a\""}, WHOLE},
        {"exact", {.if_range = EXACT}, SERVE},
        {"before", {.if_range = BEFORE}, WHOLE},
        {"after", {.if_range = AFTER}, WHOLE},
        {"no date", {.if_range = "now"}, WHOLE},
        {"empty", {.if_range = ""}, WHOLE},
    };
    CHECK(rows);
}

static void the_order_is_that_of_the_rfc(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"If-Match hides If-Unmodified-Since",
         {.if_match = "\"e-1\"", .if_unmodified_since = BEFORE},
         SERVE},
        {"a failed If-Match comes before 304",
         {.if_match = "\"a\"", .if_none_match = "\"e-1\""},
         FAILS},
        {"a failed If-Unmodified-Since comes before 304",
         {.if_unmodified_since = BEFORE, .if_none_match = "\"e-1\""},
         FAILS},
        {"a true If-Match goes on to 304",
         {.if_match = "*", .if_none_match = "\"e-1\""},
         KNOWN},
        {"If-None-Match hides If-Modified-Since",
         {.if_none_match = "\"a\"", .if_modified_since = AFTER},
         SERVE},
        {"even when it is malformed",
         {.if_none_match = "a", .if_modified_since = AFTER},
         SERVE},
        {"304 comes before If-Range",
         {.if_none_match = "\"e-1\"", .if_range = "\"a\""},
         KNOWN},
        {"412 comes before If-Range",
         {.if_match = "\"a\"", .if_range = "\"e-1\""},
         FAILS},
        {"If-Range is last",
         {.if_match = "*", .if_none_match = "\"a\"", .if_range = "\"a\""},
         WHOLE},
    };
    CHECK(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_conditions_it_is_served),
        cmocka_unit_test(if_match_compares_strongly),
        cmocka_unit_test(if_unmodified_since_holds_up_to_its_second),
        cmocka_unit_test(if_none_match_compares_weakly),
        cmocka_unit_test(if_modified_since_knows_up_to_its_second),
        cmocka_unit_test(if_range_takes_the_strong_tag_or_the_exact_date),
        cmocka_unit_test(the_order_is_that_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
