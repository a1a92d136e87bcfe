/* A view that was removed is gone from every list and stays gone; and it can
 * be restored for a while. */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "removed_set.h"
#include "sqlite_parts.h"
#include "store_compare.h"
#include "store_erase.h"
#include "store_removed.h"
#include "store_verify.h"

enum {
    MERGE = 2500, /* views that a quiet store_tidy() moves to disk */
    REMOVED = 5,
    MERGED_STEP = 3000, /* of the 20,000 entries */
};

static enum result remove_at(struct store *store, const struct viewed *view,
                             int64_t now_ms, struct removed_view *ret)
{
    struct fault fault = {0};
    return store_remove(store, &view->id, now_ms, ret, &fault);
}

static void remove_one(struct store *store, const struct viewed *view)
{
    struct removed_view told;
    assert_int_equal(remove_at(store, view, clock_now_ms(), &told), RESULT_OK);
}

static enum result restore_at(struct store *store, const struct viewed *view,
                              int64_t now_ms)
{
    struct fault fault = {0};
    return store_restore_removed(store, &view->id, now_ms, &fault);
}

static enum store_written write_one(struct store *store,
                                    const struct viewed *viewed)
{
    struct fault fault = {0};
    struct store_view view = {.viewed = viewed, .received_ms = FIXTURE_TIME};
    assert_int_equal(store_write(store, &view, 1, &fault), RESULT_OK);
    return view.written;
}

/* In each list that it was in: what is counted is what is handed out. */
static uint32_t count_in_lists(struct store *store, const struct viewed *view)
{
    uint32_t rows = 0;
    struct kept_page *page = kept_page_make();
    for (int i = 0; i < 4; i++) {
        struct store_query query = query_all();
        query.user_id = (i & 1) != 0 ? view->user_id : NULL;
        query.video_id = (i & 2) != 0 ? view->video_id : NULL;
        query.count = true;
        ask(store, &query, page);
        uint32_t here = count_rows(store, query);
        assert_int_equal(page->page.total, here);
        rows += here;
    }
    kept_page_free(page);
    return rows;
}

static void assert_good(struct fixture *fixture)
{
    struct store_report report;
    struct fault fault = {0};
    assert_int_equal(store_verify(fixture->path, &report, &fault), RESULT_OK);
    assert_string_equal(report.problem, "");
}

/* So many entries of the frozen run, or some more, are on disk. */
static void merge_to(struct store *store, size_t entries)
{
    while (sqlite_store_of(store)->merged < entries)
        assert_true(tidy_once(store, true));
}

/* Wherever its entries are: in memory, on disk, or half of them merged, which
 * is only so of a file. */
static void a_removed_view_is_in_no_list(void **state)
{
    struct fixture *fixture = *state;
    for (int where = 0; where < (fixture->is_file ? 3 : 2); where++) {
        fixture_open(fixture);
        store_range(fixture->store, (uint32_t)where * 10000, MERGE * 2);
        if (where == 1)
            tidy_all(fixture->store);
        for (uint32_t i = 0; i < REMOVED; i++) {
            if (where == 2)
                merge_to(fixture->store, (i + 1) * MERGED_STEP);
            struct viewed view = view_make((uint32_t)where * 10000 + i * 797);
            uint32_t before = count_in_lists(fixture->store, &view);
            remove_one(fixture->store, &view);
            assert_int_equal(count_in_lists(fixture->store, &view), before - 4);
            assert_false(is_stored(fixture->store, &view));
        }
        store_range(fixture->store, (uint32_t)where * 10000 + 5000, 10);
        tidy_all(fixture->store);
        assert_good(fixture);
        fixture_reopen(fixture);
        assert_good(fixture);
        struct store_stats stats;
        store_stats(fixture->store, &stats);
        assert_int_equal(stats.views, (where + 1) * (2 * MERGE - REMOVED + 10));
        assert_int_equal(count_rows(fixture->store, query_all()), stats.views);
        fixture_close(fixture);
    }
}

static void it_is_refused_from_then_on_and_others_are_not(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, 20);
    struct viewed view = view_make(7);
    struct removed_view told;
    remove_one(fixture->store, &view);
    assert_int_equal(remove_at(fixture->store, &view, 1, &told),
                     RESULT_NOT_FOUND);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(write_one(fixture->store, &view), STORE_REMOVED);
        struct viewed known = view_make(8);
        struct viewed fresh = view_make(100 + (uint32_t)i);
        assert_int_equal(write_one(fixture->store, &known), STORE_KNOWN);
        assert_int_equal(write_one(fixture->store, &fresh), STORE_NEW);
        fixture_reopen(fixture);
    }
    assert_false(is_stored(fixture->store, &view));
}

/* The mark, the tail and the log's end go on from where nothing is left. */
static void all_that_there_is_may_be_removed(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, 3);
    for (uint32_t i = 0; i < 3; i++) {
        struct viewed view = view_make(i);
        remove_one(fixture->store, &view);
    }
    assert_int_equal(count_rows(fixture->store, query_all()), 0);
    struct store_erasure erasure = {.user_id = "nobody"};
    struct fault fault = {0};
    assert_int_equal(store_erase(fixture->store, &erasure, &fault), RESULT_OK);
    fixture_reopen(fixture);
    struct kept_page *page = kept_page_make();
    struct store_query query = query_all();
    store_range(fixture->store, 10, 1);
    ask(fixture->store, &query, page);
    assert_int_equal(page->page.rows, 1);
    assert_int_equal(page->page.first.seq, 7); /* none is given twice */
    kept_page_free(page);
    assert_good(fixture);
}

static void it_can_be_restored_as_it_was_for_ten_minutes(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, 10);
    struct viewed view = view_make(4);
    int64_t now_ms = clock_now_ms();
    struct removed_view told;
    assert_int_equal(restore_at(fixture->store, &view, now_ms),
                     RESULT_NOT_FOUND);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(remove_at(fixture->store, &view, now_ms, &told),
                         RESULT_OK);
        fixture_reopen(fixture);
        assert_int_equal(
            restore_at(fixture->store, &view, now_ms + STORE_UNDO_MS),
            RESULT_NOT_FOUND);
        assert_int_equal(
            restore_at(fixture->store, &view, now_ms + STORE_UNDO_MS - 1),
            RESULT_OK);
        assert_int_equal(write_one(fixture->store, &view), STORE_KNOWN);
    }
    struct kept_page *page = kept_page_make();
    struct store_query query = query_all();
    ask(fixture->store, &query, page);
    assert_int_equal(page->page.rows, 10);
    assert_row_is(&page->rows[5], &view);
    kept_page_free(page);
    assert_good(fixture);
}

static bool file_has(const struct fixture *fixture, const char *words)
{
    static const char *const suffixes[] = {"", "-wal"};
    bool found = false;
    for (size_t i = 0; i < 2; i++) {
        char path[FIXTURE_PATH_BYTES + 8];
        (void)snprintf(path, sizeof path, "%s%s", fixture->path, suffixes[i]);
        FILE *file = fopen(path, "rb");
        if (file == NULL)
            continue;
        static char bytes[4 << 20];
        size_t count = fread(bytes, 1, sizeof bytes, file);
        (void)fclose(file);
        found = found || memmem(bytes, count, words, strlen(words)) != NULL;
    }
    return found;
}

static void
what_it_said_is_overwritten_when_it_can_be_restored_no_more(void **state)
{
    static const char secret[] = "what-anna-saw.mp4";
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    fixture_open(fixture);
    store_range(fixture->store, 0, 10);
    struct viewed view = view_make(20);
    strcpy(view.video_id, secret);
    strcpy(view.video_path, secret);
    store_one(fixture->store, &view);
    struct removed_view told;
    int64_t long_ago_ms = clock_now_ms() - STORE_UNDO_MS - 6000;
    assert_int_equal(remove_at(fixture->store, &view, long_ago_ms, &told),
                     RESULT_OK);
    assert_true(file_has(fixture, secret));
    tidy_all(fixture->store);
    assert_false(file_has(fixture, secret));
    assert_int_equal(write_one(fixture->store, &view), STORE_REMOVED);
}

static void
an_erased_user_takes_removals_along_and_is_refused_as_far(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, 10);
    struct viewed ahead = view_make(20);
    strcpy(ahead.user_id, "anna");
    ahead.viewed_at_ms = clock_now_ms() + INT64_C(1000000000);
    store_one(fixture->store, &ahead);
    remove_one(fixture->store, &ahead);
    struct store_erasure erasure = {.user_id = "anna",
                                    .until_ms = clock_now_ms()};
    struct fault fault = {0};
    assert_int_equal(store_erase(fixture->store, &erasure, &fault), RESULT_OK);
    assert_int_equal(erasure.until_ms, ahead.viewed_at_ms);
    struct removed_set set = {0};
    assert_int_equal(store_removed_all(fixture->store, &set, &fault),
                     RESULT_OK);
    assert_int_equal(set.count, 0);
    removed_set_done(&set);
    assert_int_equal(write_one(fixture->store, &ahead), STORE_ERASED);
    assert_int_equal(restore_at(fixture->store, &ahead, clock_now_ms()),
                     RESULT_NOT_FOUND);
}

static void an_older_store_takes_over_what_was_removed(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, 3000);
    struct removed_set set = {0};
    for (uint32_t i = 0; i < 50; i++) {
        struct viewed view = view_make(i * 70); /* of some it has none */
        struct removed_view removed = {.id = view.id, .removed_ms = 5};
        assert_true(removed_set_add(&set, &removed));
    }
    removed_set_sort(&set);
    for (int i = 0; i < 2; i++) {
        int64_t views = 0;
        struct fault fault = {0};
        assert_int_equal(
            store_removed_import(fixture->store, &set, &views, &fault),
            RESULT_OK);
        assert_int_equal(views, i == 0 ? 43 : 0);
        assert_int_equal(count_rows(fixture->store, query_all()), 3000 - 43);
        struct viewed late = view_make(49 * 70);
        assert_int_equal(write_one(fixture->store, &late), STORE_REMOVED);
        fixture_reopen(fixture);
        assert_good(fixture);
    }
    removed_set_done(&set);
}

/* What a file said is what is read, the last line of each id. */
static void files_keep_removals_and_undoings(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    struct fault fault = {0};
    char path[FIXTURE_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s-removed", fixture->path);
    struct removed_set set = {0};
    bool tidy = true;
    assert_int_equal(removed_set_read(&set, path, &tidy, &fault), RESULT_OK);
    assert_int_equal(set.count, 0);
    struct removed_view views[3];
    for (uint32_t i = 0; i < 3; i++) {
        struct viewed view = view_make(i);
        views[i] = (struct removed_view){.id = view.id,
                                         .user_given = i != 1,
                                         .removed_ms = 1000 + i,
                                         .ahead_ms = i == 2 ? 5000 : 0};
        if (i != 1)
            views[i].user = erased_user_of(view.user_id, strlen(view.user_id));
        assert_int_equal(removed_set_append(path, &views[i], false, &fault),
                         RESULT_OK);
    }
    assert_int_equal(removed_set_read(&set, path, &tidy, &fault), RESULT_OK);
    assert_true(tidy);
    assert_int_equal(set.count, 3);
    removed_set_done(&set);
    assert_int_equal(removed_set_append(path, &views[0], true, &fault),
                     RESULT_OK);
    assert_int_equal(removed_set_append(path, &views[1], true, &fault),
                     RESULT_OK);
    assert_int_equal(removed_set_append(path, &views[1], false, &fault),
                     RESULT_OK);
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    assert_true(fputs("- 0123", file) >= 0); /* not written whole */
    assert_int_equal(fclose(file), 0);
    assert_int_equal(removed_set_read(&set, path, &tidy, &fault), RESULT_OK);
    assert_false(tidy);
    assert_int_equal(set.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct removed_view *read = &set.views[i];
        const struct removed_view *view =
            memcmp(&read->id, &views[1].id, 16) == 0 ? &views[1] : &views[2];
        assert_memory_equal(&read->id, &view->id, 16);
        assert_int_equal(read->user_given, view->user_given);
        if (view->user_given)
            assert_memory_equal(&read->user, &view->user, 16);
        assert_int_equal(read->removed_ms, view->removed_ms);
        assert_int_equal(read->ahead_ms, view->ahead_ms);
    }
    assert_int_equal(removed_set_write(&set, path, &fault), RESULT_OK);
    removed_set_done(&set);
    tidy = true;
    assert_int_equal(removed_set_read(&set, path, &tidy, &fault), RESULT_OK);
    assert_true(tidy);
    assert_int_equal(set.count, 2);
    removed_set_done(&set);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs("+ words\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(removed_set_read(&set, path, &tidy, &fault),
                     RESULT_UNUSABLE);
    (void)remove(path);
}

static struct store_comparison compare(const char *live, const char *rebuilt)
{
    static struct store_comparison result;
    struct fault fault = {0};
    assert_int_equal(store_compare(live, rebuilt, INT64_MAX, &result, &fault),
                     RESULT_OK);
    return result;
}

/* A drill goes on while users remove and restore. */
static void
a_comparison_knows_what_was_removed_or_restored_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    fixture_open(fixture);
    store_range(fixture->store, 0, 20);
    char before[FIXTURE_PATH_BYTES + 8];
    (void)snprintf(before, sizeof before, "%s-before", fixture->path);
    fixture_copy(fixture, before);
    struct viewed view = view_make(3);
    remove_one(fixture->store, &view);
    struct store_comparison removed = compare(fixture->path, before);
    assert_true(store_comparison_is_equal(&removed));
    assert_int_equal(removed.rebuilt.rows, 19);
    struct store_comparison restored = compare(before, fixture->path);
    assert_true(store_comparison_is_equal(&restored));
    assert_int_equal(restored.since, 1);
    /* Without its removal it is missing, or lost, as any other. */
    fixture_close(fixture);
    fixture_sql(fixture, "DELETE FROM removed");
    struct store_comparison missing = compare(fixture->path, before);
    assert_false(store_comparison_is_equal(&missing));
    assert_int_equal(missing.missing, 1);
    struct store_comparison lost = compare(before, fixture->path);
    assert_false(store_comparison_is_equal(&lost));
    assert_int_equal(lost.lost, 1);
}

#define TEST(claim)                                                            \
    cmocka_unit_test_setup_teardown(claim, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_removed_view_is_in_no_list),
        TEST(it_is_refused_from_then_on_and_others_are_not),
        TEST(all_that_there_is_may_be_removed),
        TEST(it_can_be_restored_as_it_was_for_ten_minutes),
        TEST(what_it_said_is_overwritten_when_it_can_be_restored_no_more),
        TEST(an_erased_user_takes_removals_along_and_is_refused_as_far),
        TEST(an_older_store_takes_over_what_was_removed),
        TEST(a_comparison_knows_what_was_removed_or_restored_meanwhile),
        TEST(files_keep_removals_and_undoings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
