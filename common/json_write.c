#include "json_write.h"

#include <string.h>

#include "utf8.h"

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* The highest bit of each byte of the word that is not plain. A byte beside
 * one that is not may be marked, too: whoever looks then looks at each. */
static uint64_t marks(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = word ^ (ones * '"');
    uint64_t backslash = word ^ (ones * '\\');
    return (word | (word - ones * 0x20) | (quote - ones) | (backslash - ones)) &
           (ones * 0x80);
}

/* How many bytes from the first on need no escape. */
static size_t plain_bytes(const char *text, size_t bytes)
{
    size_t at = 0;
    for (uint64_t word; bytes - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (marks(word) != 0)
            break;
    }
    while (at < bytes && is_plain((unsigned char)text[at]))
        at++;
    return at;
}

/* RFC 8259 section 7: these must be escaped, and have a short form or not. */
static char *put_escape(char *to, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const char *found = byte == 0 ? NULL : strchr(from, byte);
    *to++ = '\\';
    if (found != NULL) {
        *to++ = letters[found - from];
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = digits[byte >> 4];
    to[4] = digits[byte & 0xf];
    return to + 5;
}

/* Writes what text[*at] begins, which is not plain, and passes over it. */
static char *put_other(char *to, const char *text, size_t bytes, size_t *at)
{
    unsigned char byte = (unsigned char)text[*at];
    size_t length = byte < 0x80 ? 0 : utf8_sequence(text + *at, bytes - *at);
    if (length > 0) {
        memcpy(to, text + *at, length);
        *at += length;
        return to + length;
    }
    ++*at;
    if (byte < 0x80)
        return put_escape(to, byte);
    memcpy(to, "\xef\xbf\xbd", 3);
    return to + 3;
}

char *json_put_string(char *to, const char *text, size_t bytes)
{
    *to++ = '"';
    for (size_t at = 0; at < bytes;) {
        size_t plain = plain_bytes(text + at, bytes - at);
        memcpy(to, text + at, plain);
        to += plain;
        at += plain;
        if (at < bytes)
            to = put_other(to, text, bytes, &at);
    }
    *to++ = '"';
    return to;
}

void json_write_string(struct buffer *buffer, const char *text, size_t bytes)
{
    buffer_append(buffer, "\"", 1);
    for (size_t at = 0; at < bytes;) {
        size_t plain = plain_bytes(text + at, bytes - at);
        buffer_append(buffer, text + at, plain);
        at += plain;
        char other[JSON_ESCAPE_BYTES_MAX];
        if (at < bytes)
            buffer_append(buffer, other,
                          (size_t)(put_other(other, text, bytes, &at) - other));
    }
    buffer_append(buffer, "\"", 1);
}

void json_write_text(struct buffer *buffer, const char *text)
{
    json_write_string(buffer, text, strlen(text));
}

char *json_put_seconds(char *to, int64_t value_ms)
{
    uint64_t ms = value_ms < 0 ? 0 - (uint64_t)value_ms : (uint64_t)value_ms;
    if (value_ms < 0)
        *to++ = '-';
    char digits[JSON_SECONDS_BYTES_MAX];
    char *first = digits + sizeof digits;
    uint64_t whole = ms / 1000;
    do {
        *--first = (char)('0' + whole % 10);
        whole /= 10;
    } while (whole > 0);
    size_t count = (size_t)(digits + sizeof digits - first);
    memcpy(to, first, count);
    to += count;
    unsigned rest = (unsigned)(ms % 1000);
    if (rest == 0)
        return to;
    to[0] = '.';
    to[1] = (char)('0' + rest / 100);
    to[2] = (char)('0' + rest / 10 % 10);
    to[3] = (char)('0' + rest % 10);
    for (to += 4; to[-1] == '0';)
        to--;
    return to;
}

void json_write_seconds(struct buffer *buffer, int64_t value_ms)
{
    char text[JSON_SECONDS_BYTES_MAX];
    buffer_append(buffer, text,
                  (size_t)(json_put_seconds(text, value_ms) - text));
}
