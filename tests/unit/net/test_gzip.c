#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "gzip.h"

enum {
    LONG_BYTES = 3 << 20,
    AS_GZIP = 16,
};

/* Expands what must be one whole gzip, no more and no less. */
static void assert_expands_to(const char *data, size_t bytes,
                              const char *expected, size_t expected_bytes)
{
    char *out = malloc(expected_bytes + 1);
    assert_non_null(out);
    z_stream zlib = {.next_in = (Bytef *)(uintptr_t)data,
                     .avail_in = (uInt)bytes,
                     .next_out = (Bytef *)out,
                     .avail_out = (uInt)expected_bytes + 1};
    assert_int_equal(inflateInit2(&zlib, 15 + AS_GZIP), Z_OK);
    assert_int_equal(inflate(&zlib, Z_FINISH), Z_STREAM_END);
    assert_int_equal(zlib.avail_in, 0);
    assert_int_equal(zlib.total_out, expected_bytes);
    assert_memory_equal(out, expected, expected_bytes);
    (void)inflateEnd(&zlib);
    free(out);
}

/* Rows as an export has them, or what cannot be made shorter. */
static char *text_make(size_t bytes, bool random)
{
    char *text = malloc(bytes + 64);
    uint32_t word = 1;
    assert_non_null(text);
    for (size_t at = 0; at < bytes;) {
        word = word * 1664525 + 1013904223;
        if (random)
            text[at++] = (char)(word >> 24);
        else
            at += (size_t)snprintf(text + at, 64, "{\"_id\":\"%08x\"}\n",
                                   (unsigned)word);
    }
    return text;
}

static void a_text_comes_back_as_it_was(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 1023, 65536, LONG_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] * 4; i++) {
        size_t bytes = sizes[i / 4];
        char *text = text_make(bytes, i % 2 == 1);
        struct buffer small = buffer_make(2 * bytes + 4096);
        buffer_append_text(&small, "before");
        assert_true(
            gzip_all(text, bytes, i % 4 < 2 ? GZIP_QUICK : GZIP_SMALL, &small));
        if (i % 2 == 0 && bytes > 1000)
            assert_true(small.bytes < bytes / 2);
        assert_expands_to(small.data + 6, small.bytes - 6, text, bytes);
        buffer_done(&small);
        free(text);
    }
}

static void a_buffer_without_room_fails_and_keeps_what_it_had(void **state)
{
    (void)state;
    char *text = text_make(1000, true);
    struct buffer small = buffer_make(500);
    buffer_append_text(&small, "before");
    assert_false(gzip_all(text, 1000, GZIP_QUICK, &small));
    assert_true(small.failed);
    assert_int_equal(small.bytes, 6);
    buffer_done(&small);
    free(text);
}

struct source {
    const char *text;
    size_t bytes;
    size_t given;
    size_t at_once; /* at most */
    size_t fails_at;
    unsigned asked;
};

static size_t give(void *context, char *out, size_t out_bytes)
{
    struct source *source = context;
    size_t bytes = source->bytes - source->given;
    source->asked++;
    if (source->given >= source->fails_at)
        return GZIP_FAILED;
    if (bytes > source->at_once)
        bytes = source->at_once;
    if (bytes > out_bytes)
        bytes = out_bytes;
    memcpy(out, source->text + source->given, bytes);
    source->given += bytes;
    return bytes;
}

/* All of it, in bits of out_bytes. */
static size_t drain(struct gzip_stream *stream, size_t out_bytes,
                    struct buffer *to)
{
    for (;;) {
        char *out = buffer_reserve(to, out_bytes);
        assert_non_null(out);
        size_t bytes = gzip_stream_more(stream, out, out_bytes);
        if (bytes == 0 || bytes == GZIP_FAILED)
            return bytes;
        assert_true(bytes <= out_bytes);
        buffer_advance(to, bytes);
    }
}

static void a_stream_comes_back_as_it_was_in_whatever_bits(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 5000, LONG_BYTES};
    static const size_t bits[] = {1, 17, 4096, 100000};
    for (size_t i = 0; i < 32; i++) {
        size_t bytes = sizes[i / 8];
        if (bytes == LONG_BYTES && i % 4 == 0)
            continue; /* byte by byte takes long */
        char *text = text_make(bytes, i / 4 % 2 == 1);
        struct source source = {.text = text,
                                .bytes = bytes,
                                .at_once = bits[3 - i % 4],
                                .fails_at = SIZE_MAX};
        struct buffer small = buffer_make(2 * bytes + 200000);
        struct gzip_stream *stream = gzip_stream_make(give, &source);
        assert_non_null(stream);
        assert_int_equal(drain(stream, bits[i % 4], &small), 0);
        assert_expands_to(small.data, small.bytes, text, bytes);
        unsigned asked = source.asked;
        char more[10];
        assert_int_equal(gzip_stream_more(stream, more, sizeof more), 0);
        assert_int_equal(source.asked, asked); /* not again after its end */
        gzip_stream_free(stream);
        buffer_done(&small);
        free(text);
    }
}

static void a_stream_that_is_cut_short_says_so(void **state)
{
    (void)state;
    char *text = text_make(100000, false);
    struct source source = {
        .text = text, .bytes = 100000, .at_once = 1000, .fails_at = 50000};
    struct buffer small = buffer_make(200000);
    struct gzip_stream *stream = gzip_stream_make(give, &source);
    assert_true(drain(stream, 1000, &small) == GZIP_FAILED);
    gzip_stream_free(stream);
    buffer_done(&small);
    free(text);
}

static void a_stream_that_nobody_reads_is_freed(void **state)
{
    (void)state;
    struct source source = {.text = "", .fails_at = SIZE_MAX};
    gzip_stream_free(gzip_stream_make(give, &source));
    gzip_stream_free(NULL);
    assert_int_equal(source.asked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_comes_back_as_it_was),
        cmocka_unit_test(a_buffer_without_room_fails_and_keeps_what_it_had),
        cmocka_unit_test(a_stream_comes_back_as_it_was_in_whatever_bits),
        cmocka_unit_test(a_stream_that_is_cut_short_says_so),
        cmocka_unit_test(a_stream_that_nobody_reads_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
