#include "viewed_message.h"

#include <string.h>

#include "byte_scan.h"
#include "clock.h"
#include "json_pull.h"
#include "json_read.h"
#include "json_write.h"

/* What the fields of the body were read into, and which were there. */
struct decoding {
    struct viewed view;
    unsigned seen; /* a bit a field of the table */
    size_t next;   /* of the table: what probably comes */
    bool body_id;
    struct fault *fault;
};

struct field {
    const char *name;
    enum result (*read)(struct decoding *decoding, const struct field *field,
                        const struct json_value *value);
    size_t offset; /* into struct viewed, for those that several share */
    size_t limit_bytes;
    size_t name_bytes;
};

static enum result wrong(const struct decoding *decoding,
                         const struct field *field, const char *what)
{
    return fault_set(decoding->fault, RESULT_MALFORMED, "%s %s", field->name,
                     what);
}

static void *place_of(struct decoding *decoding, const struct field *field)
{
    return (char *)&decoding->view + field->offset;
}

static bool has_control(const char *text, size_t bytes)
{
    for (size_t i = byte_scan_printable(text, bytes); i < bytes; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return true;
    }
    return false;
}

static enum result read_name(struct decoding *decoding,
                             const struct field *field,
                             const struct json_value *value)
{
    char *place = place_of(decoding, field);
    if (value->kind != JSON_STRING)
        return wrong(decoding, field, "must be a string");
    size_t bytes = json_pull_string(value, place, field->limit_bytes + 1);
    if (bytes == 0)
        return wrong(decoding, field, "is empty");
    if (bytes > field->limit_bytes)
        return fault_set(decoding->fault, RESULT_MALFORMED,
                         "%s has %zu bytes, the limit is %zu", field->name,
                         bytes, field->limit_bytes);
    if (has_control(place, bytes))
        return wrong(decoding, field, "holds a control character");
    return RESULT_OK;
}

/* Texts of a fixed form, which is never longer than this. Empty where it is
 * no string or longer, and that no form of ours takes. */
struct short_text {
    char text[64];
    size_t bytes;
};

static struct short_text short_text_of(const struct json_value *value)
{
    struct short_text text = {.bytes = 0};
    if (value->kind == JSON_STRING)
        text.bytes = json_pull_string(value, text.text, sizeof text.text);
    if (text.bytes >= sizeof text.text)
        text.bytes = 0;
    return text;
}

static enum result read_uuid(struct decoding *decoding,
                             const struct field *field,
                             const struct json_value *value)
{
    struct short_text text = short_text_of(value);
    if (!uuid_parse(text.text, text.bytes, place_of(decoding, field)))
        return wrong(decoding, field, "must be a UUID in 36 characters");
    return RESULT_OK;
}

static enum result read_id(struct decoding *decoding, const struct field *field,
                           const struct json_value *value)
{
    decoding->body_id = true;
    return read_uuid(decoding, field, value);
}

static enum result read_session(struct decoding *decoding,
                                const struct field *field,
                                const struct json_value *value)
{
    decoding->view.session_given = true;
    return read_uuid(decoding, field, value);
}

static enum result read_time(struct decoding *decoding,
                             const struct field *field,
                             const struct json_value *value)
{
    struct short_text text = short_text_of(value);
    if (!clock_parse(text.text, text.bytes, &decoding->view.viewed_at_ms))
        return wrong(decoding, field, "must be an RFC 3339 date and time");
    decoding->view.time_given = true;
    return RESULT_OK;
}

static enum result read_seconds(struct decoding *decoding,
                                const struct field *field,
                                const struct json_value *value)
{
    double seconds = value->kind == JSON_NUMBER ? json_pull_number(value) : -1;
    /* As >= and <= they refuse infinities (1e999) too. */
    if (!(seconds >= 0 && seconds <= VIEWED_SECONDS_MAX))
        return fault_set(decoding->fault, RESULT_MALFORMED,
                         "%s must be a number of seconds from 0 to %d",
                         field->name, VIEWED_SECONDS_MAX);
    int64_t ms = (int64_t)(seconds * 1000 + 0.5);
    memcpy(place_of(decoding, field), &ms, sizeof ms);
    return RESULT_OK;
}

static enum result read_rule(struct decoding *decoding,
                             const struct field *field,
                             const struct json_value *value)
{
    if (value->kind != JSON_STRING)
        return wrong(decoding, field, "must be a string");
    if (value->bytes == 0)
        return wrong(decoding, field, "is empty");
    decoding->view.rule = VIEWED_RULE_OTHER;
    if (json_pull_is(value, "played", 6))
        decoding->view.rule = VIEWED_RULE_PLAYED;
    else if (json_pull_is(value, "bytes", 5))
        decoding->view.rule = VIEWED_RULE_BYTES;
    return RESULT_OK;
}

static enum result read_trace(struct decoding *decoding,
                              const struct field *field,
                              const struct json_value *value)
{
    struct short_text text = short_text_of(value);
    (void)field;
    (void)trace_parent_parse(text.text, text.bytes, &decoding->view.trace);
    return RESULT_OK;
}

static enum result read_video(struct decoding *decoding,
                              const struct field *field,
                              const struct json_value *value);

#define PLACE(member) offsetof(struct viewed, member)

#define NAME(text) .name = (text), .name_bytes = sizeof(text) - 1

static const struct field body_fields[] = {
    {NAME("id"), .read = read_id, .offset = PLACE(id)},
    {NAME("userId"), .read = read_name, .offset = PLACE(user_id),
     .limit_bytes = VIEWED_USER_BYTES_MAX},
    {NAME("video"), .read = read_video},
    {NAME("videoPath"), .read = read_name, .offset = PLACE(video_path),
     .limit_bytes = VIEWED_PATH_BYTES_MAX},
    {NAME("viewedAt"), .read = read_time},
    {NAME("position"), .read = read_seconds, .offset = PLACE(position_ms)},
    {NAME("duration"), .read = read_seconds, .offset = PLACE(duration_ms)},
    {NAME("sessionId"), .read = read_session, .offset = PLACE(session_id)},
    {NAME("rule"), .read = read_rule},
    {NAME("traceparent"), .read = read_trace},
};

static const struct field video_id_field = {
    NAME("video.id"), .read = read_name, .offset = PLACE(video_id),
    .limit_bytes = VIEWED_VIDEO_BYTES_MAX};

/* Only its id is known; what else it holds is passed over. */
static enum result read_video(struct decoding *decoding,
                              const struct field *field,
                              const struct json_value *value)
{
    if (value->kind != JSON_OBJECT)
        return wrong(decoding, field, "must be an object");
    const char *cursor = NULL;
    struct json_member member;
    bool given = false;
    while (json_pull_member(value, &cursor, &member)) {
        if (!json_pull_is(&member.name, "id", 2))
            continue;
        if (given)
            return wrong(decoding, &video_id_field, "is given twice");
        given = true;
        enum result r = read_name(decoding, &video_id_field, &member.value);
        if (r != RESULT_OK)
            return r;
    }
    return given ? RESULT_OK : wrong(decoding, field, "has no id");
}

enum {
    BODY_FIELDS = sizeof body_fields / sizeof body_fields[0],
};

static enum result read_member(struct decoding *decoding,
                               const struct json_member *member)
{
    /* Ours come in the table's order: look first behind the one before. */
    size_t at = decoding->next;
    for (size_t tried = 0; tried < BODY_FIELDS; tried++, at++) {
        if (at == BODY_FIELDS)
            at = 0;
        const struct field *field = &body_fields[at];
        if (!json_pull_is(&member->name, field->name, field->name_bytes))
            continue;
        if ((decoding->seen & 1U << at) != 0)
            return wrong(decoding, field, "is given twice");
        decoding->seen |= 1U << at;
        decoding->next = at + 1 < BODY_FIELDS ? at + 1 : 0;
        return field->read(decoding, field, &member->value);
    }
    return RESULT_OK;
}

static enum result read_body(struct decoding *decoding,
                             const struct json_value *json)
{
    if (json->kind != JSON_OBJECT)
        return fault_set(decoding->fault, RESULT_MALFORMED,
                         "the message must be a JSON object");
    const char *cursor = NULL;
    struct json_member member;
    while (json_pull_member(json, &cursor, &member)) {
        enum result result = read_member(decoding, &member);
        if (result != RESULT_OK)
            return result;
    }
    if (decoding->view.video_id[0] == '\0' &&
        decoding->view.video_path[0] == '\0')
        return fault_set(decoding->fault, RESULT_MALFORMED,
                         "neither video.id nor videoPath is there");
    return RESULT_OK;
}

static enum result settle_id(struct decoding *decoding,
                             const struct viewed_envelope *envelope)
{
    const char *text = envelope->message_id != NULL ? envelope->message_id : "";
    struct uuid outer;
    bool outer_given = uuid_parse(text, strlen(text), &outer);
    struct viewed *view = &decoding->view;
    if (decoding->body_id && outer_given &&
        memcmp(&view->id, &outer, sizeof outer) != 0)
        return fault_set(decoding->fault, RESULT_MALFORMED,
                         "id differs from the message-id %s", text);
    view->id_given = decoding->body_id || outer_given;
    if (!decoding->body_id)
        view->id = outer_given ? outer : uuid_make();
    return RESULT_OK;
}

static enum result settle_time(struct decoding *decoding,
                               const struct viewed_envelope *envelope)
{
    struct viewed *view = &decoding->view;
    if (view->time_given)
        return RESULT_OK;
    int64_t timestamp_s = envelope->timestamp_s;
    if (timestamp_s < 0 || timestamp_s > CLOCK_MAX_MS / 1000)
        return fault_set(decoding->fault, RESULT_MALFORMED,
                         "the timestamp %lld is no number of seconds since "
                         "1970 up to year 9999",
                         (long long)timestamp_s);
    view->time_given = timestamp_s > 0;
    view->viewed_at_ms =
        view->time_given ? timestamp_s * 1000 : envelope->received_ms;
    return RESULT_OK;
}

static void settle_trace(struct decoding *decoding,
                         const struct viewed_envelope *envelope)
{
    const char *text = envelope->traceparent;
    if (!decoding->view.trace.given && text != NULL && text[0] != '\0')
        (void)trace_parent_parse(text, strlen(text), &decoding->view.trace);
}

/* The texts' first bytes do: to clear them whole would cost more than to read
 * a message. */
static void begin(struct decoding *decoding, struct fault *fault)
{
    struct viewed *view = &decoding->view;
    decoding->seen = 0;
    decoding->next = 0;
    decoding->body_id = false;
    decoding->fault = fault;
    view->user_id[0] = '\0';
    view->video_id[0] = '\0';
    view->video_path[0] = '\0';
    view->position_ms = -1;
    view->duration_ms = -1;
    view->time_given = false;
    view->session_given = false;
    memset(&view->session_id, 0, sizeof view->session_id);
    view->rule = VIEWED_RULE_NONE;
    view->trace = (struct trace_parent){.given = false};
}

/* Not what lies behind the texts' ends. */
static void copy_view(const struct viewed *from, struct viewed *to)
{
    to->id = from->id;
    to->id_given = from->id_given;
    to->time_given = from->time_given;
    memcpy(to->user_id, from->user_id, strlen(from->user_id) + 1);
    memcpy(to->video_id, from->video_id, strlen(from->video_id) + 1);
    memcpy(to->video_path, from->video_path, strlen(from->video_path) + 1);
    to->viewed_at_ms = from->viewed_at_ms;
    to->position_ms = from->position_ms;
    to->duration_ms = from->duration_ms;
    to->session_given = from->session_given;
    to->session_id = from->session_id;
    to->rule = from->rule;
    to->trace = from->trace;
}

enum result viewed_decode(const char *body, size_t body_bytes,
                          const struct viewed_envelope *envelope,
                          struct viewed *ret, struct fault *fault)
{
    if (body_bytes > VIEWED_BODY_BYTES_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "the message has %zu bytes, the limit is %d",
                         body_bytes, VIEWED_BODY_BYTES_MAX);
    enum result result = json_check(body, body_bytes, fault);
    if (result != RESULT_OK)
        return result;
    struct json_value json = json_pull_value(body, body_bytes);
    struct decoding decoding;
    begin(&decoding, fault);
    result = read_body(&decoding, &json);
    if (result == RESULT_OK)
        result = settle_time(&decoding, envelope);
    if (result == RESULT_OK)
        result = settle_id(&decoding, envelope);
    if (result != RESULT_OK)
        return result;
    settle_trace(&decoding, envelope);
    copy_view(&decoding.view, ret);
    return RESULT_OK;
}

static void write_uuid_field(struct buffer *buffer, const char *start,
                             const struct uuid *uuid)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(uuid, text);
    buffer_append_text(buffer, start);
    buffer_append(buffer, text, UUID_TEXT_BYTES - 1);
    buffer_append(buffer, "\"", 1);
}

static void write_text_field(struct buffer *buffer, const char *start,
                             const char *text, const char *end)
{
    if (text[0] == '\0')
        return;
    buffer_append_text(buffer, start);
    json_write_text(buffer, text);
    buffer_append_text(buffer, end);
}

static void write_seconds_field(struct buffer *buffer, const char *start,
                                int64_t value_ms)
{
    if (value_ms < 0)
        return;
    buffer_append_text(buffer, start);
    json_write_seconds(buffer, value_ms);
}

void viewed_encode(const struct viewed *viewed, struct buffer *buffer)
{
    char time[CLOCK_TEXT_BYTES];
    char trace[TRACE_PARENT_TEXT_BYTES];
    clock_format(viewed->viewed_at_ms, time);
    trace_parent_format(&viewed->trace, trace);
    write_uuid_field(buffer, "{\"id\":\"", &viewed->id);
    write_text_field(buffer, ",\"userId\":", viewed->user_id, "");
    write_text_field(buffer, ",\"video\":{\"id\":", viewed->video_id, "}");
    write_text_field(buffer, ",\"videoPath\":", viewed->video_path, "");
    write_text_field(buffer, ",\"viewedAt\":", time, "");
    write_seconds_field(buffer, ",\"position\":", viewed->position_ms);
    write_seconds_field(buffer, ",\"duration\":", viewed->duration_ms);
    if (viewed->session_given)
        write_uuid_field(buffer, ",\"sessionId\":\"", &viewed->session_id);
    write_text_field(buffer, ",\"rule\":", viewed_rule_text(viewed->rule), "");
    write_text_field(buffer, ",\"traceparent\":", trace, "");
    buffer_append(buffer, "}", 1);
}

void viewed_encoded_beside(const char *body, size_t body_bytes,
                           struct viewed_beside *ret)
{
    struct json_value json = json_pull_value(body, body_bytes);
    const char *cursor = NULL;
    struct json_member member;
    *ret = (struct viewed_beside){0};
    while (json_pull_member(&json, &cursor, &member)) {
        if (json_pull_is(&member.name, "traceparent", 11))
            (void)json_pull_string(&member.value, ret->trace,
                                   sizeof ret->trace);
        else if (json_pull_is(&member.name, "userId", 6))
            (void)json_pull_string(&member.value, ret->user_id,
                                   sizeof ret->user_id);
    }
}

const char *viewed_rule_text(enum viewed_rule rule)
{
    switch (rule) {
    case VIEWED_RULE_NONE:
        return "";
    case VIEWED_RULE_PLAYED:
        return "played";
    case VIEWED_RULE_BYTES:
        return "bytes";
    case VIEWED_RULE_OTHER:
        return "other";
    }
    return "";
}
