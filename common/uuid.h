#ifndef FLIXTUBE_COMMON_UUID_H
#define FLIXTUBE_COMMON_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 9562. Bytes in network order, so memcmp orders version 7 by time. */
struct uuid {
    uint8_t bytes[16];
};

enum {
    UUID_TEXT_BYTES = 37, /* 36 characters and the NUL */
};

/*
 * A new version 7 id: milliseconds, a 12-bit counter that keeps the ids of
 * this process in order within one millisecond, 62 random bits. The order holds
 * while the clock is set back by less than 10 s. Any thread.
 * Ends the process if the kernel gives no randomness: an id that repeats
 * would lose a view.
 */
struct uuid uuid_make(void);

/* Exactly 36 characters, either case, any version. False leaves *ret alone. */
bool uuid_parse(const char *text, size_t bytes, struct uuid *ret);

/* Lower case, NUL-terminated. */
void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_BYTES]);

#endif
