#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cleanup.h"
#include "json_read.h"
#include "row_json.h"

static void assert_written(const struct store_row *row, const char *wanted)
{
    CLEANUP(buffer_done) struct buffer text = buffer_make(16 * 1024);
    row_json_write(&text, row);
    assert_false(text.failed);
    buffer_append(&text, "", 1);
    assert_string_equal(text.data, wanted);
    cJSON *json = NULL;
    assert_int_equal(json_read(text.data, text.bytes - 1, &json, NULL),
                     RESULT_OK);
    cJSON_Delete(json);
}

#define TRACE "00-4b000000000000000000000000000000-f000000000000000-00"

static struct store_row full_row(void)
{
    return (struct store_row){
        .place = {.viewed_at_ms = INT64_C(1767225600123), .seq = 1},
        .id = {{0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0xbc, 0xce,
                0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57}},
        .id_given = true,
        .time_given = true,
        .user_id = "u",
        .user_id_bytes = 1,
        .video_id = "a.mp4",
        .video_id_bytes = 5,
        .video_path = "./videos/a.mp4",
        .video_path_bytes = 14,
        .received_ms = INT64_C(1767225600999),
        .position_ms = 12500,
        .duration_ms = 30000,
        .session_given = true,
        .session_id = {{0xff}},
        .rule = VIEWED_RULE_PLAYED,
        .trace = {.given = true, .bytes = {[0] = 0x4b, [16] = 0xf0}}};
}

static void all_that_is_there_is_written(void **state)
{
    (void)state;
    struct store_row row = full_row();
    assert_written(&row,
                   "{\"_id\":\"01890a5d-ac96-774b-bcce-b302099a8057\","
                   "\"videoPath\":\"./videos/a.mp4\","
                   "\"video\":{\"id\":\"a.mp4\"},\"userId\":\"u\","
                   "\"viewedAt\":\"2026-01-01T00:00:00.123Z\","
                   "\"receivedAt\":\"2026-01-01T00:00:00.999Z\","
                   "\"position\":12.5,\"duration\":30,"
                   "\"sessionId\":\"ff000000-0000-0000-0000-000000000000\","
                   "\"rule\":\"played\",\"traceparent\":\"" TRACE "\"}");
}

static void what_is_absent_is_left_out(void **state)
{
    (void)state;
    struct store_row row = full_row();
    row.id_given = false;
    row.user_id = row.video_id = "";
    row.user_id_bytes = row.video_id_bytes = 0;
    row.position_ms = row.duration_ms = -1;
    row.session_given = false;
    row.rule = VIEWED_RULE_NONE;
    row.trace.given = false;
    assert_written(&row, "{\"_id\":\"01890a5d-ac96-774b-bcce-b302099a8057\","
                         "\"videoPath\":\"./videos/a.mp4\","
                         "\"viewedAt\":\"2026-01-01T00:00:00.123Z\","
                         "\"receivedAt\":\"2026-01-01T00:00:00.999Z\","
                         "\"idGiven\":false}");
    row = full_row();
    row.video_path = "";
    row.video_path_bytes = 0;
    row.position_ms = 0;
    row.rule = VIEWED_RULE_OTHER;
    assert_written(&row,
                   "{\"_id\":\"01890a5d-ac96-774b-bcce-b302099a8057\","
                   "\"video\":{\"id\":\"a.mp4\"},\"userId\":\"u\","
                   "\"viewedAt\":\"2026-01-01T00:00:00.123Z\","
                   "\"receivedAt\":\"2026-01-01T00:00:00.999Z\","
                   "\"position\":0,\"duration\":30,"
                   "\"sessionId\":\"ff000000-0000-0000-0000-000000000000\","
                   "\"rule\":\"other\",\"traceparent\":\"" TRACE "\"}");
}

/* The texts are not NUL-terminated where the store holds them. */
static void texts_are_escaped_and_end_where_they_say(void **state)
{
    (void)state;
    struct store_row row = full_row();
    row.user_id = "a\"b\\c</script>\xc3\xa9XXX";
    row.user_id_bytes = strlen(row.user_id) - 3;
    CLEANUP(buffer_done) struct buffer text = buffer_make(16 * 1024);
    row_json_write(&text, &row);
    cJSON *json = NULL;
    assert_int_equal(json_read(text.data, text.bytes, &json, NULL), RESULT_OK);
    assert_string_equal(
        cJSON_GetObjectItemCaseSensitive(json, "userId")->valuestring,
        "a\"b\\c</script>\xc3\xa9");
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_there_is_written),
        cmocka_unit_test(what_is_absent_is_left_out),
        cmocka_unit_test(texts_are_escaped_and_end_where_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
