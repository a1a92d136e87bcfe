#ifndef FLIXTUBE_BENCH_MEASURE_H
#define FLIXTUBE_BENCH_MEASURE_H

#include <stdint.h>

/*
 * What the programs that measure share. Each does one thing, prints what it
 * found as one line of JSON, and ends with 0; anything that goes wrong ends it.
 */
double measure_now_s(void);    /* the system's monotonic clock */
double measure_cpu_s(void);    /* user and system, of this process */
int64_t measure_peak_kb(void); /* resident memory, of this process */
void measure_sleep_s(double seconds);

/* One line on standard error, and exit code 1. */
_Noreturn void measure_die(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* A whole number of the command line; one outside the limits ends it. */
int64_t measure_number(const char *text, int64_t least, int64_t most);

#endif
