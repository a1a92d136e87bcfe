#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "http_date.h"

static const int64_t now_s = 1767225600; /* 2026-01-01 */

static void a_date_is_written_as_the_imf_has_it(void **state)
{
    (void)state;
    static const struct {
        int64_t time_s;
        const char *text;
    } rows[] = {
        {HTTP_DATE_MIN_S, "Mon, 01 Jan 0001 00:00:00 GMT"},
        {HTTP_DATE_MIN_S - 1, "Mon, 01 Jan 0001 00:00:00 GMT"},
        {INT64_MIN, "Mon, 01 Jan 0001 00:00:00 GMT"},
        {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {HTTP_DATE_MAX_S, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[HTTP_DATE_TEXT_BYTES];
        http_date_format(rows[i].time_s, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (int64_t time_s = HTTP_DATE_MIN_S; time_s <= HTTP_DATE_MAX_S;
         time_s += 86400 * 977 + 12345) {
        char text[HTTP_DATE_TEXT_BYTES];
        http_date_format(time_s, text);
        int64_t read_s = 1;
        if (!http_date_parse(text, strlen(text), now_s, &read_s) ||
            read_s != time_s)
            fail_msg("%s", text);
    }
}

static void all_three_forms_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t time_s;
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Wed Nov 16 08:49:37 1994", 784975777},
        {"Fri, 06 Nov 1994 08:49:37 GMT", 784111777},  /* another day's name */
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228799}, /* a leap second */
        {"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t time_s = 1;
        if (!http_date_parse(rows[i].text, strlen(rows[i].text), now_s,
                             &time_s) ||
            time_s != rows[i].time_s)
            fail_msg("\"%s\": %lld", rows[i].text, (long long)time_s);
    }
}

static void two_digits_are_at_most_50_years_ahead(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *same; /* with four digits */
        int64_t now_s;
    } rows[] = {
        {"Monday, 01-Jan-76 00:00:00 GMT", "Wed, 01 Jan 2076 00:00:00 GMT",
         1767225600},
        {"Monday, 01-Jan-77 00:00:00 GMT", "Sat, 01 Jan 1977 00:00:00 GMT",
         1767225600},
        {"Monday, 01-Jan-00 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT",
         1767225600},
        {"Monday, 01-Jan-05 00:00:00 GMT", "Sat, 01 Jan 2005 00:00:00 GMT",
         915148800}, /* read in 1999 */
        {"Monday, 01-Jan-99 00:00:00 GMT", "Fri, 01 Jan 1999 00:00:00 GMT",
         915148800},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t read_s = 1;
        int64_t same_s = 2;
        assert_true(http_date_parse(rows[i].text, strlen(rows[i].text),
                                    rows[i].now_s, &read_s));
        assert_true(http_date_parse(rows[i].same, strlen(rows[i].same),
                                    rows[i].now_s, &same_s));
        assert_int_equal(read_s, same_s);
    }
}

static void anything_else_is_no_date(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "0",
        "784111777",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Thu, 29 Feb 1900 00:00:00 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t time_s = 42;
        if (http_date_parse(rows[i], strlen(rows[i]), now_s, &time_s))
            fail_msg("\"%s\" is read", rows[i]);
        assert_int_equal(time_s, 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_is_written_as_the_imf_has_it),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(all_three_forms_are_read),
        cmocka_unit_test(two_digits_are_at_most_50_years_ahead),
        cmocka_unit_test(anything_else_is_no_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
