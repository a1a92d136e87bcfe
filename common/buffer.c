#include "buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CAPACITY_BYTES_MIN = 128, /* most of our texts fit without growing */
    INTEGER_BYTES_MAX = 20,   /* -9223372036854775808 */
};

struct buffer buffer_make(size_t limit_bytes)
{
    return (struct buffer){.limit_bytes = limit_bytes};
}

void buffer_done(struct buffer *buffer)
{
    if (buffer == NULL)
        return;
    free(buffer->data);
    *buffer = buffer_make(buffer->limit_bytes);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->bytes = 0;
    buffer->failed = false;
}

static size_t grown_capacity(const struct buffer *buffer, size_t needed_bytes)
{
    size_t capacity = buffer->capacity_bytes;
    if (capacity < CAPACITY_BYTES_MIN)
        capacity = CAPACITY_BYTES_MIN;
    while (capacity < needed_bytes)
        capacity = capacity > SIZE_MAX / 2 ? needed_bytes : capacity * 2;
    return capacity < buffer->limit_bytes ? capacity : buffer->limit_bytes;
}

char *buffer_reserve(struct buffer *buffer, size_t bytes)
{
    if (buffer->failed)
        return NULL;
    if (bytes > buffer->limit_bytes - buffer->bytes) {
        buffer->failed = true;
        return NULL;
    }
    size_t needed = buffer->bytes + bytes;
    if (buffer->data == NULL || needed > buffer->capacity_bytes) {
        size_t capacity = grown_capacity(buffer, needed);
        /* One byte beyond: vsnprintf() ends what it writes with a NUL. */
        char *data =
            capacity == SIZE_MAX ? NULL : realloc(buffer->data, capacity + 1);
        if (data == NULL) {
            buffer->failed = true;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity_bytes = capacity;
    }
    return buffer->data + buffer->bytes;
}

void buffer_advance(struct buffer *buffer, size_t bytes)
{
    assert(bytes <= buffer->capacity_bytes - buffer->bytes);
    buffer->bytes += bytes;
}

void buffer_append(struct buffer *buffer, const void *data, size_t bytes)
{
    if (bytes == 0)
        return;
    char *to = buffer_reserve(buffer, bytes);
    if (to == NULL)
        return;
    memcpy(to, data, bytes);
    buffer->bytes += bytes;
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_integer(struct buffer *buffer, int64_t value)
{
    char digits[INTEGER_BYTES_MAX];
    size_t at = sizeof digits;
    /* Unsigned, since -INT64_MIN does not fit. */
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--at] = '-';
    buffer_append(buffer, digits + at, sizeof digits - at);
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (bytes < 0) {
        buffer->failed = true;
    } else {
        char *to = buffer_reserve(buffer, (size_t)bytes);
        if (to != NULL) {
            (void)vsnprintf(to, (size_t)bytes + 1, format, again);
            buffer->bytes += (size_t)bytes;
        }
    }
    va_end(again);
}

char *buffer_take(struct buffer *buffer, size_t *ret_bytes)
{
    char *data = buffer->data;
    *ret_bytes = buffer->bytes;
    *buffer = buffer_make(buffer->limit_bytes);
    return data;
}
