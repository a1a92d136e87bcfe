#ifndef FLIXTUBE_TESTS_CLAIM_H
#define FLIXTUBE_TESTS_CLAIM_H

/* What every test program of ours begins with: cmocka and what it needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "clock.h"

enum {
    PATIENCE_MS = 30 * 1000, /* beyond it something hangs, also when slow */
};

/*
 * Waits until the condition holds, and fails the test when it does not within
 * the time: a poll with a deadline, never a sleep as a guess.
 */
#define assert_soon_within(condition, limit_ms)                                \
    do {                                                                       \
        int64_t soon_deadline_ms = clock_monotonic_ms() + (limit_ms);          \
        while (!(condition)) {                                                 \
            if (clock_monotonic_ms() > soon_deadline_ms)                       \
                fail_msg("not within %d ms: %s", (int)(limit_ms), #condition); \
            pause_ms(5);                                                       \
        }                                                                      \
    } while (0)

#define assert_soon(condition) assert_soon_within(condition, PATIENCE_MS)

/* A result is RESULT_OK; else fails with the fault's words. */
#define assert_ok(call, fault)                                                 \
    do {                                                                       \
        if ((call) != RESULT_OK)                                               \
            fail_msg("%s: %s", #call, (fault)->text);                          \
    } while (0)

/* Runs them; only those that FLIXTUBE_CLAIM names (with * and ?), if set. */
#define run_claims(tests, setup, teardown)                                     \
    (cmocka_set_test_filter(getenv("FLIXTUBE_CLAIM")),                         \
     cmocka_run_group_tests(tests, setup, teardown))

void pause_ms(unsigned ms);

#endif
