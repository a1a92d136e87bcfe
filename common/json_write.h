#ifndef FLIXTUBE_COMMON_JSON_WRITE_H
#define FLIXTUBE_COMMON_JSON_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/*
 * JSON text straight into a buffer, without a tree. The caller writes the
 * punctuation; these write values (RFC 8259). Failure is the buffer's.
 */

enum {
    JSON_ESCAPE_BYTES_MAX = 6,   /* what one byte may become: \\u001f */
    JSON_SECONDS_BYTES_MAX = 24, /* -9223372036854775.808 */
};

/* A quoted string; `text` is valid UTF-8 (invalid bytes become U+FFFD). */
void json_write_string(struct buffer *buffer, const char *text, size_t bytes);
void json_write_text(struct buffer *buffer, const char *text);

/* Milliseconds as decimal seconds without trailing zeros: 1500 is 1.5. */
void json_write_seconds(struct buffer *buffer, int64_t value_ms);

/*
 * The same to where there is room, for who writes much: `to` has room for
 * JSON_ESCAPE_BYTES_MAX * bytes + 2, or JSON_SECONDS_BYTES_MAX. They return the
 * end of what they wrote, without a NUL.
 */
char *json_put_string(char *to, const char *text, size_t bytes);
char *json_put_seconds(char *to, int64_t value_ms);

#endif
