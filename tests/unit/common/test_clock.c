#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"

struct row {
    const char *text;
    const char *utc; /* NULL: refused */
};

static const struct row rows[] = {
    {"2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"},
    {"2026-01-31t12:00:00z", "2026-01-31T12:00:00.000Z"},
    {"2026-01-31T12:00:00.1Z", "2026-01-31T12:00:00.100Z"},
    {"2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.123Z"},
    {"2026-01-31T12:00:00.1239999999999999999999Z", /* cut, not rounded */
     "2026-01-31T12:00:00.123Z"},
    {"1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"},
    {"1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57.000Z"},
    {"1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.870Z"},
    {"2026-01-01T00:00:00-00:00", "2026-01-01T00:00:00.000Z"},
    {"2026-01-01T00:00:00+23:59", "2025-12-31T00:01:00.000Z"},
    /* leap days */
    {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"},
    {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"},
    {"2023-02-29T00:00:00Z", NULL},
    {"1900-02-29T00:00:00Z", NULL},
    /* leap seconds: only where a UTC day ends */
    {"1990-12-31T23:59:60Z", "1990-12-31T23:59:59.000Z"},
    {"1990-12-31T15:59:60.5-08:00", "1990-12-31T23:59:59.500Z"},
    {"1990-12-31T22:59:60Z", NULL},
    {"1990-12-31T23:59:61Z", NULL},
    /* the first and the last moment */
    {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"},
    {"0001-01-01T00:00:00+00:01", NULL},
    {"0000-12-31T23:59:59Z", NULL},
    {"0000-12-31T23:59:59-00:01", "0001-01-01T00:00:59.000Z"},
    {"9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"},
    {"9999-12-31T23:59:59-00:01", NULL},
    {"9999-12-31T23:59:60Z", "9999-12-31T23:59:59.000Z"},
    /* not RFC 3339 */
    {"", NULL},
    {"2026", NULL},
    {"2026-01-31", NULL},
    {"2026-01-31 12:00:00Z", NULL},
    {"2026-01-31T12:00Z", NULL},
    {"2026-01-31T12:00:00", NULL},
    {"2026-01-31T12:00:00.Z", NULL},
    {"2026-01-31T12:00:00,5Z", NULL},
    {"2026-01-31T12:00:00ZZ", NULL},
    {"2026-01-31T12:00:00Z ", NULL},
    {" 2026-01-31T12:00:00Z", NULL},
    {"2026-01-31T12:00:00+0100", NULL},
    {"2026-01-31T12:00:00+01", NULL},
    {"2026-01-31T12:00:00+24:00", NULL},
    {"2026-01-31T12:00:00+01:60", NULL},
    {"2026-01-31T24:00:00Z", NULL},
    {"2026-01-31T12:60:00Z", NULL},
    {"2026-00-31T12:00:00Z", NULL},
    {"2026-13-31T12:00:00Z", NULL},
    {"2026-01-00T12:00:00Z", NULL},
    {"2026-01-32T12:00:00Z", NULL},
    {"2026-04-31T12:00:00Z", NULL},
    {"+026-01-31T12:00:00Z", NULL},
    {"20260131T120000Z", NULL},
    {"12026-01-31T12:00:00Z", NULL},
};

static void rfc_3339_and_nothing_else_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms = 42;
        bool read = clock_parse(rows[i].text, strlen(rows[i].text), &ms);
        if (read != (rows[i].utc != NULL))
            fail_msg("\"%s\" is %s", rows[i].text, read ? "read" : "refused");
        if (!read) {
            assert_int_equal(ms, 42);
            continue;
        }
        char text[CLOCK_TEXT_BYTES];
        clock_format(ms, text);
        assert_string_equal(text, rows[i].utc);
    }
}

static void every_cut_of_a_time_is_refused(void **state)
{
    (void)state;
    const char text[] = "2026-01-31T12:00:00.123+01:00";
    int64_t ms;
    for (size_t bytes = 0; bytes < sizeof text - 1; bytes++)
        assert_false(clock_parse(text, bytes, &ms));
    assert_true(clock_parse(text, sizeof text - 1, &ms));
}

/* The C library's calendar is the oracle: a day of each week of all years. */
static void dates_agree_with_the_c_library(void **state)
{
    (void)state;
    const int64_t week_ms = INT64_C(7) * 86400 * 1000 + 12345678;
    for (int64_t ms = CLOCK_MIN_MS; ms <= CLOCK_MAX_MS; ms += week_ms) {
        int64_t seconds = ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
        time_t time = (time_t)seconds;
        struct tm parts;
        assert_non_null(gmtime_r(&time, &parts));
        char expected[80];
        (void)snprintf(expected, sizeof expected,
                       "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                       parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                       parts.tm_hour, parts.tm_min, parts.tm_sec,
                       (int)(ms - seconds * 1000));
        char text[CLOCK_TEXT_BYTES];
        clock_format(ms, text);
        assert_string_equal(text, expected);
        int64_t again;
        assert_true(clock_parse(text, strlen(text), &again));
        assert_int_equal(again, ms);
    }
}

static void now_is_the_systems_time(void **state)
{
    (void)state;
    int64_t before_s = (int64_t)time(NULL);
    int64_t now_ms = clock_now_ms();
    /* time() may lag behind by a tick. */
    assert_in_range(now_ms / 1000, before_s, (int64_t)time(NULL) + 1);
}

static void the_monotonic_clock_goes_on(void **state)
{
    (void)state;
    int64_t first = clock_monotonic_ms();
    int64_t last = first;
    while (last == first) {
        last = clock_monotonic_ms();
        assert_true(last >= first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_3339_and_nothing_else_is_read),
        cmocka_unit_test(every_cut_of_a_time_is_refused),
        cmocka_unit_test(dates_agree_with_the_c_library),
        cmocka_unit_test(now_is_the_systems_time),
        cmocka_unit_test(the_monotonic_clock_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
