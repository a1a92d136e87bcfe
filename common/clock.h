#ifndef FLIXTUBE_COMMON_CLOCK_H
#define FLIXTUBE_COMMON_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLOCK_TEXT_BYTES = 25, /* 2026-01-31T12:00:00.123Z and the NUL */
};

/* Limits of what is a time here: 0001-01-01 to 9999-12-31, UTC, in ms. */
#define CLOCK_MIN_MS INT64_C(-62135596800000)
#define CLOCK_MAX_MS INT64_C(253402300799999)

int64_t clock_now_ms(void);       /* since 1970, UTC */
int64_t clock_monotonic_ms(void); /* for waits and ages */

/*
 * RFC 3339 date-time with any offset and any number of fraction digits (cut
 * to ms); a leap second counts as the second before. False leaves *ret alone.
 */
bool clock_parse(const char *text, size_t bytes, int64_t *ret_ms);

/* UTC with milliseconds and Z. `ms` lies within the limits above. */
void clock_format(int64_t ms, char text[CLOCK_TEXT_BYTES]);

#endif
