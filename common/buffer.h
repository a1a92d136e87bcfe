#ifndef FLIXTUBE_COMMON_BUFFER_H
#define FLIXTUBE_COMMON_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Text that grows up to a limit set at birth. Failure is sticky: at the limit,
 * or without memory, `failed` is set, the content stays as it was, and every
 * later append does nothing, so that a writer checks once, at its end.
 * Not for use by two threads at once.
 */
struct buffer {
    char *data; /* not NUL-terminated; NULL while empty */
    size_t bytes;
    size_t capacity_bytes;
    size_t limit_bytes;
    bool failed;
};

struct buffer buffer_make(size_t limit_bytes);
void buffer_done(struct buffer *buffer); /* NULL and twice are fine */
void buffer_clear(
    struct buffer *buffer); /* keeps the memory, forgets failure */

/*
 * Makes room for `bytes` more and returns where they go (uninitialised), or
 * NULL after setting `failed`. Follow with buffer_advance().
 */
char *buffer_reserve(struct buffer *buffer, size_t bytes);
void buffer_advance(struct buffer *buffer, size_t bytes);

void buffer_append(struct buffer *buffer, const void *data, size_t bytes);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_integer(struct buffer *buffer, int64_t value);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Hands the memory to the caller, who frees it with free(); empties it and
 * forgets failure. NULL where nothing was ever appended.
 */
char *buffer_take(struct buffer *buffer, size_t *ret_bytes);

#endif
