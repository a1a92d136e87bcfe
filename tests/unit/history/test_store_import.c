/* Imports, and what is left when one is taken back. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>

#include "store_changes.h"
#include "store_erase.h"
#include "store_import.h"
#include "store_look.h"
#include "store_removed.h"
#include "store_verify.h"
#include "store_videos.h"

enum {
    BATCH = 500,
};

/* Views first to first + count - 1; returns how many were new. */
static size_t import_range(struct store *store, const char *name,
                           uint32_t first, uint32_t count)
{
    static struct viewed viewed[BATCH];
    static struct store_view views[BATCH];
    struct fault fault = {""};
    size_t added = 0;
    while (count > 0) {
        uint32_t some = count < BATCH ? count : BATCH;
        for (uint32_t i = 0; i < some; i++) {
            viewed[i] = view_make(first + i);
            views[i] = (struct store_view){.viewed = &viewed[i],
                                           .received_ms = FIXTURE_TIME};
        }
        assert_int_equal(store_import_write(store, name, views, some, &fault),
                         RESULT_OK);
        for (uint32_t i = 0; i < some; i++)
            added += views[i].written == STORE_NEW ? 1 : 0;
        first += some;
        count -= some;
    }
    return added;
}

static struct store_undo undo; /* is large */

/* At most so many steps; returns whether it is done. */
static bool undo_some(struct store *store, const char *name, int steps)
{
    struct fault fault = {""};
    bool more = true;
    undo = (struct store_undo){.name = name};
    for (; more && steps > 0; steps--) {
        assert_int_equal(store_import_undo_step(store, &undo, &more, &fault),
                         RESULT_OK);
        assert_true(undo.gone_count <= STORE_UNDO_ROWS);
    }
    return !more;
}

static int64_t undo_all(struct store *store, const char *name)
{
    assert_true(undo_some(store, name, 100000));
    return undo.views;
}

static bool has(struct store *store, uint32_t n)
{
    struct viewed view = view_make(n);
    return is_stored(store, &view);
}

static void assert_range(struct store *store, uint32_t first, uint32_t count,
                         bool there)
{
    for (uint32_t n = first; n < first + count; n++)
        if (has(store, n) != there)
            fail_msg("view %u is %s", n, there ? "gone" : "there");
}

/* The file must be closed. */
static void assert_good(const struct fixture *fixture, int64_t views)
{
    struct store_report report;
    struct fault fault = {""};
    assert_int_equal(store_verify(fixture->path, &report, &fault), RESULT_OK);
    assert_string_equal(report.problem, "");
    assert_int_equal(report.views, views);
}

static uint32_t count_list(struct store *store, const char *user_id,
                           const char *video_id)
{
    struct store_query query = query_all();
    query.user_id = user_id;
    query.video_id = video_id;
    return count_rows(store, query);
}

static void an_undo_takes_what_the_import_added_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t tidied = 0; tidied < 2; tidied++) {
        uint32_t others = 20000 + tidied * 1000; /* they stay */
        uint32_t left = 500 + tidied * 200;
        fixture_open(fixture);
        struct store *store = fixture->store;
        if (tidied == 0)
            store_range(store, 1000, 300); /* known to the import */
        assert_int_equal(import_range(store, "one", 0, 1200), 1000);
        store_range(store, others, 100); /* came in between */
        assert_int_equal(import_range(store, "one", 1200, 800), 700);
        assert_int_equal(import_range(store, "one", 0, 2000), 0);
        store_range(store, others + 500, 100);
        if (tidied == 1)
            tidy_all(store);
        assert_int_equal(undo_all(store, "one"), 1700);
        assert_range(store, 0, 1000, false);
        assert_range(store, 1000, 300, true);
        assert_range(store, 1300, 700, false);
        assert_range(store, others, 100, true);
        assert_range(store, others + 500, 100, true);
        assert_int_equal(count_list(store, NULL, NULL), left);
        uint32_t users = 0;
        for (int i = 0; i < 7; i++) {
            char user[16];
            (void)snprintf(user, sizeof user, "user-%d", i);
            users += count_list(store, user, NULL);
        }
        assert_int_equal(users, left);
        fixture_close(fixture);
        assert_good(fixture, left);
    }
}

static void it_can_be_imported_and_taken_back_again(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, 10);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(import_range(fixture->store, "one", 0, 300), 290);
        assert_range(fixture->store, 0, 300, true);
        assert_int_equal(undo_all(fixture->store, "one"), 290);
        assert_range(fixture->store, 0, 10, true);
        assert_range(fixture->store, 10, 290, false);
        fixture_reopen(fixture);
    }
    assert_int_equal(import_range(fixture->store, "two", 0, 300), 290);
    fixture_close(fixture);
    assert_good(fixture, 300);
}

static void a_name_that_added_nothing_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {""};
    bool more;
    fixture_open(fixture);
    store_range(fixture->store, 0, 10);
    assert_int_equal(import_range(fixture->store, "one", 0, 10), 0);
    undo = (struct store_undo){.name = "one"};
    assert_int_equal(
        store_import_undo_step(fixture->store, &undo, &more, &fault),
        RESULT_NOT_FOUND);
    assert_int_equal(import_range(fixture->store, "one", 10, 1), 1);
    assert_int_equal(undo_all(fixture->store, "one"), 1);
    assert_int_equal(
        store_import_write(fixture->store, "-no name", NULL, 0, &fault),
        RESULT_MALFORMED);
}

static void two_imports_are_two(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct store *store = fixture->store;
    for (uint32_t n = 0; n < 100; n += 10) {
        assert_int_equal(import_range(store, "one", n, 10), 10);
        assert_int_equal(import_range(store, "two", n + 100, 10), 10);
    }
    assert_int_equal(undo_all(store, "two"), 100);
    assert_range(store, 0, 100, true);
    assert_range(store, 100, 100, false);
    assert_int_equal(undo_all(store, "one"), 100);
    assert_int_equal(count_list(store, NULL, NULL), 0);
}

static void what_a_user_removed_stays_removed_and_restored_stays(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {""};
    struct removed_view told;
    struct viewed removed = view_make(3);
    struct viewed restored = view_make(4);
    int64_t now_ms = clock_now_ms();
    fixture_open(fixture);
    struct store *store = fixture->store;
    assert_int_equal(import_range(store, "one", 0, 10), 10);
    assert_int_equal(store_remove(store, &removed.id, now_ms, &told, &fault),
                     RESULT_OK);
    assert_int_equal(store_remove(store, &restored.id, now_ms, &told, &fault),
                     RESULT_OK);
    assert_int_equal(store_restore_removed(store, &restored.id, now_ms, &fault),
                     RESULT_OK);
    assert_int_equal(undo_all(store, "one"), 8);
    assert_true(has(store, 4));
    assert_int_equal(count_list(store, NULL, NULL), 1);
    /* 3 is refused still. */
    assert_int_equal(import_range(store, "one", 0, 10), 8);
    assert_false(has(store, 3));
    fixture_close(fixture);
    assert_good(fixture, 9);
}

static void an_undo_that_a_crash_has_ended_goes_on(void **state)
{
    struct fixture *fixture = *state;
    for (int steps = 1; steps < 12; steps++) {
        fixture_open(fixture);
        uint32_t first = (uint32_t)steps * 10000;
        assert_int_equal(import_range(fixture->store, "one", first, 900), 900);
        bool is_done = undo_some(fixture->store, "one", steps);
        int64_t before = undo.views;
        fixture_reopen(fixture);
        if (!is_done)
            assert_int_equal(undo_all(fixture->store, "one") + before, 900);
        assert_range(fixture->store, first, 900, false);
        fixture_close(fixture);
        assert_good(fixture, 0);
        fixture_open(fixture);
        fixture_close(fixture);
    }
}

static void
an_import_that_goes_on_amid_its_undo_leaves_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {""};
    bool more = true;
    int ends = 0;
    fixture_open(fixture);
    struct store *store = fixture->store;
    assert_int_equal(import_range(store, "one", 0, 300), 300);
    undo = (struct store_undo){.name = "one"};
    while (more) {
        if (undo.phase == STORE_UNDO_END && ends++ == 0)
            assert_int_equal(import_range(store, "one", 300, 300), 300);
        assert_int_equal(store_import_undo_step(store, &undo, &more, &fault),
                         RESULT_OK);
    }
    assert_int_equal(ends, 2);
    assert_int_equal(undo.views, 600);
    assert_int_equal(count_list(store, NULL, NULL), 0);
    /* The next import has no places but its own. */
    store_range(store, 0, 600);
    assert_int_equal(import_range(store, "two", 600, 10), 10);
    assert_int_equal(undo_all(store, "two"), 10);
    assert_int_equal(count_list(store, NULL, NULL), 600);
}

/* --- who is told ---------------------------------------------------------- */

struct told {
    uint32_t views;
    uint32_t removals;
    bool removal_first;
};

static void tell_view(void *context, const struct store_row *row)
{
    struct told *told = context;
    (void)row;
    told->views++;
}

static void tell_removal(void *context, const struct store_removal *removal)
{
    struct told *told = context;
    (void)removal;
    told->removal_first = told->removal_first || told->views == 0;
    told->removals++;
}

static struct told ask_changes(struct store *store,
                               struct store_changes_query *query)
{
    struct told told = {0};
    struct store_changes_taker taker = {tell_view, tell_removal, &told};
    struct store_changes_page page = {.more = true};
    struct fault fault = {""};
    while (page.more) {
        assert_int_equal(store_changes(store, query, &taker, &page, &fault),
                         RESULT_OK);
        query->after_given = true;
        query->after = page.last;
        query->after_check = page.last_check;
    }
    return told;
}

static void who_follows_the_changes_is_told_of_each(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct store *store = fixture->store;
    struct store_changes_query all = {.since_ms = 0, .limit = 100};
    struct store_changes_query one = {
        .user_id = "user-1", .since_ms = 0, .limit = 100};
    assert_int_equal(import_range(store, "one", 0, 700), 700);
    assert_int_equal(ask_changes(store, &all).views, 700);
    assert_int_equal(ask_changes(store, &one).views, 100);
    assert_int_equal(undo_all(store, "one"), 700);
    struct told told = ask_changes(store, &all);
    assert_int_equal(told.removals, 700);
    assert_int_equal(told.views, 0);
    assert_int_equal(ask_changes(store, &one).removals, 100);
    fixture_reopen(fixture);
    store = fixture->store;
    assert_int_equal(import_range(store, "one", 0, 700), 700);
    told = ask_changes(store, &all);
    assert_int_equal(told.views, 700);
    assert_int_equal(told.removals, 0);
    /* Who begins now hears of both, the removal first. */
    struct store_changes_query anew = {.since_ms = 0, .limit = 1000};
    told = ask_changes(store, &anew);
    assert_int_equal(told.views, 700);
    assert_int_equal(told.removals, 700);
    assert_true(told.removal_first);
}

static void a_list_that_changes_has_another_version(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    uint64_t before = 0;
    uint64_t after = 0;
    struct store_query query = query_all();
    query.user_id = "user-1";
    fixture_open(fixture);
    assert_int_equal(import_range(fixture->store, "one", 0, 7), 7);
    assert_true(store_version(fixture->store, &query, &before));
    assert_int_equal(undo_all(fixture->store, "one"), 7);
    assert_true(store_version(fixture->store, &query, &after));
    assert_true(before != after);
}

static void count_video(void *context, const char *video_id, size_t bytes)
{
    int *count = context;
    (void)video_id;
    (void)bytes;
    ++*count;
}

static void videos_of_it_alone_go_with_it(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {""};
    bool more;
    int count = 0;
    fixture_open(fixture);
    store_range(fixture->store, 0, 2);
    assert_int_equal(import_range(fixture->store, "one", 2, 100), 100);
    assert_int_equal(undo_all(fixture->store, "one"), 100);
    assert_int_equal(
        store_videos(fixture->store, 100, count_video, &count, &more, &fault),
        RESULT_OK);
    assert_int_equal(count, 2);
}

static void an_erased_user_leaves_nothing_of_an_undo(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {""};
    struct store_erasure erasure = {.user_id = "user-1",
                                    .until_ms = FIXTURE_TIME + 1000000};
    struct store_changes_query all = {.since_ms = 0, .limit = 1000};
    fixture_open(fixture);
    assert_int_equal(import_range(fixture->store, "one", 0, 70), 70);
    assert_int_equal(undo_all(fixture->store, "one"), 70);
    assert_int_equal(store_erase(fixture->store, &erasure, &fault), RESULT_OK);
    assert_int_equal(ask_changes(fixture->store, &all).removals, 60);
    assert_int_equal(store_removed_count(fixture->store), 0);
    /* And none of it comes in again. */
    assert_int_equal(import_range(fixture->store, "one", 0, 70), 60);
}

#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_undo_takes_what_the_import_added_and_no_more),
        TEST(it_can_be_imported_and_taken_back_again),
        TEST(a_name_that_added_nothing_is_not_found),
        TEST(two_imports_are_two),
        TEST(what_a_user_removed_stays_removed_and_restored_stays),
        TEST(an_undo_that_a_crash_has_ended_goes_on),
        TEST(an_import_that_goes_on_amid_its_undo_leaves_nothing_behind),
        TEST(who_follows_the_changes_is_told_of_each),
        TEST(a_list_that_changes_has_another_version),
        TEST(videos_of_it_alone_go_with_it),
        TEST(an_erased_user_leaves_nothing_of_an_undo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
