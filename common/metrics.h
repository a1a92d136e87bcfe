#ifndef FLIXTUBE_COMMON_METRICS_H
#define FLIXTUBE_COMMON_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/*
 * Prometheus text exposition, version 0.0.4. Counters and gauges are atomics
 * of their owners; these write them.
 */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum {
    METRICS_BUCKETS = 16,
};

/* A histogram of durations in microseconds, in powers of two from 128 us. */
struct metrics_histogram {
    _Atomic uint64_t buckets[METRICS_BUCKETS + 1];
    _Atomic uint64_t sum_us;
};

void metrics_observe(struct metrics_histogram *histogram, uint64_t value_us);

void metrics_write_counter(struct buffer *buffer, const char *name,
                           const char *help, uint64_t value);
void metrics_write_gauge(struct buffer *buffer, const char *name,
                         const char *help, int64_t value);
/* The name ends in _seconds. */
void metrics_write_histogram(struct buffer *buffer, const char *name,
                             const char *help,
                             const struct metrics_histogram *histogram);

#endif
