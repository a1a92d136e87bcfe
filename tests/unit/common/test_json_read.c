#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_read.h"

#define TEXT(literal)                                                          \
    {                                                                          \
        literal, sizeof(literal) - 1                                           \
    }

struct text {
    const char *text;
    size_t bytes;
};

static const struct text good[] = {
    TEXT("{}"),
    TEXT("[]"),
    TEXT("0"),
    TEXT("-0"),
    TEXT("-0.0e-0"),
    TEXT("1E+2"),
    TEXT("12345678901234567890"),
    TEXT("true"),
    TEXT("false"),
    TEXT("null"),
    TEXT("\"\""),
    TEXT(" \t\r\n[ \t\r\n1 \t\r\n, \t\r\n2 \t\r\n] \t\r\n"),
    TEXT("{ \"a\" : { \"b\" : [ { } , [ ] ] } , \"a\" : 1 }"),
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0001\\u00e9\\uFFFF\\ud83d\\uDE00\""),
    TEXT("\"\x7f\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
};

static const struct text bad[] = {
    TEXT(""),
    TEXT(" "),
    TEXT("\xef\xbb\xbf{}"), /* a BOM */
    TEXT("{}\0"),
    TEXT("{} x"),
    TEXT("{}{}"),
    TEXT("1 2"),
    TEXT("{"),
    TEXT("["),
    TEXT("[1"),
    TEXT("[1,"),
    TEXT("[1,]"),
    TEXT("[,1]"),
    TEXT("[1 2]"),
    TEXT("[1}"),
    TEXT("]"),
    TEXT("}"),
    TEXT("{\"a\"}"),
    TEXT("{\"a\":}"),
    TEXT("{\"a\":1,}"),
    TEXT("{\"a\" 1}"),
    TEXT("{\"a\":1]"),
    TEXT("{a:1}"),
    TEXT("{1:1}"),
    TEXT("{,}"),
    TEXT("{'a':1}"),
    TEXT("//\n1"),
    TEXT("/**/1"),
    TEXT("tru"),
    TEXT("True"),
    TEXT("nulll"),
    TEXT("NaN"),
    TEXT("Infinity"),
    TEXT("-Infinity"),
    TEXT("+1"),
    TEXT("-"),
    TEXT("01"),
    TEXT("-01"),
    TEXT("1."),
    TEXT(".5"),
    TEXT("1.e1"),
    TEXT("1e"),
    TEXT("1e+"),
    TEXT("1e+-1"),
    TEXT("0x10"),
    TEXT("1_000"),
    TEXT("\xc2\xa0\x31"), /* other white space */
    TEXT("\f1"),
    TEXT("\""),
    TEXT("\"abc"),
    TEXT("\"\\\""),
    TEXT("\"\\"),
    TEXT("\"\\x41\""),
    TEXT("\"\\'\""),
    TEXT("\"\\\0\""),
    TEXT("\"\\u\""),
    TEXT("\"\\u12\""),
    TEXT("\"\\u12g4\""),
    TEXT("\"\\u-123\""),
    TEXT("\"\\u0000\""), /* cuts a C string */
    TEXT("\"\\ud83d\""), /* half a pair */
    TEXT("\"\\ude00\""),
    TEXT("\"\\ud83dx\""),
    TEXT("\"\\ud83d\\n\""),
    TEXT("\"\\ud83d\\ud83d\""),
    TEXT("\"\\ud83d\\u0041\""),
    TEXT("\"\n\""),
    TEXT("\"\t\""),
    TEXT("\"\x1f\""),
    TEXT("\"\0\""),
    TEXT("\"\x80\""),
    TEXT("\"\xff\""),
    TEXT("\"\xc0\x80\""),
    TEXT("\"\xc3\""),
    TEXT("\"\xed\xa0\x80\""), /* a surrogate */
    TEXT("\"\xf4\x90\x80\x80\""),
    TEXT("{\"\xff\":1}"),
};

/* In memory of its own size, so that a read past it is seen. */
static enum result check(const struct text *text, struct fault *fault)
{
    char *copy = malloc(text->bytes > 0 ? text->bytes : 1);
    assert_non_null(copy);
    memcpy(copy, text->text, text->bytes);
    enum result result = json_check(copy, text->bytes, fault);
    free(copy);
    return result;
}

static void what_rfc_8259_allows_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct fault fault = {""};
        if (check(&good[i], &fault) != RESULT_OK)
            fail_msg("%s: %s", good[i].text, fault.text);
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fault fault = {""};
        if (check(&bad[i], &fault) != RESULT_MALFORMED)
            fail_msg("%s (row %zu) is taken", bad[i].text, i);
        assert_memory_equal(fault.text, "not JSON: ", 10);
    }
}

static void every_cut_of_an_object_is_refused(void **state)
{
    (void)state;
    const char text[] =
        "{\"a\":[1.5e+3,\"\\u00e9\\ud83d\\ude00 \xc3\xa9\",true,"
        "null],\"b\":{}}";
    for (size_t bytes = 0; bytes < sizeof text - 1; bytes++)
        assert_int_equal(check(&(struct text){text, bytes}, NULL),
                         RESULT_MALFORMED);
    assert_int_equal(check(&(struct text)TEXT(text), NULL), RESULT_OK);
}

static void levels_are_limited(void **state)
{
    (void)state;
    char text[2 * (JSON_DEPTH_MAX + 1)];
    for (size_t depth = 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(check(&(struct text){text, 2 * depth}, NULL),
                         depth <= JSON_DEPTH_MAX ? RESULT_OK
                                                 : RESULT_MALFORMED);
    }
}

static void levels_that_ended_do_not_count(void **state)
{
    (void)state;
    struct text text = TEXT("[{\"a\":[]},{\"a\":[]},{\"a\":[]},{\"a\":[]},{},"
                            "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
                            "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]");
    assert_int_equal(check(&text, NULL), RESULT_OK);
}

static void numbers_are_limited_in_length(void **state)
{
    (void)state;
    char digits[JSON_NUMBER_BYTES_MAX + 1];
    memset(digits, '7', sizeof digits);
    CLEANUP(json_done) cJSON *json = NULL;
    assert_int_equal(json_read(digits, JSON_NUMBER_BYTES_MAX, &json, NULL),
                     RESULT_OK);
    assert_true(json->valuedouble > 1e62);
    assert_int_equal(json_check(digits, sizeof digits, NULL), RESULT_MALFORMED);
}

static void the_fault_names_what_and_where(void **state)
{
    (void)state;
    const struct {
        struct text text;
        const char *fault;
    } rows[] = {
        {TEXT("{\"a\":\"\xff\"}"), "not JSON: invalid UTF-8 at byte 6"},
        {TEXT("[1,]"), "not JSON: a number without digits at byte 3"},
        {TEXT("[1] x"), "not JSON: more after the value at byte 4"},
        {TEXT(""), "not JSON: it is empty"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fault fault = {""};
        assert_int_equal(check(&rows[i].text, &fault), RESULT_MALFORMED);
        assert_string_equal(fault.text, rows[i].fault);
    }
}

static void a_read_text_is_a_tree(void **state)
{
    (void)state;
    CLEANUP(json_done) cJSON *json = NULL;
    const char text[] = "{\"a\":[1,\"b\"]}  ";
    assert_int_equal(json_read(text, sizeof text - 1, &json, NULL), RESULT_OK);
    assert_string_equal(json->child->string, "a");
    assert_string_equal(json->child->child->next->valuestring, "b");
}

static void a_refused_text_leaves_the_tree_alone(void **state)
{
    (void)state;
    cJSON *json = NULL;
    assert_int_equal(json_read("[01]", 4, &json, NULL), RESULT_MALFORMED);
    assert_null(json);
    json_done(&json);
}

static void *no_memory(size_t bytes)
{
    (void)bytes;
    return NULL;
}

static void without_memory_a_text_may_be_tried_again(void **state)
{
    (void)state;
    cJSON *json = NULL;
    cJSON_Hooks none = {no_memory, free};
    cJSON_InitHooks(&none);
    enum result result = json_read("[1]", 3, &json, NULL);
    cJSON_InitHooks(NULL);
    assert_int_equal(result, RESULT_UNAVAILABLE);
    assert_null(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_rfc_8259_allows_is_taken),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(every_cut_of_an_object_is_refused),
        cmocka_unit_test(levels_are_limited),
        cmocka_unit_test(levels_that_ended_do_not_count),
        cmocka_unit_test(numbers_are_limited_in_length),
        cmocka_unit_test(the_fault_names_what_and_where),
        cmocka_unit_test(a_read_text_is_a_tree),
        cmocka_unit_test(a_refused_text_leaves_the_tree_alone),
        cmocka_unit_test(without_memory_a_text_may_be_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
