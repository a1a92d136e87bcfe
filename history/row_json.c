#include "row_json.h"

#include "clock.h"
#include "json_write.h"

static void write_id(struct buffer *buffer, const char *name,
                     const struct uuid *id)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    buffer_append_text(buffer, name);
    buffer_append(buffer, text, UUID_TEXT_BYTES - 1);
    buffer_append(buffer, "\"", 1);
}

static void write_text(struct buffer *buffer, const char *name,
                       const char *text, size_t bytes)
{
    buffer_append_text(buffer, name);
    json_write_string(buffer, text, bytes);
}

static void write_time(struct buffer *buffer, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format(ms, text);
    buffer_append_text(buffer, name);
    buffer_append(buffer, text, CLOCK_TEXT_BYTES - 1);
    buffer_append(buffer, "\"", 1);
}

static void write_seconds(struct buffer *buffer, const char *name, int64_t ms)
{
    if (ms < 0)
        return;
    buffer_append_text(buffer, name);
    json_write_seconds(buffer, ms);
}

void row_json_write(struct buffer *buffer, const struct store_row *row)
{
    write_id(buffer, "{\"_id\":\"", &row->id);
    if (row->video_path_bytes > 0)
        write_text(buffer, ",\"videoPath\":", row->video_path,
                   row->video_path_bytes);
    if (row->video_id_bytes > 0) {
        write_text(buffer, ",\"video\":{\"id\":", row->video_id,
                   row->video_id_bytes);
        buffer_append(buffer, "}", 1);
    }
    if (row->user_id_bytes > 0)
        write_text(buffer, ",\"userId\":", row->user_id, row->user_id_bytes);
    write_time(buffer, ",\"viewedAt\":\"", row->place.viewed_at_ms);
    write_time(buffer, ",\"receivedAt\":\"", row->received_ms);
    write_seconds(buffer, ",\"position\":", row->position_ms);
    write_seconds(buffer, ",\"duration\":", row->duration_ms);
    if (row->session_given)
        write_id(buffer, ",\"sessionId\":\"", &row->session_id);
    if (row->rule != VIEWED_RULE_NONE) {
        buffer_append_text(buffer, ",\"rule\":");
        json_write_text(buffer, viewed_rule_text(row->rule));
    }
    if (!row->id_given)
        buffer_append_text(buffer, ",\"idGiven\":false");
    buffer_append(buffer, "}", 1);
}
