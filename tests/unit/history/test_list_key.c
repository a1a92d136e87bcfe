#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "list_key.h"
#include "viewed_message.h"

static const struct siphash_key secret = {UINT64_C(0x0706050403020100),
                                          UINT64_C(0x0f0e0d0c0b0a0908)};

static int64_t key_of(const char *user_id, const char *video_id)
{
    int64_t list = -1;
    assert_true(list_key(&secret, user_id, video_id, &list));
    return list;
}

static void two_nulls_are_the_list_of_all(void **state)
{
    (void)state;
    assert_int_equal(key_of(NULL, NULL), LIST_ALL);
}

static void a_user_and_a_video_of_one_name_have_two_lists(void **state)
{
    (void)state;
    assert_int_not_equal(key_of("a", NULL), key_of(NULL, "a"));
    assert_int_not_equal(key_of("a", NULL), key_of("a", "a"));
    assert_int_not_equal(key_of(NULL, "a"), key_of("a", "a"));
}

static void the_texts_of_a_pair_do_not_run_together(void **state)
{
    (void)state;
    assert_int_not_equal(key_of("ab", "c"), key_of("a", "bc"));
    assert_int_not_equal(key_of("ab", "c"), key_of("c", "ab"));
}

static void an_empty_or_overlong_text_is_in_no_list(void **state)
{
    (void)state;
    char user[VIEWED_USER_BYTES_MAX + 2];
    char video[VIEWED_VIDEO_BYTES_MAX + 2];
    memset(user, 'u', sizeof user);
    memset(video, 'v', sizeof video);
    user[sizeof user - 1] = video[sizeof video - 1] = '\0';
    int64_t list = 42;
    assert_false(list_key(&secret, "", NULL, &list));
    assert_false(list_key(&secret, NULL, "", &list));
    assert_false(list_key(&secret, "a", "", &list));
    assert_false(list_key(&secret, "", "a", &list));
    assert_false(list_key(&secret, user, NULL, &list));
    assert_false(list_key(&secret, NULL, video, &list));
    assert_false(list_key(&secret, user, "a", &list));
    assert_int_equal(list, 42);
    /* The longest that a view may have are in one. */
    assert_true(list_key(&secret, user + 1, video + 1, &list));
}

static void another_secret_gives_other_lists(void **state)
{
    (void)state;
    struct siphash_key other = {secret.k0 + 1, secret.k1};
    int64_t list;
    assert_true(list_key(&other, "a", NULL, &list));
    assert_int_not_equal(list, key_of("a", NULL));
}

/* They are in files: these values may never change. */
static void stored_values_stay_what_they_are(void **state)
{
    (void)state;
    assert_int_equal(key_of("user-1", NULL), INT64_C(-3718972092760923171));
    assert_int_equal(key_of(NULL, "video-1.mp4"),
                     INT64_C(-2754302417434719965));
    assert_int_equal(key_of("user-1", "video-1.mp4"),
                     INT64_C(-7431284804107756209));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_nulls_are_the_list_of_all),
        cmocka_unit_test(a_user_and_a_video_of_one_name_have_two_lists),
        cmocka_unit_test(the_texts_of_a_pair_do_not_run_together),
        cmocka_unit_test(an_empty_or_overlong_text_is_in_no_list),
        cmocka_unit_test(another_secret_gives_other_lists),
        cmocka_unit_test(stored_values_stay_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
