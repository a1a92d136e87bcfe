#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_accept_coding.h"

struct claim {
    const char *lines[3]; /* NULL-ended */
    enum http_wish wish;
};

static void hold(const struct claim *claims, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct http_accept_coding accept = HTTP_ACCEPT_CODING_NONE;
        for (size_t line = 0; claims[i].lines[line] != NULL; line++)
            http_accept_coding_take(&accept, claims[i].lines[line]);
        if (http_accept_coding_wish(&accept) != claims[i].wish)
            fail_msg("\"%s\"", claims[i].lines[0]);
    }
}

#define HOLD(claims) hold(claims, sizeof(claims) / sizeof *(claims))

static void a_client_that_says_nothing_gets_identity(void **state)
{
    (void)state;
    struct http_accept_coding accept = HTTP_ACCEPT_CODING_NONE;
    assert_int_equal(http_accept_coding_wish(&accept), HTTP_WISH_IDENTITY);
}

static void codings_are_chosen_by_their_weights(void **state)
{
    (void)state;
    static const struct claim claims[] = {
        {{""}, HTTP_WISH_IDENTITY},
        {{"gzip"}, HTTP_WISH_GZIP},
        {{"GZip"}, HTTP_WISH_GZIP},
        {{"x-gzip"}, HTTP_WISH_GZIP},
        {{"gzip, deflate, br, zstd"}, HTTP_WISH_GZIP},
        {{"br;q=1.0, gzip;q=0.8, *;q=0.1"}, HTTP_WISH_GZIP},
        {{"deflate,\tgzip ;\tq=0.001 "}, HTTP_WISH_GZIP},
        {{", ,gzip,"}, HTTP_WISH_GZIP},
        {{"deflate"}, HTTP_WISH_IDENTITY},
        {{"br;q=1"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=0"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=0.000"}, HTTP_WISH_IDENTITY},
        {{"gzipped"}, HTTP_WISH_IDENTITY},
        {{"gz ip"}, HTTP_WISH_IDENTITY},
        {{"identity"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=0.5, identity"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=0.5, identity;q=0.5"}, HTTP_WISH_GZIP},
        {{"identity;q=0.5, gzip;q=0.6"}, HTTP_WISH_GZIP},
        {{"deflate", "gzip"}, HTTP_WISH_GZIP},
        {{"gzip", "gzip;q=0"}, HTTP_WISH_IDENTITY},
    };
    HOLD(claims);
}

static void a_star_stands_for_what_is_not_named(void **state)
{
    (void)state;
    static const struct claim claims[] = {
        {{"*"}, HTTP_WISH_GZIP},
        {{"*;q=0.1"}, HTTP_WISH_GZIP},
        {{"*;q=0"}, HTTP_WISH_IDENTITY}, /* nothing is acceptable */
        {{"gzip, *;q=0"}, HTTP_WISH_GZIP_ALONE},
        {{"*;q=0, gzip"}, HTTP_WISH_GZIP_ALONE},
        {{"gzip;q=0, *"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=0.5, *"}, HTTP_WISH_IDENTITY},
        {{"identity, *;q=0"}, HTTP_WISH_IDENTITY},
        {{"identity;q=0.1, *"}, HTTP_WISH_GZIP},
    };
    HOLD(claims);
}

static void identity_can_be_refused(void **state)
{
    (void)state;
    static const struct claim claims[] = {
        {{"gzip, identity;q=0"}, HTTP_WISH_GZIP_ALONE},
        {{"gzip;q=0.1, identity;q=0"}, HTTP_WISH_GZIP_ALONE},
        {{"*, identity;q=0"}, HTTP_WISH_GZIP_ALONE},
        {{"identity;q=0"}, HTTP_WISH_IDENTITY}, /* nothing is acceptable */
        {{"gzip;q=0, identity;q=0"}, HTTP_WISH_IDENTITY},
        {{"br, identity;q=0"}, HTTP_WISH_IDENTITY},
    };
    HOLD(claims);
}

static void a_weight_that_is_none_is_passed_over(void **state)
{
    (void)state;
    static const struct claim claims[] = {
        {{"gzip;q=1.001"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=2"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=0.0001"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=-1"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=.5"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=0,5"}, HTTP_WISH_IDENTITY},
        {{"gzip;q="}, HTTP_WISH_IDENTITY},
        {{"gzip;q"}, HTTP_WISH_IDENTITY},
        {{"gzip;"}, HTTP_WISH_IDENTITY},
        {{"gzip;level=9"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=nan"}, HTTP_WISH_IDENTITY},
        {{"gzip;q=1;q=0"}, HTTP_WISH_IDENTITY},
        {{"gzip, identity;q=none"}, HTTP_WISH_GZIP},
        {{"gzip;q=1."}, HTTP_WISH_GZIP},
        {{"gzip;Q=1.000"}, HTTP_WISH_GZIP},
    };
    HOLD(claims);
}

static void
what_is_shorter_than_a_packet_is_compressed_only_where_it_must(void **state)
{
    (void)state;
    assert_true(http_gzip_pays(HTTP_WISH_GZIP, HTTP_GZIP_BYTES_MIN));
    assert_false(http_gzip_pays(HTTP_WISH_GZIP, HTTP_GZIP_BYTES_MIN - 1));
    assert_true(http_gzip_pays(HTTP_WISH_GZIP_ALONE, 0));
    assert_false(http_gzip_pays(HTTP_WISH_IDENTITY, SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_says_nothing_gets_identity),
        cmocka_unit_test(codings_are_chosen_by_their_weights),
        cmocka_unit_test(a_star_stands_for_what_is_not_named),
        cmocka_unit_test(identity_can_be_refused),
        cmocka_unit_test(a_weight_that_is_none_is_passed_over),
        cmocka_unit_test(
            what_is_shorter_than_a_packet_is_compressed_only_where_it_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
