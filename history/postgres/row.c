#include "postgres_parts.h"

static int64_t integer_or_absent(const struct postgres_rows *rows, int row,
                                 int column)
{
    return postgres_is_null(rows, row, column)
               ? -1
               : postgres_integer_at(rows, row, column);
}

/* A hand may have written any number. */
static enum viewed_rule rule_at(const struct postgres_rows *rows, int row,
                                int column)
{
    int64_t rule = postgres_integer_at(rows, row, column);
    return rule >= VIEWED_RULE_NONE && rule <= VIEWED_RULE_OTHER
               ? (enum viewed_rule)rule
               : VIEWED_RULE_OTHER;
}

void postgres_row_read(const struct postgres_rows *rows, int row,
                       struct store_row *ret)
{
    struct store_row read = {
        .place.seq = postgres_integer_at(rows, row, 0),
        .place.viewed_at_ms = postgres_integer_at(rows, row, 1),
    };
    int64_t flags = postgres_integer_at(rows, row, 3);
    size_t trace_bytes;
    (void)postgres_uuid_at(rows, row, 2, &read.id);
    read.id_given = (flags & POSTGRES_FLAG_ID_GIVEN) != 0;
    read.time_given = (flags & POSTGRES_FLAG_TIME_GIVEN) != 0;
    read.user_id = postgres_text_at(rows, row, 4, &read.user_id_bytes);
    read.video_id = postgres_text_at(rows, row, 5, &read.video_id_bytes);
    read.video_path = postgres_text_at(rows, row, 6, &read.video_path_bytes);
    read.received_ms = postgres_integer_at(rows, row, 7);
    read.position_ms = integer_or_absent(rows, row, 8);
    read.duration_ms = integer_or_absent(rows, row, 9);
    read.session_given = postgres_uuid_at(rows, row, 10, &read.session_id);
    read.rule = rule_at(rows, row, 11);
    const char *trace = postgres_text_at(rows, row, 12, &trace_bytes);
    read.trace = trace_parent_of_bytes(trace, trace_bytes);
    *ret = read;
}
