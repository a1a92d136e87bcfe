/*
 * json_check() and viewed_decode(). What is accepted as JSON must be UTF-8,
 * must be read to its end by cJSON, must not hold what a C string cannot, and
 * json_pull must find in it what cJSON finds, member by member, at all depths;
 * what decodes must encode to a message that decodes to the same view.
 */
#include <cjson/cJSON.h>
#include <string.h>

#include "clock.h"
#include "fuzz.h"
#include "json_pull.h"
#include "json_read.h"
#include "utf8.h"
#include "viewed_message.h"

static const struct viewed_envelope envelope = {
    .message_id = "01890a5d-ac96-774b-bcce-b302099a8057",
    .received_ms = INT64_C(1700000000000),
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void check_tree(const cJSON *item, int depth)
{
    FUZZ_HOLDS(depth <= JSON_DEPTH_MAX);
    if (item->string != NULL)
        FUZZ_HOLDS(utf8_is_valid(item->string, strlen(item->string)));
    if (cJSON_IsString(item))
        FUZZ_HOLDS(utf8_is_valid(item->valuestring, strlen(item->valuestring)));
    for (const cJSON *child = item->child; child != NULL; child = child->next)
        check_tree(child, depth + 1);
}

static void check_string(const struct json_value *pulled, const char *expected)
{
    char text[4096];
    size_t bytes = json_pull_string(pulled, text, sizeof text);
    FUZZ_HOLDS(bytes == strlen(expected));
    FUZZ_HOLDS(bytes >= sizeof text || strcmp(text, expected) == 0);
}

static void check_pulled(const struct json_value *pulled, const cJSON *item)
{
    FUZZ_HOLDS((pulled->kind == JSON_STRING) == cJSON_IsString(item));
    FUZZ_HOLDS((pulled->kind == JSON_NUMBER) == cJSON_IsNumber(item));
    FUZZ_HOLDS((pulled->kind == JSON_OBJECT) == cJSON_IsObject(item));
    FUZZ_HOLDS((pulled->kind == JSON_ARRAY) == cJSON_IsArray(item));
    if (pulled->kind == JSON_STRING)
        check_string(pulled, item->valuestring);
    if (pulled->kind == JSON_NUMBER) {
        double number = json_pull_number(pulled);
        FUZZ_HOLDS(memcmp(&number, &item->valuedouble, sizeof number) == 0);
    }
    if (pulled->kind != JSON_OBJECT)
        return;
    const char *cursor = NULL;
    struct json_member member;
    const cJSON *child = item->child;
    while (json_pull_member(pulled, &cursor, &member)) {
        FUZZ_HOLDS(child != NULL);
        check_string(&member.name, child->string);
        check_pulled(&member.value, child);
        child = child->next;
    }
    FUZZ_HOLDS(child == NULL);
}

static void check_json(const char *text, size_t bytes)
{
    if (json_check(text, bytes, NULL) != RESULT_OK)
        return;
    FUZZ_HOLDS(utf8_is_valid(text, bytes));
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, bytes, &end, 0);
    FUZZ_HOLDS(json != NULL);
    while (end < text + bytes && is_space(*end))
        end++;
    FUZZ_HOLDS(end == text + bytes);
    check_tree(json, 0);
    struct json_value pulled = json_pull_value(text, bytes);
    check_pulled(&pulled, json);
    cJSON_Delete(json);
}

static void check_view(const struct viewed *view)
{
    FUZZ_HOLDS(view->video_id[0] != '\0' || view->video_path[0] != '\0');
    FUZZ_HOLDS(utf8_is_valid(view->user_id, strlen(view->user_id)));
    FUZZ_HOLDS(view->viewed_at_ms >= CLOCK_MIN_MS);
    FUZZ_HOLDS(view->viewed_at_ms <= CLOCK_MAX_MS);
    FUZZ_HOLDS(view->position_ms >= -1);
    FUZZ_HOLDS(view->position_ms <= VIEWED_SECONDS_MAX * INT64_C(1000));
}

static void check_again(const struct viewed *view)
{
    struct buffer body = buffer_make(VIEWED_BODY_BYTES_MAX);
    viewed_encode(view, &body);
    FUZZ_HOLDS(!body.failed);
    const struct viewed_envelope bare = {.received_ms = 1};
    struct viewed again;
    FUZZ_HOLDS(viewed_decode(body.data, body.bytes, &bare, &again, NULL) ==
               RESULT_OK);
    buffer_done(&body);
    FUZZ_HOLDS(memcmp(&again.id, &view->id, sizeof again.id) == 0);
    FUZZ_HOLDS(strcmp(again.user_id, view->user_id) == 0);
    FUZZ_HOLDS(strcmp(again.video_id, view->video_id) == 0);
    FUZZ_HOLDS(strcmp(again.video_path, view->video_path) == 0);
    FUZZ_HOLDS(again.viewed_at_ms == view->viewed_at_ms);
    FUZZ_HOLDS(again.position_ms == view->position_ms);
    FUZZ_HOLDS(again.duration_ms == view->duration_ms);
    FUZZ_HOLDS(again.session_given == view->session_given);
    FUZZ_HOLDS(memcmp(&again.session_id, &view->session_id,
                      sizeof again.session_id) == 0);
    FUZZ_HOLDS(again.rule == view->rule);
    FUZZ_HOLDS(again.trace.given == view->trace.given);
    FUZZ_HOLDS(memcmp(again.trace.bytes, view->trace.bytes,
                      sizeof again.trace.bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *text = (const char *)data;
    check_json(text, bytes);
    struct viewed view;
    struct fault fault = {""};
    enum result result = viewed_decode(text, bytes, &envelope, &view, &fault);
    if (result == RESULT_OK) {
        check_view(&view);
        check_again(&view);
    } else {
        FUZZ_HOLDS(result == RESULT_MALFORMED);
        FUZZ_HOLDS(fault.text[0] != '\0');
    }
    return 0;
}
