#ifndef FLIXTUBE_HISTORY_ROW_CSV_H
#define FLIXTUBE_HISTORY_ROW_CSV_H

#include "row_json.h"

/*
 * A row as a line of RFC 4180, ended by CRLF: the members of row_json.h in
 * their order, `video` being its id; empty where absent. Texts are quoted
 * where they must be, and otherwise as they are.
 */
void row_csv_head(struct buffer *buffer, unsigned fields);
void row_csv_write(struct buffer *buffer, const struct store_row *row,
                   unsigned fields);

#endif
