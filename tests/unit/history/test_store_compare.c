/* Two stores are compared row by row, and what differs is told by user. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>

#include "store_compare.h"
#include "store_expire.h"
#include "store_import.h"
#include "store_paused.h"

enum {
    VIEWS = 100, /* of seven users */
};

/* The other store, beside the fixture's. */
static struct fixture beside(const struct fixture *fixture, const char *name)
{
    struct fixture other = {.is_file = true};
    (void)snprintf(other.path, sizeof other.path, "%s/%s", fixture->folder,
                   name);
    fixture_open(&other);
    return other;
}

static struct store_comparison *compare(const struct fixture *live,
                                        const struct fixture *rebuilt,
                                        int64_t since_ms)
{
    static struct store_comparison result;
    struct fault fault = {""};
    if (store_compare(live->path, rebuilt->path, since_ms, &result, &fault) !=
        RESULT_OK)
        fail_msg("%s", fault.text);
    return &result;
}

/* Both have the views, the other in the opposite order. */
static struct fixture open_both(struct fixture *fixture)
{
    fixture_open(fixture);
    struct fixture other = beside(fixture, "other.db");
    store_range(fixture->store, 0, VIEWS);
    for (uint32_t i = VIEWS; i-- > 0;) {
        struct viewed view = view_make(i);
        store_one(other.store, &view);
    }
    return other;
}

static void the_order_in_which_views_came_is_no_difference(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = open_both(fixture);
    const struct store_comparison *found = compare(fixture, &other, INT64_MAX);
    assert_true(store_comparison_is_equal(found));
    assert_int_equal(found->users, 7);
    assert_int_equal(found->users_differing, 0);
    assert_int_equal(found->live.rows, VIEWS);
    assert_int_equal(found->rebuilt.rows, VIEWS);
    fixture_close(&other);
}

static const struct store_difference *
difference_of(const struct store_comparison *found, const char *user_id)
{
    for (size_t i = 0; i < found->named; i++)
        if (strcmp(found->differences[i].user_id, user_id) == 0)
            return &found->differences[i];
    fail_msg("nothing is told of %s", user_id);
    return NULL;
}

static void what_only_one_has_is_lost_or_missing(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = open_both(fixture);
    struct viewed lost = view_make(VIEWS);        /* user-2 */
    struct viewed missing = view_make(VIEWS + 1); /* user-3 */
    strcpy(lost.user_id, "a new one");
    store_one(fixture->store, &lost);
    store_one(other.store, &missing);
    const struct store_comparison *found = compare(fixture, &other, INT64_MAX);
    assert_false(store_comparison_is_equal(found));
    assert_int_equal(found->lost, 1);
    assert_int_equal(found->missing, 1);
    assert_int_equal(found->altered, 0);
    assert_int_equal(found->oldest_lost_ms, lost.viewed_at_ms + 9);
    assert_int_equal(found->users, 8);
    assert_int_equal(found->users_differing, 2);
    assert_int_equal(difference_of(found, "a new one")->lost, 1);
    assert_int_equal(difference_of(found, missing.user_id)->missing, 1);
    fixture_close(&other);
}

static void what_came_later_than_that_is_not_lost(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = open_both(fixture);
    struct viewed later = view_make(VIEWS);
    store_one(fixture->store, &later);
    const struct store_comparison *found =
        compare(fixture, &other, later.viewed_at_ms + 9);
    assert_true(store_comparison_is_equal(found));
    assert_int_equal(found->since, 1);
    assert_int_equal(found->live.rows, VIEWS);
    found = compare(fixture, &other, later.viewed_at_ms + 10);
    assert_int_equal(found->lost, 1);
    fixture_close(&other);
}

/* A view that says something else, and one that somebody else has. */
static void an_altered_row_is_told_once_for_each_user_it_has(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = open_both(fixture);
    fixture_close(&other);
    fixture_sql(&other, "UPDATE views SET position_ms = position_ms + 1"
                        " WHERE user_id = 'user-1' AND position_ms = 12501;"
                        "UPDATE views SET user_id = 'user-5'"
                        " WHERE user_id = 'user-2' AND position_ms = 12502");
    const struct store_comparison *found = compare(fixture, &other, INT64_MAX);
    assert_false(store_comparison_is_equal(found));
    assert_int_equal(found->altered, 2);
    assert_int_equal(found->lost, 0);
    assert_int_equal(found->missing, 0);
    assert_int_equal(found->users, 7);
    assert_int_equal(found->users_differing, 3);
    assert_int_equal(difference_of(found, "user-1")->altered, 1);
    assert_int_equal(difference_of(found, "user-2")->altered, 1);
    assert_int_equal(difference_of(found, "user-5")->altered, 1);
    assert_int_equal(found->live.rows, VIEWS);
    assert_int_equal(found->rebuilt.rows, VIEWS);
}

static void views_without_an_id_are_counted_alone(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = open_both(fixture);
    for (uint32_t i = 0; i < 5; i++) {
        struct viewed view = view_make(VIEWS + i);
        view.id_given = false;
        store_one(i < 2 ? fixture->store : other.store, &view);
    }
    struct viewed nobody = view_make(VIEWS + 5);
    nobody.user_id[0] = '\0';
    store_one(fixture->store, &nobody);
    store_one(other.store, &nobody);
    const struct store_comparison *found = compare(fixture, &other, INT64_MAX);
    assert_true(store_comparison_is_equal(found));
    assert_int_equal(found->live_without_id, 2);
    assert_int_equal(found->rebuilt_without_id, 3);
    assert_int_equal(found->live.rows, VIEWS + 1);
    assert_int_equal(found->users, 8);
    fixture_close(&other);
}

static void what_the_live_store_would_not_have_is_not_missing(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = open_both(fixture);
    struct fault fault = {""};
    struct store_recording recording;
    int64_t now_ms = clock_now_ms();
    /* One that was not to be recorded, one that is kept no longer, and one that
     * was taken back with its import. */
    struct viewed paused = view_make(VIEWS);
    struct viewed old = view_make(VIEWS + 1);
    struct viewed taken = view_make(VIEWS + 2);
    struct store_view import = {&taken, now_ms, 0};
    struct store_undo undo = {.name = "file"};
    bool more = true;
    paused.viewed_at_ms = now_ms;
    strcpy(paused.user_id, "pausing");
    old.viewed_at_ms = now_ms - INT64_C(2) * 24 * 60 * 60 * 1000;
    strcpy(old.user_id, "forgetful");
    assert_int_equal(store_set_paused(fixture->store, "pausing", true, now_ms,
                                      &recording, &fault),
                     RESULT_OK);
    assert_int_equal(
        store_set_keep_days(fixture->store, "forgetful", 1, &fault), RESULT_OK);
    assert_int_equal(
        store_import_write(fixture->store, "file", &import, 1, &fault),
        RESULT_OK);
    while (more)
        assert_int_equal(
            store_import_undo_step(fixture->store, &undo, &more, &fault),
            RESULT_OK);
    store_one(other.store, &paused);
    store_one(other.store, &old);
    store_one(other.store, &taken);
    const struct store_comparison *found = compare(fixture, &other, INT64_MAX);
    assert_true(store_comparison_is_equal(found));
    assert_int_equal(found->rebuilt.rows, VIEWS);
    found = compare(&other, fixture, INT64_MAX);
    assert_int_equal(found->lost, 3);
    fixture_close(&other);
}

/* More users than are named. */
static void of_many_users_all_are_counted(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = open_both(fixture);
    for (uint32_t i = 0; i < STORE_COMPARE_NAMED + 20; i++) {
        struct viewed view = view_make(VIEWS + i);
        (void)snprintf(view.user_id, sizeof view.user_id, "lost-%u", i);
        store_one(fixture->store, &view);
    }
    const struct store_comparison *found = compare(fixture, &other, INT64_MAX);
    assert_int_equal(found->lost, STORE_COMPARE_NAMED + 20);
    assert_int_equal(found->named, STORE_COMPARE_NAMED);
    assert_int_equal(found->users, 7 + STORE_COMPARE_NAMED + 20);
    fixture_close(&other);
}

static void a_store_that_is_not_there_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    static struct store_comparison result;
    struct fault fault = {""};
    fixture_open(fixture);
    assert_int_equal(store_compare(fixture->path, "/nowhere/at/all.db",
                                   INT64_MAX, &result, &fault),
                     RESULT_NOT_FOUND);
}

#define CLAIM(name)                                                            \
    cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(the_order_in_which_views_came_is_no_difference),
        CLAIM(what_only_one_has_is_lost_or_missing),
        CLAIM(what_came_later_than_that_is_not_lost),
        CLAIM(an_altered_row_is_told_once_for_each_user_it_has),
        CLAIM(views_without_an_id_are_counted_alone),
        CLAIM(what_the_live_store_would_not_have_is_not_missing),
        CLAIM(of_many_users_all_are_counted),
        CLAIM(a_store_that_is_not_there_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
