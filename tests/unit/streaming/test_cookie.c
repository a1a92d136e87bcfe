#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cookie.h"

#define A "01890a5d-ac96-774b-bcce-b302099a8057"
#define B "01890a5d-ac96-774b-bcce-b302099a8058"

static void a_viewer_is_found_among_other_cookies(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        const char *expected; /* NULL: absent */
    } rows[] = {
        {NULL, NULL},
        {"", NULL},
        {"viewer=" A, A},
        {" viewer=" A "\t", A},
        {"theme=dark; viewer=" A "; lang=en", A},
        {"theme=dark;viewer=" A ";lang=en", A},
        {"viewer=\"" A "\"", A},
        {"viewer=01890A5D-AC96-774B-BCCE-B302099A8057", A},
        {"viewer=" A "; viewer=" B, A}, /* the first: the closest path's */

        /* malformed is absent */
        {"viewer=", NULL},
        {"viewer", NULL},
        {"viewer=x" A, NULL},
        {"viewer=" A "x", NULL},
        {"viewer=\"" A, NULL},
        {"viewer=" A "\"", NULL},
        {"viewer= " A, NULL},
        {"viewer =" A, NULL},
        {"viewer=01890a5d-ac96-774b-bcce-b302099a805", NULL},
        {"viewer=01890a5dxac96-774b-bcce-b302099a8057", NULL},
        {"viewer=none; viewer=" B, B},

        /* other names */
        {"Viewer=" A, NULL},
        {"viewers=" A, NULL},
        {"aviewer=" A, NULL},
        {"x=viewer=" A, NULL},
        {"x=\"viewer=" A "\"", NULL},

        /* others' mistakes cost us nothing */
        {"=; ;;a b=c; q=\xc3\xa4; =x; viewer=" A ";", A},
        {"json={\"a\":1,\"b\":2}; viewer=" A, A},
        {"viewer=" A "; broken", A},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct uuid uuid = {{42}};
        bool found = cookie_viewer(rows[i].header, &uuid);
        if (found != (rows[i].expected != NULL))
            fail_msg("\"%s\": %d", rows[i].header, found);
        if (!found) {
            assert_int_equal(uuid.bytes[0], 42);
            continue;
        }
        char text[UUID_TEXT_BYTES];
        uuid_format(&uuid, text);
        assert_string_equal(text, rows[i].expected);
    }
}

static void every_well_formed_pair_comes_in_order(void **state)
{
    (void)state;
    static const char *const expected[] = {"a=1", "b=", "c=x=y", "d=", "a=2"};
    const char *cursor = "a=1; b=; bad; c=x=y; =e; d=\"\"; f=\\; g=1 2; a=2";
    struct cookie cookie;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(cookie_next(&cursor, &cookie));
        const char *equals = strchr(expected[i], '=');
        assert_int_equal(cookie.name_bytes, equals - expected[i]);
        assert_memory_equal(cookie.name, expected[i], cookie.name_bytes);
        assert_int_equal(cookie.value_bytes, strlen(equals + 1));
        assert_memory_equal(cookie.value, equals + 1, cookie.value_bytes);
    }
    assert_false(cookie_next(&cursor, &cookie));
    assert_false(cookie_next(&cursor, &cookie)); /* and stays at the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_viewer_is_found_among_other_cookies),
        cmocka_unit_test(every_well_formed_pair_comes_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
