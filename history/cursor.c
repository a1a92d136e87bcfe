#include "cursor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "a" or "d" (the order), time and sequence as 16 hex digits each, and the
 * version last. */
#define CURSOR_VERSION '1'
#define CURSOR_BEFORE  '2'
/* "c", place and check, and this. */
#define CURSOR_CHANGE '3'

static bool hex_read(const char *text, int64_t *ret)
{
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) {
        char c = text[i];
        uint64_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint64_t)(c - 'a') + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    memcpy(ret, &value, sizeof value);
    return true;
}

static void format(const struct store_place *place, bool oldest_first,
                   char version, char text[CURSOR_TEXT_BYTES])
{
    (void)snprintf(text, CURSOR_TEXT_BYTES, "%c%016" PRIx64 "%016" PRIx64 "%c",
                   oldest_first ? 'a' : 'd', (uint64_t)place->viewed_at_ms,
                   (uint64_t)place->seq, version);
}

static bool parse(const char *text, char version, struct store_place *ret_place,
                  bool *ret_oldest_first)
{
    struct store_place place;
    if (strlen(text) != CURSOR_TEXT_BYTES - 1 ||
        (text[0] != 'a' && text[0] != 'd') || text[33] != version ||
        !hex_read(text + 1, &place.viewed_at_ms) ||
        !hex_read(text + 17, &place.seq))
        return false;
    *ret_place = place;
    *ret_oldest_first = text[0] == 'a';
    return true;
}

void cursor_format(const struct store_place *place, bool oldest_first,
                   char text[CURSOR_TEXT_BYTES])
{
    format(place, oldest_first, CURSOR_VERSION, text);
}

bool cursor_parse(const char *text, struct store_place *ret_place,
                  bool *ret_oldest_first)
{
    return parse(text, CURSOR_VERSION, ret_place, ret_oldest_first);
}

void cursor_format_before(const struct store_place *place, bool oldest_first,
                          char text[CURSOR_TEXT_BYTES])
{
    format(place, oldest_first, CURSOR_BEFORE, text);
}

bool cursor_parse_before(const char *text, struct store_place *ret_place,
                         bool *ret_oldest_first)
{
    return parse(text, CURSOR_BEFORE, ret_place, ret_oldest_first);
}

void cursor_format_change(int64_t place, uint64_t check,
                          char text[CURSOR_TEXT_BYTES])
{
    (void)snprintf(text, CURSOR_TEXT_BYTES, "c%016" PRIx64 "%016" PRIx64 "%c",
                   (uint64_t)place, check, CURSOR_CHANGE);
}

bool cursor_parse_change(const char *text, int64_t *ret_place,
                         uint64_t *ret_check)
{
    int64_t place;
    int64_t check;
    if (strlen(text) != CURSOR_TEXT_BYTES - 1 || text[0] != 'c' ||
        text[33] != CURSOR_CHANGE || !hex_read(text + 1, &place) ||
        !hex_read(text + 17, &check) || place < 0)
        return false;
    *ret_place = place;
    *ret_check = (uint64_t)check;
    return true;
}
