#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "metrics.h"

static void assert_holds(const struct buffer *buffer, const char *line)
{
    assert_false(buffer->failed);
    assert_non_null(memmem(buffer->data, buffer->bytes, line, strlen(line)));
}

static void a_counter_has_help_type_and_value(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(1000);
    metrics_write_counter(&buffer, "views_total", "Views stored.", UINT64_MAX);
    metrics_write_gauge(&buffer, "tail_rows", "Rows.", -5);
    const char text[] = "# HELP views_total Views stored.\n"
                        "# TYPE views_total counter\n"
                        "views_total 18446744073709551615\n"
                        "# HELP tail_rows Rows.\n"
                        "# TYPE tail_rows gauge\n"
                        "tail_rows -5\n";
    assert_int_equal(buffer.bytes, sizeof text - 1);
    assert_memory_equal(buffer.data, text, sizeof text - 1);
}

static void a_value_on_a_bound_is_in_its_bucket(void **state)
{
    (void)state;
    struct metrics_histogram histogram = {0};
    metrics_observe(&histogram, 0);
    metrics_observe(&histogram, 128);
    metrics_observe(&histogram, 129);
    metrics_observe(&histogram, 256);
    metrics_observe(&histogram, UINT64_C(128) << 15);
    metrics_observe(&histogram, (UINT64_C(128) << 15) + 1);
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(4000);
    metrics_write_histogram(&buffer, "wait_seconds", "Waits.", &histogram);
    assert_holds(&buffer, "# TYPE wait_seconds histogram\n");
    assert_holds(&buffer, "wait_seconds_bucket{le=\"0.000128\"} 2\n");
    assert_holds(&buffer, "wait_seconds_bucket{le=\"0.000256\"} 4\n");
    assert_holds(&buffer, "wait_seconds_bucket{le=\"2.097152\"} 4\n");
    assert_holds(&buffer, "wait_seconds_bucket{le=\"4.194304\"} 5\n");
    assert_holds(&buffer, "wait_seconds_bucket{le=\"+Inf\"} 6\n");
    assert_holds(&buffer, "wait_seconds_sum 8.389122\n");
    assert_holds(&buffer, "wait_seconds_count 6\n");
}

static void the_largest_value_goes_into_the_last_bucket(void **state)
{
    (void)state;
    struct metrics_histogram histogram = {0};
    metrics_observe(&histogram, UINT64_MAX);
    assert_int_equal(atomic_load(&histogram.buckets[METRICS_BUCKETS]), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_counter_has_help_type_and_value),
        cmocka_unit_test(a_value_on_a_bound_is_in_its_bucket),
        cmocka_unit_test(the_largest_value_goes_into_the_last_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
