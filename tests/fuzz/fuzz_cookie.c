/*
 * cookie_next() and cookie_viewer(): every pair lies in the header behind the
 * one before it, holds no separator, and a viewer is there exactly if some
 * pair of that name is a UUID.
 */
#include <string.h>

#include "cookie.h"
#include "fuzz.h"

enum {
    HEADER_BYTES_MAX = 4096,
};

static bool is_viewer(const struct cookie *cookie)
{
    struct uuid uuid;
    return cookie->name_bytes == strlen(COOKIE_VIEWER) &&
           memcmp(cookie->name, COOKIE_VIEWER, cookie->name_bytes) == 0 &&
           uuid_parse(cookie->value, cookie->value_bytes, &uuid);
}

static void lies_in(const struct cookie *cookie, const char *start,
                    const char *end)
{
    FUZZ_HOLDS(cookie->name >= start && cookie->name_bytes > 0);
    FUZZ_HOLDS(cookie->name + cookie->name_bytes < cookie->value);
    FUZZ_HOLDS(cookie->value + cookie->value_bytes <= end);
    FUZZ_HOLDS(memchr(cookie->name, '=', cookie->name_bytes) == NULL);
    size_t bytes = (size_t)(cookie->value + cookie->value_bytes - cookie->name);
    FUZZ_HOLDS(memchr(cookie->name, ';', bytes) == NULL);
    FUZZ_HOLDS(memchr(cookie->value, '"', cookie->value_bytes) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char header[HEADER_BYTES_MAX + 1];
    if (bytes > HEADER_BYTES_MAX)
        return 0;
    memcpy(header, data, bytes);
    header[bytes] = '\0';

    bool expected = false;
    struct cookie cookie;
    const char *cursor = header;
    const char *start = header;
    while (cookie_next(&cursor, &cookie)) {
        lies_in(&cookie, start, cursor);
        start = cursor;
        expected = expected || is_viewer(&cookie);
    }
    FUZZ_HOLDS(*cursor == '\0');
    struct uuid uuid;
    FUZZ_HOLDS(cookie_viewer(header, &uuid) == expected);
    return 0;
}
