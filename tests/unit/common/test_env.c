#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"

static char folder[] = "/tmp/flixtube-env-XXXXXX";
static char path[sizeof folder + 8];

static int make_folder(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/secret", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static int forget_all(void **state)
{
    (void)state;
    (void)unsetenv("SETTING");
    (void)unsetenv("SETTING_FILE");
    return 0;
}

static void write_secret(const char *text, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(setenv("SETTING_FILE", path, 1), 0);
}

static enum result text_of(const char *fallback, char value[16])
{
    struct fault fault;
    return env_text("SETTING", fallback, value, 16, &fault);
}

static void an_unset_setting_is_its_default(void **state)
{
    (void)state;
    char value[16];
    assert_int_equal(text_of("default", value), RESULT_OK);
    assert_string_equal(value, "default");
    assert_int_equal(text_of(NULL, value), RESULT_NOT_FOUND);
}

static void an_empty_variable_counts_as_unset(void **state)
{
    (void)state;
    char value[16];
    setenv("SETTING", "", 1);
    assert_int_equal(text_of("default", value), RESULT_OK);
    assert_string_equal(value, "default");
}

static void a_variable_goes_before_its_default(void **state)
{
    (void)state;
    char value[16];
    setenv("SETTING", "mine", 1);
    assert_int_equal(text_of("default", value), RESULT_OK);
    assert_string_equal(value, "mine");
}

static void a_value_fits_to_the_last_byte_and_no_further(void **state)
{
    (void)state;
    char value[16];
    setenv("SETTING", "123456789012345", 1);
    assert_int_equal(text_of(NULL, value), RESULT_OK);
    assert_string_equal(value, "123456789012345");
    setenv("SETTING", "1234567890123456", 1);
    assert_int_equal(text_of(NULL, value), RESULT_MALFORMED);
}

static void a_secret_file_loses_one_last_newline(void **state)
{
    (void)state;
    char value[16];
    write_secret("s3cret\n\n", 8);
    assert_int_equal(text_of("default", value), RESULT_OK);
    assert_string_equal(value, "s3cret\n");
    write_secret("s3cret", 6);
    assert_int_equal(text_of("default", value), RESULT_OK);
    assert_string_equal(value, "s3cret");
}

static void a_setting_and_its_file_together_are_refused(void **state)
{
    (void)state;
    char value[16];
    write_secret("s3cret", 6);
    setenv("SETTING", "mine", 1);
    struct fault fault;
    assert_int_equal(env_text("SETTING", NULL, value, sizeof value, &fault),
                     RESULT_MALFORMED);
    assert_non_null(strstr(fault.text, "SETTING_FILE"));
    assert_null(strstr(fault.text, "s3cret"));
}

static void a_secret_that_cannot_be_used_is_an_error_not_a_default(void **state)
{
    (void)state;
    char value[16];
    setenv("SETTING_FILE", "/nowhere/at/all", 1);
    assert_int_equal(text_of("default", value), RESULT_UNAVAILABLE);
    setenv("SETTING_FILE", folder, 1); /* a folder opens, and cannot be read */
    assert_int_equal(text_of("default", value), RESULT_UNAVAILABLE);
    write_secret("", 0);
    assert_int_equal(text_of("default", value), RESULT_MALFORMED);
    write_secret("\n", 1);
    assert_int_equal(text_of("default", value), RESULT_MALFORMED);
    write_secret("a\0b", 3);
    assert_int_equal(text_of("default", value), RESULT_MALFORMED);
}

static void a_secret_is_limited_whatever_the_room(void **state)
{
    (void)state;
    static char text[2 * ENV_VALUE_BYTES_MAX];
    static char value[2 * ENV_VALUE_BYTES_MAX];
    struct fault fault;
    memset(text, 'x', sizeof text);
    text[ENV_VALUE_BYTES_MAX] = '\n';
    write_secret(text, ENV_VALUE_BYTES_MAX + 1);
    assert_int_equal(env_text("SETTING", NULL, value, sizeof value, &fault),
                     RESULT_OK);
    assert_int_equal(strlen(value), ENV_VALUE_BYTES_MAX);
    text[ENV_VALUE_BYTES_MAX] = 'x';
    write_secret(text, sizeof text);
    assert_int_equal(env_text("SETTING", NULL, value, sizeof value, &fault),
                     RESULT_MALFORMED);
}

struct row {
    const char *text;
    enum result result;
    int64_t value;
};

static void whole_numbers_within_the_limits_are_read(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"-10", RESULT_OK, -10},
        {"0", RESULT_OK, 0},
        {"007", RESULT_OK, 7},
        {"100", RESULT_OK, 100},
        {"", RESULT_OK, 50}, /* the default */
        {"101", RESULT_MALFORMED, 0},
        {"-11", RESULT_MALFORMED, 0},
        {"1.5", RESULT_MALFORMED, 0},
        {"1e1", RESULT_MALFORMED, 0},
        {"0x10", RESULT_MALFORMED, 0},
        {" 1", RESULT_MALFORMED, 0},
        {"1 ", RESULT_MALFORMED, 0},
        {"+1", RESULT_MALFORMED, 0},
        {"-", RESULT_MALFORMED, 0},
        {"--1", RESULT_MALFORMED, 0},
        {"ten", RESULT_MALFORMED, 0},
        {"99999999999999999999", RESULT_MALFORMED, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fault fault = {""};
        int64_t value = 42;
        setenv("SETTING", rows[i].text, 1);
        enum result result =
            env_integer("SETTING", 50, -10, 100, &value, &fault);
        if (result != rows[i].result)
            fail_msg("\"%s\" is %s", rows[i].text, result_text(result));
        assert_int_equal(value, result == RESULT_OK ? rows[i].value : 42);
        if (result != RESULT_OK) {
            assert_non_null(strstr(fault.text, "SETTING"));
            assert_non_null(strstr(fault.text, "from -10 to 100"));
        }
    }
}

static void a_number_may_come_from_a_file(void **state)
{
    (void)state;
    struct fault fault;
    int64_t value;
    write_secret("17\n", 3);
    assert_int_equal(env_integer("SETTING", 50, 0, 100, &value, &fault),
                     RESULT_OK);
    assert_int_equal(value, 17);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, forget_all)
    const struct CMUnitTest tests[] = {
        TEST(an_unset_setting_is_its_default),
        TEST(an_empty_variable_counts_as_unset),
        TEST(a_variable_goes_before_its_default),
        TEST(a_value_fits_to_the_last_byte_and_no_further),
        TEST(a_secret_file_loses_one_last_newline),
        TEST(a_setting_and_its_file_together_are_refused),
        TEST(a_secret_that_cannot_be_used_is_an_error_not_a_default),
        TEST(a_secret_is_limited_whatever_the_room),
        TEST(whole_numbers_within_the_limits_are_read),
        TEST(a_number_may_come_from_a_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
