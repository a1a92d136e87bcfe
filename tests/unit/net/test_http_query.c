#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_query.h"

static enum result parse(const char *raw, struct http_query *query,
                         struct fault *fault)
{
    *query = (struct http_query){0};
    return http_query_parse(raw, query, fault);
}

static void assert_value(const char *raw, const char *name, const char *value)
{
    struct http_query query;
    struct fault fault = {0};
    if (parse(raw, &query, &fault) != RESULT_OK)
        fail_msg("%s: %s", raw, fault.text);
    const char *got = http_query_get(&query, name);
    if (value == NULL)
        assert_null(got);
    else
        assert_string_equal(got, value);
    http_query_done(&query);
}

static void assert_refused(const char *raw)
{
    struct http_query query;
    struct fault fault = {0};
    if (parse(raw, &query, &fault) != RESULT_MALFORMED)
        fail_msg("taken: %s", raw);
    assert_int_not_equal(fault.text[0], '\0');
    http_query_done(&query);
}

static void a_value_is_decoded_once(void **state)
{
    (void)state;
    assert_value("a=1", "a", "1");
    assert_value("a=1&b=2", "b", "2");
    assert_value("a=one+two", "a", "one two");
    assert_value("a=one%2Btwo", "a", "one+two");
    assert_value("a=%2541", "a", "%41");
    assert_value("a=%c3%A9", "a", "\xc3\xa9");
    assert_value("%61=x", "a", "x");
    assert_value("a=b=c", "a", "b=c");
    assert_value("a=%26%3D", "a", "&=");
}

static void empty_pieces_names_and_values_are_what_they_are(void **state)
{
    (void)state;
    assert_value("", "a", NULL);
    assert_value("&&&", "a", NULL);
    assert_value("a", "a", "");
    assert_value("a=", "a", "");
    assert_value("=x", "", "x");
    assert_value("&a=1&&b=2&", "b", "2");
    assert_value("A=1", "a", NULL);
}

static void what_is_not_encoded_text_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "a=%",         "a=%4",           "a=%zz", "a=%-1", "a=%00",  "a=%0a",
        "a=\x01",      "a=%7f",          "a=%ff", "a=%c3", "a=\xc3", "a=%c0%af",
        "a=%ed%a0%80", "a=%f5%80%80%80", "%=1",   "%00=1", "%ff",    "a=1&b=%"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_refused(cases[i]);
}

static void a_name_given_twice_is_refused(void **state)
{
    (void)state;
    assert_refused("a=1&a=1");
    assert_refused("a&b&a");
    assert_refused("a=1&%61=2");
    assert_refused("=1&=2");
}

static void at_the_limits_it_is_taken_and_beyond_refused(void **state)
{
    (void)state;
    char raw[HTTP_PARAMETER_BYTES_MAX * 3 + 100];
    char value[HTTP_PARAMETER_BYTES_MAX + 2];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    (void)snprintf(raw, sizeof raw, "a=%s", value);
    assert_refused(raw);
    value[HTTP_PARAMETER_BYTES_MAX] = '\0';
    (void)snprintf(raw, sizeof raw, "a=%s", value);
    assert_value(raw, "a", value);
    /* Decoded bytes are what counts. */
    size_t at = (size_t)snprintf(raw, sizeof raw, "a=");
    for (int i = 0; i < HTTP_PARAMETER_BYTES_MAX; i++)
        at += (size_t)snprintf(raw + at, sizeof raw - at, "%%78");
    assert_value(raw, "a", value);

    at = 0;
    for (int i = 0; i < HTTP_PARAMETERS_MAX; i++)
        at += (size_t)snprintf(raw + at, sizeof raw - at, "p%d&", i);
    assert_value(raw, "p15", "");
    (void)snprintf(raw + at, sizeof raw - at, "p%d", HTTP_PARAMETERS_MAX);
    assert_refused(raw);
}

static void a_segment_is_decoded_strictly(void **state)
{
    (void)state;
    char text[8];
    struct fault fault = {0};
    assert_int_equal(http_segment_decode("a%20+", 5, text, sizeof text, &fault),
                     RESULT_OK);
    assert_string_equal(text, "a +");
    static const char *const cases[] = {"a%2Fb", "a%2fb", "a/b",     "%00",
                                        "%",     "%e9",   "12345678"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(http_segment_decode(cases[i], strlen(cases[i]), text,
                                             sizeof text, &fault),
                         RESULT_MALFORMED);
    assert_int_equal(
        http_segment_decode("1234567", 7, text, sizeof text, &fault),
        RESULT_OK);
}

static void what_is_encoded_decodes_to_itself(void **state)
{
    (void)state;
    char text[256];
    for (int c = 0x20; c < 0x7f; c++)
        text[c - 0x20] = (char)c;
    (void)strcpy(text + 0x7f - 0x20, "\xc3\xa9\xe2\x82\xac");
    struct buffer raw = buffer_make(2048);
    buffer_append_text(&raw, "a=");
    http_query_encode(&raw, text);
    buffer_append(&raw, "", 1);
    assert_false(raw.failed);
    assert_value(raw.data, "a", text);
    assert_null(strpbrk(raw.data + 2, " +&=/?#\"<>"));
    buffer_done(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_decoded_once),
        cmocka_unit_test(empty_pieces_names_and_values_are_what_they_are),
        cmocka_unit_test(what_is_not_encoded_text_is_refused),
        cmocka_unit_test(a_name_given_twice_is_refused),
        cmocka_unit_test(at_the_limits_it_is_taken_and_beyond_refused),
        cmocka_unit_test(a_segment_is_decoded_strictly),
        cmocka_unit_test(what_is_encoded_decodes_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
