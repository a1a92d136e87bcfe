#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "list_options.h"

static const char *nothing(const void *context, const char *name)
{
    (void)context;
    (void)name;
    return NULL;
}

static enum list_format accepted(const char *accept)
{
    struct list_options options;
    struct fault fault;
    assert_int_equal(list_options_read(nothing, NULL, accept, &options, &fault),
                     RESULT_OK);
    assert_int_equal(options.fields, ROW_FIELDS_ALL);
    return options.format;
}

static void what_the_client_likes_best_is_chosen(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum list_format format;
    } cases[] = {
        {NULL, LIST_JSON},
        {"", LIST_JSON},
        {"text/csv", LIST_CSV},
        {"TEXT/CSV", LIST_CSV},
        {"text/csv;header=present", LIST_CSV},
        {"application/x-ndjson", LIST_NDJSON},
        {"application/json, text/csv", LIST_JSON},
        {"application/json;q=0.5, text/csv", LIST_CSV},
        {"text/csv;q=0.2,application/x-ndjson; q=0.9,*/*;q=0.1", LIST_NDJSON},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
         LIST_JSON},
        {"text/csv;q=0", LIST_JSON},
        {"text/csv;", LIST_CSV},
        {",,;,text/csv", LIST_CSV},
        {"text/csvx, ;q=1", LIST_JSON},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (accepted(cases[i].accept) != cases[i].format)
            fail_msg("%s", cases[i].accept);
}

static void a_field_s_name_is_found_and_told(void **state)
{
    (void)state;
    assert_int_equal(row_field_of("_id", 3), ROW_ID);
    assert_int_equal(row_field_of("idGiven", 7), ROW_ID_GIVEN);
    assert_int_equal(row_field_of("_id", 2), 0);
    assert_int_equal(row_field_of("", 0), 0);
    for (unsigned field = 1; field < ROW_FIELDS_ALL; field <<= 1) {
        const char *name = row_field_name(field);
        size_t bytes = 0;
        while (name[bytes] != '\0')
            bytes++;
        assert_int_equal(row_field_of(name, bytes), field);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_client_likes_best_is_chosen),
        cmocka_unit_test(a_field_s_name_is_found_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
