#include "viewed_message.h"

#include <string.h>

#include "clock.h"
#include "json_pull.h"
#include "json_read.h"
#include "json_write.h"

/* What the fields of the body were read into, and which were there. */
struct decoding {
    struct viewed view;
    unsigned seen; /* a bit a field of the table */
    bool body_id;
    struct fault *fault;
};

struct field {
    const char *name;
    enum result (*read)(struct decoding *decoding, const struct field *field,
                        const struct json_value *value);
    size_t offset; /* into struct viewed, for those that several share */
    size_t limit_bytes;
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
    for (size_t i = 0; i < bytes; i++) {
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
    if (json_pull_is(value, "played"))
        decoding->view.rule = VIEWED_RULE_PLAYED;
    else if (json_pull_is(value, "bytes"))
        decoding->view.rule = VIEWED_RULE_BYTES;
    return RESULT_OK;
}

static enum result read_video(struct decoding *decoding,
                              const struct field *field,
                              const struct json_value *value);

#define PLACE(member) offsetof(struct viewed, member)

static const struct field body_fields[] = {
    {"id", read_id, PLACE(id), 0},
    {"userId", read_name, PLACE(user_id), VIEWED_USER_BYTES_MAX},
    {"video", read_video, 0, 0},
    {"videoPath", read_name, PLACE(video_path), VIEWED_PATH_BYTES_MAX},
    {"viewedAt", read_time, 0, 0},
    {"position", read_seconds, PLACE(position_ms), 0},
    {"duration", read_seconds, PLACE(duration_ms), 0},
    {"sessionId", read_session, PLACE(session_id), 0},
    {"rule", read_rule, 0, 0},
};

static const struct field video_id_field = {
    "video.id", read_name, PLACE(video_id), VIEWED_VIDEO_BYTES_MAX};

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
        if (!json_pull_is(&member.name, "id"))
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

static enum result read_member(struct decoding *decoding,
                               const struct json_member *member)
{
    for (size_t i = 0; i < sizeof body_fields / sizeof body_fields[0]; i++) {
        const struct field *field = &body_fields[i];
        if (!json_pull_is(&member->name, field->name))
            continue;
        if ((decoding->seen & 1U << i) != 0)
            return wrong(decoding, field, "is given twice");
        decoding->seen |= 1U << i;
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
    struct decoding decoding = {.view = {.position_ms = -1, .duration_ms = -1},
                                .fault = fault};
    result = read_body(&decoding, &json);
    if (result == RESULT_OK)
        result = settle_time(&decoding, envelope);
    if (result == RESULT_OK)
        result = settle_id(&decoding, envelope);
    if (result == RESULT_OK)
        *ret = decoding.view;
    return result;
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
    clock_format(viewed->viewed_at_ms, time);
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
    buffer_append(buffer, "}", 1);
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
