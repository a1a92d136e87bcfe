#include "cookie.h"

#include <stdint.h>
#include <string.h>

/* RFC 9110 section 5.6.2. */
static bool is_token_character(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
        (c >= 'a' && c <= 'z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

/* cookie-octet: no control character, space, quote, comma, semicolon or
 * backslash, and ASCII. */
static bool is_cookie_octet(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte > 0x20 && byte < 0x7f && strchr("\",;\\", c) == NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static bool all_are(bool (*is)(char), const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (!is(text[i]))
            return false;
    return true;
}

/* `end` is behind the pair's last byte. */
static bool read_pair(const char *text, const char *end, struct cookie *ret)
{
    while (text < end && is_space(*text))
        text++;
    while (end > text && is_space(end[-1]))
        end--;
    const char *equals = memchr(text, '=', (size_t)(end - text));
    if (equals == NULL)
        return false;

    struct cookie cookie = {
        .name = text,
        .name_bytes = (size_t)(equals - text),
        .value = equals + 1,
        .value_bytes = (size_t)(end - equals - 1),
    };
    if (cookie.value_bytes >= 2 && equals[1] == '"' && end[-1] == '"') {
        cookie.value++;
        cookie.value_bytes -= 2;
    }
    if (cookie.name_bytes == 0 ||
        !all_are(is_token_character, cookie.name, cookie.name_bytes) ||
        !all_are(is_cookie_octet, cookie.value, cookie.value_bytes))
        return false;
    *ret = cookie;
    return true;
}

bool cookie_next(const char **cursor, struct cookie *ret)
{
    const char *text = *cursor;
    while (*text != '\0') {
        const char *end = strchrnul(text, ';');
        bool good = read_pair(text, end, ret);
        text = *end == ';' ? end + 1 : end;
        if (good) {
            *cursor = text;
            return true;
        }
    }
    *cursor = text;
    return false;
}

bool cookie_viewer(const char *header, struct uuid *ret)
{
    static const char name[] = COOKIE_VIEWER;

    if (header == NULL)
        return false;
    struct cookie cookie;
    while (cookie_next(&header, &cookie))
        if (cookie.name_bytes == sizeof name - 1 &&
            memcmp(cookie.name, name, sizeof name - 1) == 0 &&
            uuid_parse(cookie.value, cookie.value_bytes, ret))
            return true;
    return false;
}
