#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "amqp_link.h"

static void a_url_is_shown_without_name_and_password(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *shown;
    } cases[] = {
        {"amqp://guest:secret@localhost:5672", "localhost:5672/"},
        {"amqp://guest:secret@localhost:5672/", "localhost:5672/"},
        {"amqp://guest:secret@localhost:5672/%2F", "localhost:5672/"},
        {"amqp://guest:secret@localhost:5672/films", "localhost:5672/films"},
        {"amqp://localhost", "localhost:5672/"},
        {"amqp://", "localhost:5672/"},
        {"amqp://guest:secret@", "localhost:5672/"},
        {"amqps://a:secret@broker.example/v", "broker.example:5671/v"},
        {"amqp://u%40v:sec%2Fret@10.0.0.1:1/a%2Fb", "10.0.0.1:1/a/b"},
        {"amqp://[::1]:5672/v", "::1:5672/v"},
        {"amqp://guest:secret@a:1,b,c:3/v", "a:1,b:5672,c:3/v"},
        {"amqps://guest:sec,ret@a,[::1]:7", "a:5671,::1:7/"},
        {"amqp://a,b", "a:5672,b:5672/"},
    };
    char shown[AMQP_TEXT_BYTES_MAX];
    struct fault fault = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (amqp_url_check(cases[i].url, &fault) != RESULT_OK)
            fail_msg("%s: %s", cases[i].url, fault.text);
        amqp_url_public(cases[i].url, shown);
        assert_string_equal(shown, cases[i].shown);
    }
}

static void what_is_no_broker_is_refused_without_repeating_it(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "",
        "localhost",
        "secret@localhost",
        "http://guest:secret@localhost",
        "amqp:/guest:secret@localhost",
        "amqp://guest:secret@localhost:port",
        "amqp://guest:secret@localhost:99999",
        "amqp://guest:secret@localhost:0",
        "amqp://guest:secret@localhost:-1",
        "amqp://guest:secret@localhost:5672/a/b",
        "amqp://guest:sec%zzret@localhost",
        "amqp://guest:secret@a,,b",
        "amqp://guest:secret@a,",
        "amqp://guest:secret@,a",
        "amqp://guest:secret@a:1,b:port",
        "amqp://guest:secret@a,guest:secret@b:x",
        "amqp://guest:secret@1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g,h",
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct fault fault = {0};
        char shown[AMQP_TEXT_BYTES_MAX];
        if (amqp_url_check(urls[i], &fault) != RESULT_MALFORMED)
            fail_msg("taken: '%s'", urls[i]);
        assert_int_not_equal(fault.text[0], '\0');
        assert_null(strstr(fault.text, "secret"));
        amqp_url_public(urls[i], shown);
        assert_null(strstr(shown, "secret"));
    }
}

static void a_url_has_a_limit(void **state)
{
    (void)state;
    char url[2000];
    struct fault fault = {0};
    char shown[AMQP_TEXT_BYTES_MAX];
    memset(url, 'v', sizeof url);
    memcpy(url, "amqp://localhost/", 17);
    url[1023] = '\0';
    assert_int_equal(amqp_url_check(url, &fault), RESULT_OK);
    amqp_url_public(url, shown);
    assert_true(strlen(shown) < AMQP_TEXT_BYTES_MAX);
    memcpy(url, "amqp://aa,b,c,dd/", 17);
    assert_int_equal(amqp_url_check(url, &fault), RESULT_OK);
    amqp_url_public(url, shown);
    assert_true(strlen(shown) < AMQP_TEXT_BYTES_MAX);
    url[1023] = 'v';
    url[1024] = '\0';
    assert_int_equal(amqp_url_check(url, &fault), RESULT_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_shown_without_name_and_password),
        cmocka_unit_test(what_is_no_broker_is_refused_without_repeating_it),
        cmocka_unit_test(a_url_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
