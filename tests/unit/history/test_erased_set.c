#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "erased_set.h"
#include "viewed_message.h"

static struct erased_entry entry_of(int number, int64_t until_ms)
{
    char name[16];
    int bytes = snprintf(name, sizeof name, "user-%d", number);
    return (struct erased_entry){erased_user_of(name, (size_t)bytes),
                                 ERASED_FROM_EVER, until_ms};
}

static void a_user_is_found_among_many_and_others_are_not(void **state)
{
    (void)state;
    struct erased_set set = {0};
    for (int i = 0; i < 1000; i += 2) {
        struct erased_entry entry = entry_of(i, i);
        assert_true(erased_set_add(&set, &entry));
    }
    for (int i = 0; i < 1000; i++) {
        struct erased_entry entry = entry_of(i, 0);
        const struct erased_entry *found =
            erased_set_find(&set, &entry.user, ERASED_FROM_EVER);
        assert_true((found != NULL) == (i % 2 == 0));
        assert_true(found == NULL || found->until_ms == i);
    }
    erased_set_done(&set);
}

static void the_later_time_stays(void **state)
{
    (void)state;
    struct erased_set set = {0};
    const int64_t times[] = {5, 9, 7};
    for (size_t i = 0; i < 3; i++) {
        struct erased_entry entry = entry_of(1, times[i]);
        assert_true(erased_set_add(&set, &entry));
    }
    assert_int_equal(set.count, 1);
    assert_int_equal(set.entries[0].until_ms, 9);
    erased_set_done(&set);
}

static enum erased_why why(const struct erased_set *set,
                           const struct viewed *viewed)
{
    struct erased_question question = {
        .user_id = viewed->user_id,
        .user_id_bytes = strlen(viewed->user_id),
        .time_given = viewed->time_given,
        .viewed_at_ms = viewed->viewed_at_ms,
    };
    return erased_set_why(set, &question);
}

static bool is_erased(const struct erased_set *set, const struct viewed *viewed)
{
    return why(set, viewed) == ERASED_USER;
}

static struct erased_entry pause_of(int number, int64_t from_ms,
                                    int64_t until_ms)
{
    struct erased_entry entry = entry_of(number, until_ms);
    entry.from_ms = from_ms;
    return entry;
}

static void
a_view_of_a_pause_is_refused_and_those_around_it_are_not(void **state)
{
    (void)state;
    struct erased_set set = {0};
    const struct erased_entry entries[] = {
        pause_of(1, 100, 199), pause_of(1, 300, ERASED_OPEN),
        pause_of(2, 150, 160), entry_of(1, 50)};
    for (size_t i = 0; i < 4; i++)
        assert_true(erased_set_add(&set, &entries[i]));
    const struct {
        int64_t ms;
        enum erased_why why;
    } views[] = {
        {50, ERASED_USER},   {51, ERASED_NOT},    {99, ERASED_NOT},
        {100, ERASED_PAUSE}, {199, ERASED_PAUSE}, {200, ERASED_NOT},
        {299, ERASED_NOT},   {300, ERASED_PAUSE}, {1000000, ERASED_PAUSE},
    };
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        struct viewed viewed = {.user_id = "user-1",
                                .time_given = true,
                                .viewed_at_ms = views[i].ms};
        assert_int_equal(why(&set, &viewed), views[i].why);
    }
    struct viewed other = {
        .user_id = "user-3", .time_given = true, .viewed_at_ms = 150};
    assert_int_equal(why(&set, &other), ERASED_NOT);
    erased_set_done(&set);
}

static void a_pause_that_has_ended_does_not_go_on_again(void **state)
{
    (void)state;
    struct erased_set set = {0};
    const int64_t ends[] = {ERASED_OPEN, 500, ERASED_OPEN, 700};
    const struct erased_entry *open = NULL;
    for (size_t i = 0; i < 4; i++) {
        struct erased_entry entry = pause_of(1, 100, ends[i]);
        assert_true(erased_set_add(&set, &entry));
        assert_int_equal(erased_set_pauses(&set, &entry.user, &open), 1);
        assert_true((open != NULL) == (i == 0));
    }
    assert_int_equal(set.entries[0].until_ms, 500);
    erased_set_done(&set);
}

static void a_view_from_before_or_without_a_time_is_refused(void **state)
{
    (void)state;
    struct erased_set set = {0};
    struct viewed viewed = {
        .user_id = "user-1", .time_given = true, .viewed_at_ms = 100};
    assert_false(is_erased(&set, &viewed));
    struct erased_entry entry = entry_of(1, 100);
    assert_true(erased_set_add(&set, &entry));
    assert_true(is_erased(&set, &viewed));
    viewed.viewed_at_ms = 101;
    assert_false(is_erased(&set, &viewed));
    viewed.time_given = false;
    assert_true(is_erased(&set, &viewed));
    viewed.user_id[0] = '\0';
    assert_false(is_erased(&set, &viewed));
    strcpy(viewed.user_id, "user-2");
    assert_false(is_erased(&set, &viewed));
    erased_set_done(&set);
}

static void a_file_keeps_all_of_it_and_no_names(void **state)
{
    (void)state;
    char path[] = "/tmp/erased-set-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    (void)close(file);
    struct fault fault;
    struct erased_set set = {0};
    struct erased_set again = {0};
    for (int i = 0; i < 100; i++) {
        struct erased_entry entry = entry_of(i, 1000 - i * 100);
        struct erased_entry pause = pause_of(i, 2000 - i, 3000 + i);
        assert_true(erased_set_add(&set, &entry));
        assert_true(erased_set_add(&set, &pause));
    }
    assert_int_equal(erased_set_write(&set, path, &fault), RESULT_OK);
    assert_int_equal(erased_set_read(&again, path, &fault), RESULT_OK);
    assert_true(erased_set_is_same(&set, &again));
    assert_int_equal(set.count, 200);
    FILE *text = fopen(path, "r");
    char line[128];
    assert_non_null(text);
    while (fgets(line, sizeof line, text) != NULL)
        assert_null(strstr(line, "user"));
    (void)fclose(text);
    (void)unlink(path);
    erased_set_done(&set);
    erased_set_done(&again);
}

static void
a_file_that_is_missing_is_empty_and_one_of_another_kind_is_told(void **state)
{
    (void)state;
    struct fault fault;
    struct erased_set set = {0};
    assert_int_equal(erased_set_read(&set, "/tmp/no-such-file", &fault),
                     RESULT_OK);
    assert_int_equal(set.count, 0);
    static const char *const wrong[] = {"hello\n", "0123 5\n",
                                        "00112233445566778899aabbccddeeff\n"};
    for (size_t i = 0; i < 3; i++) {
        char path[] = "/tmp/erased-set-XXXXXX";
        int file = mkstemp(path);
        assert_true(file >= 0);
        assert_true(write(file, wrong[i], strlen(wrong[i])) > 0);
        (void)close(file);
        assert_int_equal(erased_set_read(&set, path, &fault), RESULT_UNUSABLE);
        (void)unlink(path);
    }
    erased_set_done(&set);
}

/* The hash is in files that live for years. */
static void the_hash_of_a_user_is_what_it_always_was(void **state)
{
    (void)state;
    static const uint8_t hash[16] = {0x75, 0xcd, 0xb4, 0xce, 0xce, 0xa2,
                                     0x45, 0xd6, 0x0b, 0x50, 0x22, 0x9e,
                                     0x69, 0x42, 0xbe, 0xd2};
    struct erased_user user = erased_user_of("user-1", 6);
    assert_memory_equal(user.hash, hash, sizeof hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_is_found_among_many_and_others_are_not),
        cmocka_unit_test(the_later_time_stays),
        cmocka_unit_test(
            a_view_of_a_pause_is_refused_and_those_around_it_are_not),
        cmocka_unit_test(a_pause_that_has_ended_does_not_go_on_again),
        cmocka_unit_test(a_view_from_before_or_without_a_time_is_refused),
        cmocka_unit_test(a_file_keeps_all_of_it_and_no_names),
        cmocka_unit_test(
            a_file_that_is_missing_is_empty_and_one_of_another_kind_is_told),
        cmocka_unit_test(the_hash_of_a_user_is_what_it_always_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
