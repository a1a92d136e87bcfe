#include "trace_parent.h"

#include <string.h>

enum {
    TRACE_BYTES = 16,
    PARENT_BYTES = 8,
    TRACE_AT = 3, /* in the text, behind "00-" */
    PARENT_AT = 36,
    FLAGS_AT = 53,
};

/* The value of a digit; over 15: it is none. Upper case is none either. */
static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    return 16;
}

static bool read_hex(const char *text, uint8_t *bytes, size_t count)
{
    unsigned all = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned high = digit_of(text[2 * i]);
        unsigned low = digit_of(text[2 * i + 1]);
        all |= high | low;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return all < 16;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    uint8_t all = 0;
    for (size_t i = 0; i < count; i++)
        all |= bytes[i];
    return all == 0;
}

static bool has_ids(const uint8_t bytes[TRACE_PARENT_BYTES])
{
    return !is_zero(bytes, TRACE_BYTES) &&
           !is_zero(bytes + TRACE_BYTES, PARENT_BYTES);
}

bool trace_parent_parse(const char *text, size_t bytes,
                        struct trace_parent *ret)
{
    struct trace_parent trace = {.given = true};
    if (bytes != TRACE_PARENT_TEXT_BYTES - 1 || memcmp(text, "00-", 3) != 0 ||
        text[PARENT_AT - 1] != '-' || text[FLAGS_AT - 1] != '-' ||
        !read_hex(text + TRACE_AT, trace.bytes, TRACE_BYTES) ||
        !read_hex(text + PARENT_AT, trace.bytes + TRACE_BYTES, PARENT_BYTES) ||
        !read_hex(text + FLAGS_AT, trace.bytes + TRACE_BYTES + PARENT_BYTES,
                  1) ||
        !has_ids(trace.bytes))
        return false;
    *ret = trace;
    return true;
}

struct trace_parent trace_parent_of_bytes(const void *bytes, size_t count)
{
    struct trace_parent trace = {.given = false};
    if (bytes == NULL || count != TRACE_PARENT_BYTES || !has_ids(bytes))
        return trace;
    memcpy(trace.bytes, bytes, TRACE_PARENT_BYTES);
    trace.given = true;
    return trace;
}

static char *put_hex(char *to, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 0xf];
    }
    return to;
}

void trace_parent_format(const struct trace_parent *trace,
                         char text[TRACE_PARENT_TEXT_BYTES])
{
    text[0] = '\0';
    if (!trace->given)
        return;
    memcpy(text, "00-", 3);
    char *to = put_hex(text + TRACE_AT, trace->bytes, TRACE_BYTES);
    *to++ = '-';
    to = put_hex(to, trace->bytes + TRACE_BYTES, PARENT_BYTES);
    *to++ = '-';
    to = put_hex(to, trace->bytes + TRACE_BYTES + PARENT_BYTES, 1);
    *to = '\0';
}
