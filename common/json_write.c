#include "json_write.h"

#include <string.h>

#include "utf8.h"

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* RFC 8259 section 7: these must be escaped, and have a short form or not. */
static void write_escape(struct buffer *buffer, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *found = byte == 0 ? NULL : strchr(from, byte);
    if (found != NULL) {
        char pair[] = {'\\', to[found - from]};
        buffer_append(buffer, pair, sizeof pair);
        return;
    }
    char unit[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 0xf]};
    buffer_append(buffer, unit, sizeof unit);
}

void json_write_string(struct buffer *buffer, const char *text, size_t bytes)
{
    buffer_append(buffer, "\"", 1);
    size_t from = 0; /* text[from..at) is copied as it is */
    size_t at = 0;
    while (at < bytes) {
        unsigned char byte = (unsigned char)text[at];
        size_t length =
            is_plain(byte)
                ? 1
                : (byte < 0x80 ? 0 : utf8_sequence(text + at, bytes - at));
        if (length > 0) {
            at += length;
            continue;
        }
        buffer_append(buffer, text + from, at - from);
        if (byte < 0x80)
            write_escape(buffer, byte);
        else
            buffer_append(buffer, "\xef\xbf\xbd", 3);
        from = ++at;
    }
    if (at > from)
        buffer_append(buffer, text + from, at - from);
    buffer_append(buffer, "\"", 1);
}

void json_write_text(struct buffer *buffer, const char *text)
{
    json_write_string(buffer, text, strlen(text));
}

void json_write_seconds(struct buffer *buffer, int64_t value_ms)
{
    uint64_t ms = value_ms < 0 ? 0 - (uint64_t)value_ms : (uint64_t)value_ms;
    if (value_ms < 0)
        buffer_append(buffer, "-", 1);
    buffer_append_integer(buffer, (int64_t)(ms / 1000));
    unsigned rest = (unsigned)(ms % 1000);
    if (rest == 0)
        return;
    char fraction[] = {'.', (char)('0' + rest / 100),
                       (char)('0' + rest / 10 % 10), (char)('0' + rest % 10)};
    size_t bytes = sizeof fraction;
    while (fraction[bytes - 1] == '0')
        bytes--;
    buffer_append(buffer, fraction, bytes);
}
