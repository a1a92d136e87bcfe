#ifndef FLIXTUBE_HISTORY_CURSOR_H
#define FLIXTUBE_HISTORY_CURSOR_H

#include <stdbool.h>

#include "store.h"

enum {
    CURSOR_TEXT_BYTES = 35, /* a version, 16 + 16 hex digits, order, NUL */
};

/*
 * A place in a list as clients see it: opaque text that stays good for as
 * long as the store lives, whatever is added or removed meanwhile. Pure.
 */
void cursor_format(const struct store_place *place, bool oldest_first,
                   char text[CURSOR_TEXT_BYTES]);

/* False for anything that cursor_format() did not write. */
bool cursor_parse(const char *text, struct store_place *ret_place,
                  bool *ret_oldest_first);

/* The same for a place that a page is to end before: of `prev`. The one kind
 * is never taken for the other. */
void cursor_format_before(const struct store_place *place, bool oldest_first,
                          char text[CURSOR_TEXT_BYTES]);
bool cursor_parse_before(const char *text, struct store_place *ret_place,
                         bool *ret_oldest_first);

/* The same for a place in the order of change (store_changes.h). */
void cursor_format_change(int64_t place, uint64_t check,
                          char text[CURSOR_TEXT_BYTES]);
bool cursor_parse_change(const char *text, int64_t *ret_place,
                         uint64_t *ret_check);

#endif
