#ifndef FLIXTUBE_HISTORY_IMPORT_ITEMS_H
#define FLIXTUBE_HISTORY_IMPORT_ITEMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"

/*
 * The items of a JSON text of any size, one after the other: the lines of
 * NDJSON, or the elements of the list that the text is, or has in it, as in
 * {"response":{"data":{"data":[…]}}}. That list is the first whose first
 * element is an object, or which is empty. Memory is bounded by the longest
 * item. One thread.
 */
struct import_items;

enum {
    IMPORT_ITEM_BYTES_MAX = 1 << 20, /* real ones have some 2 KiB */
    IMPORT_HEAD_MAX = 64 << 10, /* bytes before the list; a string is one */
    IMPORT_LIST_DEPTH_MAX = 16, /* brackets open around an item */
};

/* Up to `bytes` of the text to `to`; 0 at its end. Errors:
 * RESULT_UNAVAILABLE. */
typedef enum result (*import_read)(void *context, char *to, size_t bytes,
                                   size_t *ret_bytes, struct fault *fault);

struct import_item {
    const char *text; /* until the next call; not NUL-terminated, not checked */
    size_t bytes;
    int64_t number; /* of the line or of the element, from 1 */
};

/* On success the caller owns *ret. Reads nothing yet. Errors:
 * RESULT_UNAVAILABLE. */
enum result import_items_open(import_read read, void *context,
                              struct import_items **ret, struct fault *fault);
void import_items_close(struct import_items *items); /* NULL is fine */

/*
 * The next one. RESULT_NOT_FOUND at the end of the text. RESULT_MALFORMED: it
 * is no such text, an item is over IMPORT_ITEM_BYTES_MAX, or the text ends too
 * early; the fault names the line or the item. Also `read`'s errors.
 */
enum result import_items_next(struct import_items *items,
                              struct import_item *ret, struct fault *fault);

/* "line" or "item". */
const char *import_items_word(const struct import_items *items);

#endif
