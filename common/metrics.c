#include "metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum {
    FIRST_BUCKET_US = 128,
    US_PER_SECOND = 1000000,
};

void metrics_observe(struct metrics_histogram *histogram, uint64_t value_us)
{
    size_t bucket = 0;
    while (bucket < METRICS_BUCKETS && value_us > (uint64_t)FIRST_BUCKET_US
                                                      << bucket)
        bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, value_us,
                              memory_order_relaxed);
}

static void write_head(struct buffer *buffer, const char *name,
                       const char *help, const char *type)
{
    assert(strpbrk(help, "\\\n") == NULL); /* else it must be escaped */
    buffer_append_format(buffer, "# HELP %s %s\n# TYPE %s %s\n", name, help,
                         name, type);
}

void metrics_write_counter(struct buffer *buffer, const char *name,
                           const char *help, uint64_t value)
{
    write_head(buffer, name, help, "counter");
    buffer_append_format(buffer, "%s %" PRIu64 "\n", name, value);
}

void metrics_write_gauge(struct buffer *buffer, const char *name,
                         const char *help, int64_t value)
{
    write_head(buffer, name, help, "gauge");
    buffer_append_format(buffer, "%s %" PRId64 "\n", name, value);
}

static void write_bucket(struct buffer *buffer, const char *name, size_t bucket,
                         uint64_t count)
{
    if (bucket == METRICS_BUCKETS) {
        buffer_append_format(buffer, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n",
                             name, count);
        return;
    }
    uint64_t limit_us = (uint64_t)FIRST_BUCKET_US << bucket;
    buffer_append_format(
        buffer, "%s_bucket{le=\"%" PRIu64 ".%06" PRIu64 "\"} %" PRIu64 "\n",
        name, limit_us / US_PER_SECOND, limit_us % US_PER_SECOND, count);
}

void metrics_write_histogram(struct buffer *buffer, const char *name,
                             const char *help,
                             const struct metrics_histogram *histogram)
{
    write_head(buffer, name, help, "histogram");
    /* The count is the sum of what was read here, never a counter of its own:
     * a reader would see it differ from the last bucket. */
    uint64_t count = 0;
    for (size_t i = 0; i <= METRICS_BUCKETS; i++) {
        count +=
            atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        write_bucket(buffer, name, i, count);
    }
    uint64_t sum_us =
        atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
    buffer_append_format(
        buffer, "%s_sum %" PRIu64 ".%06" PRIu64 "\n%s_count %" PRIu64 "\n",
        name, sum_us / US_PER_SECOND, sum_us % US_PER_SECOND, name, count);
}
