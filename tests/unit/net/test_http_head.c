#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "http_head.h"

struct field {
    const char *name;
    const char *value;
};

static unsigned refusal(const struct field *fields, const char *version)
{
    struct http_head head = {0};
    const char *why;
    for (; fields->name != NULL; fields++)
        http_head_field(&head, fields->name, fields->value);
    unsigned status = http_head_refusal(&head, version, &why);
    assert_int_equal(status == 0, why == NULL);
    return status;
}

static void a_usual_head_is_taken(void **state)
{
    static const struct field none[] = {{NULL, NULL}};
    static const struct field with_length[] = {{"Host", "a"},
                                               {"Content-Length", "5"},
                                               {"Cookie", "a=b"},
                                               {"cookie", "c=d"},
                                               {NULL, NULL}};
    static const struct field chunked[] = {
        {"HOST", "a"}, {"transfer-encoding", "Chunked"}, {NULL, NULL}};
    (void)state;
    assert_int_equal(refusal(none, "HTTP/1.0"), 0);
    assert_int_equal(refusal(with_length, "HTTP/1.1"), 0);
    assert_int_equal(refusal(with_length, "HTTP/1.0"), 0);
    assert_int_equal(refusal(chunked, "HTTP/1.1"), 0);
}

static void a_length_that_is_said_twice_is_refused(void **state)
{
    static const struct field cases[][3] = {
        {{"Content-Length", "5"}, {"Content-Length", "5"}},
        {{"Content-Length", "5"}, {"content-length", "6"}},
        {{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}},
        {{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
        {{"Transfer-Encoding", "gzip"}, {"Content-Length", "5"}},
        {{"Host", "a"}, {"host", "a"}},
        {{"Host", "a"}, {"Content-Length ", "5"}},
        {{"Host", "a"}, {"Content-Length5", ""}},
        {{"Host", "a"}, {"content-lengthX", "5"}},
        {{"Host", "a"}, {"Transfer-Encodingchunked", "x"}},
        {{"Host", "a"}, {"", "5"}},
        {{"Host", "a"}, {"X Y", "5"}},
        {{"Host", "a"}, {"X\tY", "5"}},
        {{"Host", "a"}, {"X(", "5"}},
        {{"Host", "a"}, {"\xc3\xa9", "5"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (refusal(cases[i], "HTTP/1.1") != 400)
            fail_msg("case %zu is not refused", i);
}

static void a_coding_that_is_not_chunked_alone_is_not_known(void **state)
{
    static const char *const codings[] = {
        "",      "gzip",     "gzip, chunked",    "chunked, gzip",
        "chunk", "chunkedx", "chunked, chunked", "identity"};
    (void)state;
    for (size_t i = 0; i < sizeof codings / sizeof codings[0]; i++) {
        const struct field fields[] = {{"Transfer-Encoding", codings[i]},
                                       {NULL, NULL}};
        assert_int_equal(refusal(fields, "HTTP/1.1"), 501);
        assert_int_equal(refusal(fields, "HTTP/1.0"), 400);
    }
}

static void a_target_is_taken_in_both_its_forms(void **state)
{
    static const struct {
        const char *target;
        const char *path;
    } cases[] = {
        {"/", "/"},
        {"/a?b", "/a?b"},
        {"/http://a/b", "/http://a/b"},
        {"*", "*"},
        {"", ""},
        {"http://a/b?c", "/b?c"},
        {"HTTP://a:80/b", "/b"},
        {"https://a/b", "/b"},
        {"http://a", ""},
        {"http://a?b/c", "?b/c"},
        {"http:///b", "/b"},
        {"http:/a/b", "http:/a/b"},
        {"ftp://a/b", "ftp://a/b"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(http_target_path(cases[i].target), cases[i].path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_usual_head_is_taken),
        cmocka_unit_test(a_length_that_is_said_twice_is_refused),
        cmocka_unit_test(a_coding_that_is_not_chunked_alone_is_not_known),
        cmocka_unit_test(a_target_is_taken_in_both_its_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
