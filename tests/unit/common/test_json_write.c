#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cleanup.h"
#include "json_read.h"
#include "json_write.h"
#include "utf8.h"

static void assert_written(const struct buffer *buffer, const char *text)
{
    assert_false(buffer->failed);
    assert_int_equal(buffer->bytes, strlen(text));
    assert_memory_equal(buffer->data, text, strlen(text));
}

static void strings_are_escaped_as_rfc_8259_says(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *json;
    } rows[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"\"", "\"\\\"\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
        {"\xc3\xa9 \xf0\x9f\x98\x80", "\"\xc3\xa9 \xf0\x9f\x98\x80\""},
        {"a\xff", "\"a\xef\xbf\xbd\""},
        {"\xc3", "\"\xef\xbf\xbd\""},
        {"\xc3(", "\"\xef\xbf\xbd(\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(buffer_done) struct buffer buffer = buffer_make(100);
        json_write_text(&buffer, rows[i].text);
        assert_written(&buffer, rows[i].json);
    }
}

static void a_nul_in_a_string_is_escaped(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(100);
    json_write_string(&buffer, "a\0b", 3);
    assert_written(&buffer, "\"a\\u0000b\"");
}

/* All pairs of bytes but NUL: what is written is JSON and says the same. */
static void whatever_is_written_reads_back(void **state)
{
    (void)state;
    CLEANUP(buffer_done) struct buffer buffer = buffer_make(100);
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        char text[] = {(char)(pair >> 8), (char)pair, '\0'};
        if (pair >> 8 == 0 || (pair & 0xff) == 0)
            continue;
        buffer_clear(&buffer);
        json_write_text(&buffer, text);
        CLEANUP(json_done) cJSON *json = NULL;
        assert_int_equal(json_read(buffer.data, buffer.bytes, &json, NULL),
                         RESULT_OK);
        if (utf8_is_valid(text, 2))
            assert_string_equal(json->valuestring, text);
    }
}

static void seconds_have_no_trailing_zeros(void **state)
{
    (void)state;
    const struct {
        int64_t ms;
        const char *seconds;
    } rows[] = {
        {0, "0"},
        {1, "0.001"},
        {10, "0.01"},
        {100, "0.1"},
        {1000, "1"},
        {1500, "1.5"},
        {12340, "12.34"},
        {10010, "10.01"},
        {INT64_C(31622400000), "31622400"},
        {-1, "-0.001"},
        {-1500, "-1.5"},
        {INT64_MAX, "9223372036854775.807"},
        {INT64_MIN, "-9223372036854775.808"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(buffer_done) struct buffer buffer = buffer_make(100);
        json_write_seconds(&buffer, rows[i].ms);
        assert_written(&buffer, rows[i].seconds);
    }
}

static void at_its_limit_the_buffer_fails(void **state)
{
    (void)state;
    for (size_t limit = 0; limit < 9; limit++) {
        CLEANUP(buffer_done) struct buffer buffer = buffer_make(limit);
        json_write_text(&buffer, "ab\n\"c"); /* 9 bytes */
        assert_true(buffer.failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped_as_rfc_8259_says),
        cmocka_unit_test(a_nul_in_a_string_is_escaped),
        cmocka_unit_test(whatever_is_written_reads_back),
        cmocka_unit_test(seconds_have_no_trailing_zeros),
        cmocka_unit_test(at_its_limit_the_buffer_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
