#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "json_pull.h"
#include "json_read.h"

/* Checked first, as the contract wants. */
static struct json_value pull(const char *text)
{
    assert_int_equal(json_check(text, strlen(text), NULL), RESULT_OK);
    return json_pull_value(text, strlen(text));
}

static void members_come_in_order_with_their_kinds(void **state)
{
    static const struct {
        const char *name;
        enum json_kind kind;
        const char *text;
    } expected[] = {
        {"a", JSON_STRING, "x"},
        {"b", JSON_NUMBER, "-1.5e3"},
        {"c", JSON_OBJECT, "{\"d\":{}}"},
        {"e", JSON_ARRAY, "[1,{\"f\":\"]}\"}]"},
        {"g", JSON_WORD, "null"},
        {"h", JSON_STRING, ""},
    };
    (void)state;
    struct json_value object =
        pull(" { \"a\" : \"x\" ,\"b\":-1.5e3, \"c\":{\"d\":{}} ,"
             "\"e\":[1,{\"f\":\"]}\"}],\n\"g\":null,\"h\":\"\"} ");
    const char *cursor = NULL;
    struct json_member member;
    size_t count = 0;
    while (json_pull_member(&object, &cursor, &member)) {
        assert_true(json_pull_is(&member.name, expected[count].name,
                                 strlen(expected[count].name)));
        assert_int_equal(member.value.kind, expected[count].kind);
        assert_int_equal(member.value.bytes, strlen(expected[count].text));
        assert_memory_equal(member.value.text, expected[count].text,
                            member.value.bytes);
        count++;
    }
    assert_int_equal(count, sizeof expected / sizeof expected[0]);
}

static void an_empty_object_has_no_members(void **state)
{
    (void)state;
    struct json_value object = pull("{ }");
    const char *cursor = NULL;
    struct json_member member;
    assert_false(json_pull_member(&object, &cursor, &member));
}

static void escapes_mean_what_they_stand_for(void **state)
{
    static const struct {
        const char *json;
        const char *text;
    } rows[] = {
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac"},
        {"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!"},
        {"\"a\\\\\"", "a\\"},
        {"\"\"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_value string = pull(rows[i].json);
        char text[64];
        size_t bytes = json_pull_string(&string, text, sizeof text);
        assert_int_equal(bytes, strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
    }
}

static void a_string_that_does_not_fit_says_its_length(void **state)
{
    (void)state;
    struct json_value string = pull("\"12345\\n789\"");
    char text[9] = "unspoilt";
    char guard = text[8];
    assert_int_equal(json_pull_string(&string, text, 5), 9);
    assert_int_equal(text[8], guard);
    assert_string_equal(text, "");
    char exact[10];
    assert_int_equal(json_pull_string(&string, exact, sizeof exact), 9);
    assert_string_equal(exact, "12345\n789");
}

static void an_escaped_name_is_the_same_name(void **state)
{
    (void)state;
    struct json_value name = pull("\"user\\u0049d\"");
    assert_true(json_pull_is(&name, "userId", 6));
    assert_false(json_pull_is(&name, "userID", 6));
    assert_false(json_pull_is(&name, "user", 4));
}

static void numbers_are_read_as_doubles(void **state)
{
    (void)state;
    struct json_value number = pull("-12.25e1");
    assert_true(json_pull_number(&number) == -122.5);
    number = pull("0");
    assert_true(json_pull_number(&number) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_in_order_with_their_kinds),
        cmocka_unit_test(an_empty_object_has_no_members),
        cmocka_unit_test(escapes_mean_what_they_stand_for),
        cmocka_unit_test(a_string_that_does_not_fit_says_its_length),
        cmocka_unit_test(an_escaped_name_is_the_same_name),
        cmocka_unit_test(numbers_are_read_as_doubles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
