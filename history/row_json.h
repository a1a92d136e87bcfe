#ifndef FLIXTUBE_HISTORY_ROW_JSON_H
#define FLIXTUBE_HISTORY_ROW_JSON_H

#include "buffer.h"
#include "store.h"

/*
 * A row as the API answers it: {"_id":…,"videoPath":…,…}. `_id` and
 * `videoPath` as the reference names them; what is absent is left out.
 * Room for the longest that the row might become is taken: a limit of the
 * buffer is felt some 6 times its texts earlier.
 */
void row_json_write(struct buffer *buffer, const struct store_row *row);

/* The members, in their order. */
enum row_field {
    ROW_ID = 1 << 0,
    ROW_VIDEO_PATH = 1 << 1,
    ROW_VIDEO = 1 << 2,
    ROW_USER_ID = 1 << 3,
    ROW_VIEWED_AT = 1 << 4,
    ROW_RECEIVED_AT = 1 << 5,
    ROW_POSITION = 1 << 6,
    ROW_DURATION = 1 << 7,
    ROW_SESSION_ID = 1 << 8,
    ROW_RULE = 1 << 9,
    ROW_ID_GIVEN = 1 << 10,
    ROW_TRACEPARENT = 1 << 11,
    ROW_FIELDS_ALL = (1 << 12) - 1,
};

/* The same with these members alone, as far as the row has them. */
void row_json_write_fields(struct buffer *buffer, const struct store_row *row,
                           unsigned fields);

/* 0: no member has that name. */
unsigned row_field_of(const char *name, size_t bytes);
const char *row_field_name(unsigned field); /* of one */

#endif
