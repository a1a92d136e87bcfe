#include "row_csv.h"

#include <string.h>

#include "clock.h"
#include "json_write.h"

void row_csv_head(struct buffer *buffer, unsigned fields)
{
    const char *between = "";
    for (unsigned field = 1; field < ROW_FIELDS_ALL; field <<= 1) {
        if ((fields & field) == 0)
            continue;
        buffer_append_text(buffer, between);
        buffer_append_text(buffer, row_field_name(field));
        between = ",";
    }
    buffer_append_text(buffer, "\r\n");
}

static void write_text(struct buffer *buffer, const char *text, size_t bytes)
{
    bool plain = true;
    for (size_t i = 0; i < bytes && plain; i++)
        plain = strchr("\",\r\n", text[i]) == NULL;
    if (plain) {
        buffer_append(buffer, text, bytes);
        return;
    }
    buffer_append_text(buffer, "\"");
    for (size_t i = 0; i < bytes; i++)
        buffer_append(buffer, text[i] == '"' ? "\"\"" : &text[i],
                      text[i] == '"' ? 2 : 1);
    buffer_append_text(buffer, "\"");
}

static void write_id(struct buffer *buffer, const struct uuid *id)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    buffer_append(buffer, text, sizeof text - 1);
}

static void write_time(struct buffer *buffer, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format(ms, text);
    buffer_append(buffer, text, sizeof text - 1);
}

static void write_seconds(struct buffer *buffer, int64_t ms)
{
    if (ms >= 0)
        json_write_seconds(buffer, ms);
}

static void write_trace(struct buffer *buffer, const struct trace_parent *trace)
{
    char text[TRACE_PARENT_TEXT_BYTES];
    trace_parent_format(trace, text);
    buffer_append_text(buffer, text);
}

static void write_field(struct buffer *buffer, const struct store_row *row,
                        enum row_field field)
{
    switch (field) {
    case ROW_ID:
        write_id(buffer, &row->id);
        break;
    case ROW_VIDEO_PATH:
        write_text(buffer, row->video_path, row->video_path_bytes);
        break;
    case ROW_VIDEO:
        write_text(buffer, row->video_id, row->video_id_bytes);
        break;
    case ROW_USER_ID:
        write_text(buffer, row->user_id, row->user_id_bytes);
        break;
    case ROW_VIEWED_AT:
        write_time(buffer, row->place.viewed_at_ms);
        break;
    case ROW_RECEIVED_AT:
        write_time(buffer, row->received_ms);
        break;
    case ROW_POSITION:
        write_seconds(buffer, row->position_ms);
        break;
    case ROW_DURATION:
        write_seconds(buffer, row->duration_ms);
        break;
    case ROW_SESSION_ID:
        if (row->session_given)
            write_id(buffer, &row->session_id);
        break;
    case ROW_RULE:
        if (row->rule != VIEWED_RULE_NONE)
            buffer_append_text(buffer, viewed_rule_text(row->rule));
        break;
    case ROW_ID_GIVEN:
        buffer_append_text(buffer, row->id_given ? "" : "false");
        break;
    case ROW_TRACEPARENT:
        write_trace(buffer, &row->trace);
        break;
    case ROW_FIELDS_ALL:
        break;
    }
}

void row_csv_write(struct buffer *buffer, const struct store_row *row,
                   unsigned fields)
{
    bool begun = false;
    for (unsigned field = 1; field < ROW_FIELDS_ALL; field <<= 1) {
        if ((fields & field) == 0)
            continue;
        if (begun)
            buffer_append(buffer, ",", 1);
        begun = true;
        write_field(buffer, row, (enum row_field)field);
    }
    buffer_append(buffer, "\r\n", 2);
}
