/* What of PostgreSQL's module needs no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postgres_db.h"

static void an_address_is_told_by_its_scheme(void **state)
{
    (void)state;
    assert_true(postgres_db_takes("postgresql://host/db"));
    assert_true(postgres_db_takes("postgres://host/db"));
    assert_false(postgres_db_takes("history.db"));
    assert_false(postgres_db_takes("/postgresql://host"));
    assert_false(postgres_db_takes("sqlite://host/db"));
    assert_false(postgres_db_takes(""));
}

static void a_password_is_not_shown(void **state)
{
    (void)state;
    const char *const cases[][2] = {
        {"postgresql://me:se:cr@et@host:1/db", "postgresql://me:***@host:1/db"},
        {"postgresql://me@host/db", "postgresql://me@host/db"},
        {"postgresql://host:5432/db", "postgresql://host:5432/db"},
        {"postgresql://host/db?password=secret", "postgresql://host/db?"},
        {"postgresql://host/a:b@c", "postgresql://host/a:b@c"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char shown[128];
        postgres_db_name(cases[i][0], shown, sizeof shown);
        assert_string_equal(shown, cases[i][1]);
    }
}

static void what_is_no_address_is_refused_in_words(void **state)
{
    (void)state;
    struct fault fault = {""};
    struct postgres_db *db = NULL;
    assert_int_equal(
        postgres_db_open("postgresql://host:x:y/%zz", NULL, 1000, &db, &fault),
        RESULT_UNUSABLE);
    assert_string_not_equal(fault.text, "");
}

static void where_nobody_listens_is_said_soon(void **state)
{
    (void)state;
    struct fault fault = {""};
    struct postgres_db *db = NULL;
    assert_int_equal(postgres_db_open("postgresql://me@127.0.0.1:1/db", NULL,
                                      1000, &db, &fault),
                     RESULT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "cannot connect"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_told_by_its_scheme),
        cmocka_unit_test(a_password_is_not_shown),
        cmocka_unit_test(what_is_no_address_is_refused_in_words),
        cmocka_unit_test(where_nobody_listens_is_said_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
