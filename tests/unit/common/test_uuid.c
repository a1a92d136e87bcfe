#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "uuid.h"

enum {
    THREADS = 8,
    IDS = 20000, /* of a thread: more than a millisecond's counter holds */
};

static struct uuid made[THREADS][IDS];

static int64_t time_of(const struct uuid *uuid)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | uuid->bytes[i];
    return ms;
}

static void a_made_id_is_of_version_7_and_of_now(void **state)
{
    (void)state;
    int64_t before_ms = clock_now_ms();
    struct uuid uuid = uuid_make();
    assert_in_range(time_of(&uuid), before_ms, clock_now_ms());
    assert_int_equal(uuid.bytes[6] >> 4, 7);
    assert_int_equal(uuid.bytes[8] >> 6, 2);
}

static void *make_many(void *argument)
{
    struct uuid *ids = argument;
    for (size_t i = 0; i < IDS; i++)
        ids[i] = uuid_make();
    return NULL;
}

static int compare(const void *left, const void *right)
{
    return memcmp(left, right, sizeof(struct uuid));
}

static void ids_of_many_threads_differ_and_each_sees_them_rise(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, made[i]),
                         0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        for (size_t j = 1; j < IDS; j++)
            assert_true(compare(&made[i][j - 1], &made[i][j]) < 0);
    }
    struct uuid *all = made[0];
    qsort(all, (size_t)THREADS * IDS, sizeof *all, compare);
    for (size_t i = 1; i < (size_t)THREADS * IDS; i++) {
        /* Time and counter alone tell them apart: 8 bytes. */
        assert_true(memcmp(&all[i - 1], &all[i], 8) < 0);
    }
}

static void thirty_six_characters_of_either_case_are_read(void **state)
{
    (void)state;
    const char lower[] = "01890a5d-ac96-774b-bcce-b302099a8057";
    const char upper[] = "01890A5D-AC96-774B-BCCE-B302099A8057";
    const uint8_t bytes[16] = {0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b,
                               0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57};
    struct uuid uuid;
    assert_true(uuid_parse(lower, 36, &uuid));
    assert_memory_equal(uuid.bytes, bytes, 16);
    assert_true(uuid_parse(upper, 36, &uuid));
    assert_memory_equal(uuid.bytes, bytes, 16);
    char text[UUID_TEXT_BYTES];
    uuid_format(&uuid, text);
    assert_string_equal(text, lower);
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    const char *const rows[] = {
        "",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5d-ac96-774b-bcce-b302099a80577",
        "01890a5dac96774bbcceb302099a8057",
        "{1890a5d-ac96-774b-bcce-b302099a805}",
        "01890a5d-ac96-774b-bcce_b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a805g",
        "01890a5d-ac96-774b-bcce-b302099a805-",
        "0189-0a5dac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a80 7",
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct uuid uuid = {{42}};
        if (uuid_parse(rows[i], strlen(rows[i]), &uuid))
            fail_msg("\"%s\" is read", rows[i]);
        assert_int_equal(uuid.bytes[0], 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_id_is_of_version_7_and_of_now),
        cmocka_unit_test(ids_of_many_threads_differ_and_each_sees_them_rise),
        cmocka_unit_test(thirty_six_characters_of_either_case_are_read),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
