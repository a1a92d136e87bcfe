#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "byte_set.h"

struct pair {
    uint64_t first;
    uint64_t last;
};

enum {
    PAIRS_MAX = 6,
};

struct row {
    const char *claim;
    struct pair added[PAIRS_MAX]; /* {1, 0} ends the list */
    uint64_t bytes;
    uint32_t intervals;
};

static void bytes_that_come_twice_count_once(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"the empty set", {{1, 0}}, 0, 0},
        {"one byte", {{0, 0}, {1, 0}}, 1, 1},
        {"the same again", {{0, 9}, {0, 9}, {1, 0}}, 10, 1},
        {"inside", {{0, 9}, {3, 4}, {1, 0}}, 10, 1},
        {"around", {{3, 4}, {0, 9}, {1, 0}}, 10, 1},
        {"over the end", {{0, 9}, {5, 14}, {1, 0}}, 15, 1},
        {"over the start", {{5, 14}, {0, 9}, {1, 0}}, 15, 1},
        {"neighbours are one", {{0, 4}, {5, 9}, {1, 0}}, 10, 1},
        {"neighbours backwards", {{5, 9}, {0, 4}, {1, 0}}, 10, 1},
        {"a hole of one byte", {{0, 4}, {6, 9}, {1, 0}}, 9, 2},
        {"the hole is filled", {{0, 4}, {6, 9}, {5, 5}, {1, 0}}, 10, 1},
        {"in front of all", {{10, 19}, {0, 4}, {1, 0}}, 15, 2},
        {"over many", {{0, 1}, {4, 5}, {8, 9}, {1, 8}, {1, 0}}, 10, 1},
        {"over some", {{0, 1}, {4, 5}, {8, 9}, {3, 6}, {1, 0}}, 8, 3},
        {"the largest place", {{0, INT64_MAX}, {1, 0}}, UINT64_C(1) << 63, 1},
        {"at the largest place",
         {{INT64_MAX, INT64_MAX}, {0, 0}, {1, 0}},
         2,
         2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct byte_set set = {0};
        const struct pair *pair = rows[i].added;
        for (; pair->first <= pair->last; pair++)
            assert_true(byte_set_add(&set, pair->first, pair->last));
        if (set.bytes != rows[i].bytes || set.count != rows[i].intervals)
            fail_msg("%s: %llu bytes in %u", rows[i].claim,
                     (unsigned long long)set.bytes, (unsigned)set.count);
        byte_set_done(&set);
        assert_null(set.intervals);
    }
}

static void fill_to_the_limit(struct byte_set *set)
{
    for (uint64_t i = 0; i < BYTE_SET_INTERVALS_MAX; i++)
        assert_true(byte_set_add(set, 10 * i, 10 * i + 4));
    assert_int_equal(set->count, BYTE_SET_INTERVALS_MAX);
}

static void at_the_limit_a_new_interval_is_dropped(void **state)
{
    (void)state;
    struct byte_set set = {0};
    fill_to_the_limit(&set);
    uint64_t bytes = set.bytes;
    assert_false(byte_set_add(&set, 6, 8));       /* in a hole */
    assert_false(byte_set_add(&set, 9000, 9999)); /* behind all */
    assert_int_equal(set.bytes, bytes);
    assert_int_equal(set.count, BYTE_SET_INTERVALS_MAX);
    byte_set_done(&set);
}

static void at_the_limit_what_touches_an_interval_is_taken(void **state)
{
    (void)state;
    struct byte_set set = {0};
    fill_to_the_limit(&set);
    uint64_t bytes = set.bytes;
    assert_true(byte_set_add(&set, 5, 5)); /* makes the first longer */
    assert_int_equal(set.bytes, bytes + 1);
    assert_true(byte_set_add(&set, 15, 19)); /* closes a hole */
    assert_int_equal(set.bytes, bytes + 6);
    assert_int_equal(set.count, BYTE_SET_INTERVALS_MAX - 1);
    assert_true(byte_set_add(&set, 9000, 9999)); /* there is room again */
    byte_set_done(&set);
}

static void a_set_that_is_done_can_be_used_again(void **state)
{
    (void)state;
    struct byte_set set = {0};
    assert_true(byte_set_add(&set, 0, 9));
    byte_set_done(&set);
    byte_set_done(&set);
    assert_int_equal(set.bytes, 0);
    assert_true(byte_set_add(&set, 5, 5));
    assert_int_equal(set.bytes, 1);
    byte_set_done(&set);
}

enum {
    PLACES = 4096,
    ROUNDS = 200,
    ADDS = 300,
};

/* Against a plain array of bytes: never one too many; and none too few while
 * nothing was dropped. */
static void it_agrees_with_an_array_of_bytes(void **state)
{
    (void)state;
    srandom(7);
    for (int round = 0; round < ROUNDS; round++) {
        static uint8_t seen[PLACES];
        memset(seen, 0, sizeof seen);
        struct byte_set set = {0};
        uint64_t expected = 0;
        for (int i = 0; i < ADDS; i++) {
            uint64_t first = (uint64_t)random() % PLACES;
            uint64_t last = first + (uint64_t)random() % 9;
            if (last >= PLACES)
                last = PLACES - 1;
            if (byte_set_add(&set, first, last))
                for (uint64_t at = first; at <= last; at++) {
                    expected += seen[at] == 0;
                    seen[at] = 1;
                }
            assert_int_equal(set.bytes, expected);
            assert_true(set.count <= BYTE_SET_INTERVALS_MAX);
        }
        for (uint32_t i = 1; i < set.count; i++)
            assert_true(set.intervals[i - 1].last + 1 < set.intervals[i].first);
        byte_set_done(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_come_twice_count_once),
        cmocka_unit_test(at_the_limit_a_new_interval_is_dropped),
        cmocka_unit_test(at_the_limit_what_touches_an_interval_is_taken),
        cmocka_unit_test(a_set_that_is_done_can_be_used_again),
        cmocka_unit_test(it_agrees_with_an_array_of_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
