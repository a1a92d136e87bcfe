#include "row_json.h"

#include <string.h>

#include "clock.h"
#include "json_write.h"

enum {
    /* All of a row but its texts and its seconds: names, two ids, two times,
     * the rule, the trace. Some 430 bytes. */
    FIXED_BYTES_MAX = 512,
};

static char *put(char *to, const char *text, size_t bytes)
{
    memcpy(to, text, bytes);
    return to + bytes;
}

#define PUT(to, literal) put((to), (literal), sizeof(literal) - 1)

/* They end what they write with a NUL, which the next one takes away. */
static char *put_id(char *to, const struct uuid *id)
{
    uuid_format(id, to);
    return PUT(to + UUID_TEXT_BYTES - 1, "\"");
}

static char *put_time(char *to, int64_t ms)
{
    clock_format(ms, to);
    return PUT(to + CLOCK_TEXT_BYTES - 1, "\"");
}

static char *put_trace(char *to, const struct trace_parent *trace)
{
    trace_parent_format(trace, to);
    return PUT(to + TRACE_PARENT_TEXT_BYTES - 1, "\"");
}

static char *put_names(char *to, const struct store_row *row, unsigned fields)
{
    if (row->video_path_bytes > 0 && (fields & ROW_VIDEO_PATH) != 0)
        to = json_put_string(PUT(to, ",\"videoPath\":"), row->video_path,
                             row->video_path_bytes);
    if (row->video_id_bytes > 0 && (fields & ROW_VIDEO) != 0) {
        to = json_put_string(PUT(to, ",\"video\":{\"id\":"), row->video_id,
                             row->video_id_bytes);
        to = PUT(to, "}");
    }
    if (row->user_id_bytes > 0 && (fields & ROW_USER_ID) != 0)
        to = json_put_string(PUT(to, ",\"userId\":"), row->user_id,
                             row->user_id_bytes);
    return to;
}

static char *put_times(char *to, const struct store_row *row, unsigned fields)
{
    if ((fields & ROW_VIEWED_AT) != 0)
        to = put_time(PUT(to, ",\"viewedAt\":\""), row->place.viewed_at_ms);
    if ((fields & ROW_RECEIVED_AT) != 0)
        to = put_time(PUT(to, ",\"receivedAt\":\""), row->received_ms);
    return to;
}

static char *put_rest(char *to, const struct store_row *row, unsigned fields)
{
    if (row->position_ms >= 0 && (fields & ROW_POSITION) != 0)
        to = json_put_seconds(PUT(to, ",\"position\":"), row->position_ms);
    if (row->duration_ms >= 0 && (fields & ROW_DURATION) != 0)
        to = json_put_seconds(PUT(to, ",\"duration\":"), row->duration_ms);
    if (row->session_given && (fields & ROW_SESSION_ID) != 0)
        to = put_id(PUT(to, ",\"sessionId\":\""), &row->session_id);
    if (row->rule != VIEWED_RULE_NONE && (fields & ROW_RULE) != 0) {
        const char *rule = viewed_rule_text(row->rule);
        to = json_put_string(PUT(to, ",\"rule\":"), rule, strlen(rule));
    }
    if (!row->id_given && (fields & ROW_ID_GIVEN) != 0)
        to = PUT(to, ",\"idGiven\":false");
    if (row->trace.given && (fields & ROW_TRACEPARENT) != 0)
        to = put_trace(PUT(to, ",\"traceparent\":\""), &row->trace);
    return to;
}

void row_json_write_fields(struct buffer *buffer, const struct store_row *row,
                           unsigned fields)
{
    size_t texts =
        row->video_path_bytes + row->video_id_bytes + row->user_id_bytes;
    char *first =
        buffer_reserve(buffer, FIXED_BYTES_MAX + JSON_ESCAPE_BYTES_MAX * texts);
    if (first == NULL)
        return;
    /* Each member begins with a comma, which the first has no use for. */
    char *to = first;
    if ((fields & ROW_ID) != 0)
        to = put_id(PUT(to, ",\"_id\":\""), &row->id);
    to = put_names(to, row, fields);
    to = put_times(to, row, fields);
    to = put_rest(to, row, fields);
    if (to == first)
        to++;
    *first = '{';
    to = PUT(to, "}");
    buffer_advance(buffer, (size_t)(to - first));
}

void row_json_write(struct buffer *buffer, const struct store_row *row)
{
    row_json_write_fields(buffer, row, ROW_FIELDS_ALL);
}

static const char *const names[] = {
    "_id",      "videoPath", "video",     "userId", "viewedAt", "receivedAt",
    "position", "duration",  "sessionId", "rule",   "idGiven",  "traceparent",
};

unsigned row_field_of(const char *name, size_t bytes)
{
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == bytes && memcmp(names[i], name, bytes) == 0)
            return 1U << i;
    return 0;
}

const char *row_field_name(unsigned field)
{
    unsigned at = 0;
    while (field >> at > 1)
        at++;
    return names[at];
}
