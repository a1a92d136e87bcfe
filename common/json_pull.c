#include "json_pull.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "byte_scan.h"
#include "json_read.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_space(const char *at)
{
    while (is_space(*at))
        at++;
    return at;
}

/* `at` is behind the opening quote; the answer is at the closing one. */
static const char *string_end(const char *at, const char *end)
{
    for (;;) {
        at += byte_scan_plain(at, (size_t)(end - at));
        if (*at == '"')
            return at;
        at += *at == '\\' ? 2 : 1;
    }
}

/* From an opening brace or bracket to behind the one that closes it. */
static const char *nested_end(const char *at, const char *end)
{
    unsigned depth = 0;
    do {
        if (*at == '"')
            at = string_end(at + 1, end);
        else if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        at++;
    } while (depth > 0);
    return at;
}

/* A number or a word ends where a value of an object or array must end. */
static const char *plain_end(const char *at, const char *end)
{
    while (at < end && *at != ',' && *at != '}' && *at != ']' && *at != ' ' &&
           *at != '\n' && *at != '\r' && *at != '\t')
        at++;
    return at;
}

/* The value at `at`; *ret_end is behind it. */
static struct json_value pull(const char *at, const char *end,
                              const char **ret_end)
{
    const char *behind;
    switch (*at) {
    case '"':
        behind = string_end(at + 1, end);
        *ret_end = behind + 1;
        return (struct json_value){JSON_STRING, at + 1,
                                   (size_t)(behind - at) - 1};
    case '{':
    case '[':
        behind = nested_end(at, end);
        *ret_end = behind;
        return (struct json_value){*at == '{' ? JSON_OBJECT : JSON_ARRAY, at,
                                   (size_t)(behind - at)};
    default:
        behind = plain_end(at, end);
        *ret_end = behind;
        return (struct json_value){
            *at == 't' || *at == 'f' || *at == 'n' ? JSON_WORD : JSON_NUMBER,
            at, (size_t)(behind - at)};
    }
}

struct json_value json_pull_value(const char *text, size_t bytes)
{
    const char *at = skip_space(text);
    const char *end = text + bytes;
    const char *behind;
    if (*at != '{' && *at != '[')
        return pull(at, end, &behind);
    /* It reaches to the text's end: no need to walk through it. */
    while (is_space(end[-1]))
        end--;
    return (struct json_value){*at == '{' ? JSON_OBJECT : JSON_ARRAY, at,
                               (size_t)(end - at)};
}

bool json_pull_member(const struct json_value *object, const char **cursor,
                      struct json_member *ret)
{
    assert(object->kind == JSON_OBJECT);
    const char *end = object->text + object->bytes;
    /* The cursor stands behind a member, or behind the opening brace. */
    const char *at = skip_space(*cursor != NULL ? *cursor : object->text + 1);
    if (*at == '}')
        return false;
    if (*at == ',')
        at = skip_space(at + 1);
    ret->name = pull(at, end, &at);
    at = skip_space(skip_space(at) + 1); /* over the colon */
    ret->value = pull(at, end, cursor);
    return true;
}

bool json_pull_is(const struct json_value *string, const char *text,
                  size_t bytes)
{
    if (string->bytes == bytes)
        return memcmp(string->text, text, bytes) == 0;
    if (string->bytes < bytes)
        return false;
    /* Escaped it is longer; no name of ours is escaped by anyone in earnest,
     * but what means the same must count as the same. */
    char plain[64];
    return memchr(string->text, '\\', string->bytes) != NULL &&
           bytes < sizeof plain &&
           json_pull_string(string, plain, sizeof plain) == bytes &&
           memcmp(plain, text, bytes) == 0;
}

static unsigned hex4(const char *at)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = (unsigned char)at[i];
        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* UTF-8 of a code point; returns its length. */
static size_t encode(unsigned point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* What the escape at `at` (a backslash) means; *ret_end is behind it. */
static size_t unescape(const char *at, const char **ret_end, char out[4])
{
    static const char names[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    char c = at[1];
    *ret_end = at + 2;
    if (c != 'u') {
        const char *name = strchr(names, c);
        out[0] = name != NULL ? meanings[name - names] : c;
        return 1;
    }
    unsigned point = hex4(at + 2);
    *ret_end = at + 6;
    if (point >= 0xd800 && point <= 0xdbff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (hex4(at + 8) - 0xdc00);
        *ret_end = at + 12;
    }
    return encode(point, out);
}

size_t json_pull_string(const struct json_value *string, char *text,
                        size_t text_bytes)
{
    const char *at = string->text;
    const char *end = at + string->bytes;
    size_t length = 0;
    size_t room = text_bytes - 1;
    while (at < end) {
        char meaning[4];
        const char *from = at;
        size_t bytes;
        if (*at == '\\') {
            bytes = unescape(at, &at, meaning);
            from = meaning;
        } else {
            const char *escape = memchr(at, '\\', (size_t)(end - at));
            bytes = (size_t)((escape != NULL ? escape : end) - at);
            at += bytes;
        }
        if (length + bytes <= room)
            memcpy(text + length, from, bytes);
        length += bytes;
    }
    text[length <= room ? length : 0] = '\0';
    return length;
}

/* Digits with a point among them at most: read exactly, since both the digits
 * as an integer and the power of ten are exact as doubles, and a division is
 * rounded once. False for all else. */
static bool read_plain_decimal(const struct json_value *number, double *ret)
{
    static const double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    uint64_t digits = 0;
    size_t point = number->bytes;
    if (number->bytes > sizeof powers / sizeof powers[0])
        return false;
    for (size_t i = 0; i < number->bytes; i++) {
        unsigned digit = (unsigned char)number->text[i] - (unsigned)'0';
        if (digit <= 9)
            digits = digits * 10 + digit;
        else if (number->text[i] == '.')
            point = i + 1;
        else
            return false;
    }
    *ret = (double)digits / powers[number->bytes - point];
    return true;
}

double json_pull_number(const struct json_value *number)
{
    char text[JSON_NUMBER_BYTES_MAX + 1];
    double plain;
    if (read_plain_decimal(number, &plain))
        return plain;
    assert(number->bytes < sizeof text);
    memcpy(text, number->text, number->bytes);
    text[number->bytes] = '\0';
    return strtod(text, NULL);
}
