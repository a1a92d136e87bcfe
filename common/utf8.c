#include "utf8.h"

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* RFC 3629 section 4: the bounds of the second byte keep overlong forms,
 * surrogates and what lies beyond U+10FFFF out. */
static bool second_byte_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return is_continuation(second);
    }
}

static size_t length_by_first(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2)
        return 0;
    if (first < 0xe0)
        return 2;
    if (first < 0xf0)
        return 3;
    return first <= 0xf4 ? 4 : 0;
}

size_t utf8_sequence(const char *text, size_t bytes)
{
    if (bytes == 0)
        return 0;
    const unsigned char *at = (const unsigned char *)text;
    size_t length = length_by_first(at[0]);
    if (length <= 1)
        return length;
    if (length > bytes || !second_byte_fits(at[0], at[1]))
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (!is_continuation(at[i]))
            return 0;
    }
    return length;
}

bool utf8_is_valid(const char *text, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        size_t length = utf8_sequence(text + at, bytes - at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}
