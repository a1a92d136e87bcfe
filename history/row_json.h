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

#endif
