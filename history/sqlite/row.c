#include <string.h>

#include "sqlite_parts.h"

static const char *column_text(sqlite3_stmt *statement, int column,
                               size_t *ret_bytes)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    *ret_bytes = (size_t)sqlite3_column_bytes(statement, column);
    return text == NULL ? "" : text;
}

static bool column_uuid(sqlite3_stmt *statement, int column, struct uuid *ret)
{
    const void *blob = sqlite3_column_blob(statement, column);
    if (blob == NULL ||
        sqlite3_column_bytes(statement, column) != (int)sizeof ret->bytes)
        return false;
    memcpy(ret->bytes, blob, sizeof ret->bytes);
    return true;
}

static int64_t column_or_absent(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? -1
               : sqlite3_column_int64(statement, column);
}

static enum viewed_rule column_rule(sqlite3_stmt *statement, int column)
{
    switch (sqlite3_column_int64(statement, column)) {
    case VIEWED_RULE_NONE:
        return VIEWED_RULE_NONE;
    case VIEWED_RULE_PLAYED:
        return VIEWED_RULE_PLAYED;
    case VIEWED_RULE_BYTES:
        return VIEWED_RULE_BYTES;
    default:
        return VIEWED_RULE_OTHER;
    }
}

static struct trace_parent column_trace(sqlite3_stmt *statement, int column)
{
    const void *blob = sqlite3_column_blob(statement, column);
    if (blob == NULL)
        return (struct trace_parent){.given = false};
    return trace_parent_of_bytes(
        blob, (size_t)sqlite3_column_bytes(statement, column));
}

void sqlite_store_row_read(sqlite3_stmt *statement, struct store_row *ret)
{
    struct store_row row = {0};
    int64_t flags = sqlite3_column_int64(statement, 3);
    row.place.seq = sqlite3_column_int64(statement, 0);
    row.place.viewed_at_ms = sqlite3_column_int64(statement, 1);
    (void)column_uuid(statement, 2, &row.id); /* the table checks its length */
    row.id_given = (flags & STORE_FLAG_ID_GIVEN) != 0;
    row.time_given = (flags & STORE_FLAG_TIME_GIVEN) != 0;
    row.user_id = column_text(statement, 4, &row.user_id_bytes);
    row.video_id = column_text(statement, 5, &row.video_id_bytes);
    row.video_path = column_text(statement, 6, &row.video_path_bytes);
    row.received_ms = sqlite3_column_int64(statement, 7);
    row.position_ms = column_or_absent(statement, 8);
    row.duration_ms = column_or_absent(statement, 9);
    row.session_given = column_uuid(statement, 10, &row.session_id);
    row.rule = column_rule(statement, 11);
    row.trace = column_trace(statement, 12);
    *ret = row;
}
