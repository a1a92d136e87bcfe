/* uuid_make() under a clock of our own, in place of clock.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "clock.h"
#include "uuid.h"

enum {
    IDS = 20000, /* more than the counter of a millisecond holds */
};

static int64_t now_ms = INT64_C(1769860800000);

int64_t clock_now_ms(void)
{
    return now_ms;
}

static int64_t time_of(const struct uuid *uuid)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | uuid->bytes[i];
    return ms;
}

static void assert_rises(const struct uuid *before, const struct uuid *after)
{
    /* By time and counter alone: 8 bytes. */
    assert_true(memcmp(before, after, 8) < 0);
    assert_int_equal(after->bytes[6] >> 4, 7);
}

static void ids_rise_within_one_millisecond(void **state)
{
    (void)state;
    struct uuid last = uuid_make();
    assert_int_equal(time_of(&last), now_ms);
    for (int i = 0; i < IDS; i++) {
        struct uuid next = uuid_make();
        assert_rises(&last, &next);
        last = next;
    }
    assert_in_range(time_of(&last), now_ms, now_ms + IDS / 4096 + 1);
}

static void a_clock_set_back_a_little_does_not_turn_the_order(void **state)
{
    (void)state;
    now_ms += 1000000;
    struct uuid last = uuid_make();
    for (int i = 0; i < 100; i++) {
        now_ms -= 50;
        struct uuid next = uuid_make();
        assert_rises(&last, &next);
        last = next;
    }
}

static void a_clock_set_back_far_is_believed(void **state)
{
    (void)state;
    now_ms += 1000000;
    (void)uuid_make();
    now_ms -= 3600000;
    struct uuid uuid = uuid_make();
    assert_int_equal(time_of(&uuid), now_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_rise_within_one_millisecond),
        cmocka_unit_test(a_clock_set_back_a_little_does_not_turn_the_order),
        cmocka_unit_test(a_clock_set_back_far_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
