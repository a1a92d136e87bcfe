/*
 * The store on a disk that fails, fills up or loses power, and without
 * memory: a batch is stored whole or not at all, and what store_write() said
 * was stored stays.
 */
#include "store_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_vfs.h"

enum {
    BASE = 2200, /* stored before anything fails: enough to be merged */
    BATCH = 40,
};

/* Allocations of ours (not SQLite's): the linker leads them here. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);

static int allocations_left = -1; /* below 0: there is memory */
static bool one_fails;            /* or all from there on */

static bool there_is_memory(void)
{
    bool is_there = allocations_left != 0;
    if (allocations_left > 0 || (!is_there && one_fails))
        allocations_left--;
    return is_there;
}

void *__wrap_malloc(size_t bytes)
{
    return there_is_memory() ? __real_malloc(bytes) : NULL;
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return there_is_memory() ? __real_calloc(count, bytes) : NULL;
}

/* Views first to first + BATCH - 1, in one batch; the caller frees both. */
static struct store_view *make_batch(uint32_t first, struct viewed **ret_views)
{
    struct viewed *views = calloc(BATCH, sizeof *views);
    struct store_view *batch = calloc(BATCH, sizeof *batch);
    assert_non_null(views);
    assert_non_null(batch);
    for (uint32_t i = 0; i < BATCH; i++) {
        views[i] = view_make(first + i);
        batch[i] = (struct store_view){&views[i], views[i].viewed_at_ms, 0};
    }
    *ret_views = views;
    return batch;
}

static enum result try_batch(struct store *store, uint32_t first,
                             struct fault *fault)
{
    struct viewed *views;
    struct store_view *batch = make_batch(first, &views);
    enum result result = store_write(store, batch, BATCH, fault);
    free(batch);
    free(views);
    return result;
}

/* The rows of the lists that view_make() names, counted one by one: of users,
 * of videos or of both. */
static uint32_t count_lists(struct store *store, unsigned users,
                            unsigned videos)
{
    uint32_t rows = 0;
    for (unsigned i = 0; i < users * videos; i++) {
        struct store_query query = query_all();
        char user_id[32];
        char video_id[32];
        (void)snprintf(user_id, sizeof user_id, "user-%u", i % users);
        (void)snprintf(video_id, sizeof video_id, "video-%u.mp4", i / users);
        query.user_id = users > 1 ? user_id : NULL;
        query.video_id = videos > 1 ? video_id : NULL;
        query.limit = STORE_PAGE_ROWS_MAX;
        rows += count_rows(store, query);
    }
    return rows;
}

/* All lists say the same as the table. */
static void assert_holds(struct store *store, uint32_t views)
{
    struct store_stats stats;
    store_stats(store, &stats);
    assert_int_equal(stats.views, views);
    assert_int_equal(stats.merged_seq + stats.tail_rows, views);
    assert_int_equal(count_lists(store, 1, 1), views);
    assert_int_equal(count_lists(store, 7, 1), views);
    assert_int_equal(count_lists(store, 1, 5), views);
    assert_int_equal(count_lists(store, 7, 5), views);
}

static void fixture_discard(struct fixture *fixture)
{
    (void)store_close(fixture->store, NULL);
    fixture->store = NULL;
}

static void a_failed_write_stores_nothing_and_can_be_given_again(void **state)
{
    struct fixture *fixture = *state;
    const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
    fixture_open(fixture);
    store_range(fixture->store, 0, BASE);
    uint32_t views = BASE;
    for (size_t c = 0; c < sizeof codes / sizeof codes[0]; c++) {
        bool was_hit = true;
        for (unsigned n = 0; was_hit; n++) {
            struct fault fault = {""};
            fault_vfs_fail_after(n, codes[c], n % 2 == 0);
            enum result result = try_batch(fixture->store, views, &fault);
            was_hit = fault_vfs_heal();
            assert_int_equal(result, was_hit ? RESULT_UNAVAILABLE : RESULT_OK);
            if (!was_hit)
                break;
            assert_string_not_equal(fault.text, "");
            assert_holds(fixture->store, views);
            if (n % 5 == 0) {
                assert_int_equal(try_batch(fixture->store, views, &fault),
                                 RESULT_OK);
                views += BATCH;
                assert_holds(fixture->store, views);
            }
        }
        views += BATCH;
        assert_holds(fixture->store, views);
        assert_true(views > BASE + BATCH); /* something was hit */
    }
    fixture_reopen(fixture);
    assert_holds(fixture->store, views);
}

/* SQLite rolls back by itself then, in the middle of the batch. */
static void a_disk_that_fills_up_in_mid_batch_stores_none_of_it(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, BASE);
    struct viewed *views = calloc(STORE_BATCH_MAX, sizeof *views);
    struct store_view *batch = calloc(STORE_BATCH_MAX, sizeof *batch);
    assert_non_null(views);
    assert_non_null(batch);
    for (uint32_t i = 0; i < STORE_BATCH_MAX; i++) {
        views[i] = view_make(BASE + i);
        memset(views[i].video_path, 'p', VIEWED_PATH_BYTES_MAX);
        batch[i] = (struct store_view){&views[i], FIXTURE_TIME, 0};
    }
    /* Little room for pages: they are written before the commit. */
    sqlite3_int64 before = sqlite3_soft_heap_limit64(sqlite3_memory_used());
    struct fault fault = {""};
    fault_vfs_fail_after(100, SQLITE_FULL, true);
    assert_int_equal(
        store_write(fixture->store, batch, STORE_BATCH_MAX, &fault),
        RESULT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "cannot store"));
    assert_true(fault_vfs_heal());
    (void)sqlite3_soft_heap_limit64(before);
    assert_holds(fixture->store, BASE);
    assert_int_equal(
        store_write(fixture->store, batch, STORE_BATCH_MAX, &fault), RESULT_OK);
    assert_holds(fixture->store, BASE + STORE_BATCH_MAX);
    free(batch);
    free(views);
}

static void after_a_failed_sync_only_a_new_start_is_right(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, BASE);
    struct fault fault = {""};
    enum result result = RESULT_OK;
    /* Whichever operation of the write is the sync. */
    for (unsigned n = 0; result != RESULT_UNUSABLE; n++) {
        assert_true(n < 1000);
        fault_vfs_fail_after(n, SQLITE_IOERR_FSYNC, true);
        result = try_batch(fixture->store, BASE, &fault);
        assert_true(fault_vfs_heal());
    }
    fixture_discard(fixture);
    fixture_open(fixture);
    /* The batch may be there or not; given again, it is there once. */
    assert_int_equal(try_batch(fixture->store, BASE, &fault), RESULT_OK);
    assert_holds(fixture->store, BASE + BATCH);
}

static void a_failed_merge_loses_nothing_and_goes_on_later(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    uint32_t views = 0;
    bool was_hit = true;
    for (unsigned n = 0; was_hit; n = n * 2 + 1) {
        store_range(fixture->store, views, BASE);
        views += BASE;
        struct fault fault = {""};
        bool more = true;
        enum result result = RESULT_OK;
        fault_vfs_fail_after(n, SQLITE_FULL, true);
        while (result == RESULT_OK && more)
            result = store_tidy(fixture->store, true, &more, &fault);
        was_hit = fault_vfs_heal();
        assert_int_equal(result, was_hit ? RESULT_UNAVAILABLE : RESULT_OK);
        assert_holds(fixture->store, views);
        if (n % 3 == 0)
            fixture_reopen(fixture);
        tidy_all(fixture->store);
        assert_holds(fixture->store, views);
    }
}

/* Under a load that never ends a batch carries a share of the merge. */
static void a_failed_batch_takes_back_its_share_of_the_merge(void **state)
{
    enum {
        LOAD = 131000,
    };
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, LOAD);
    uint32_t views = LOAD;
    bool was_hit = true;
    for (unsigned n = 0; was_hit; n++) {
        struct fault fault = {""};
        fault_vfs_fail_after(n, SQLITE_FULL, true);
        enum result result = try_batch(fixture->store, views, &fault);
        was_hit = fault_vfs_heal();
        assert_int_equal(result, was_hit ? RESULT_UNAVAILABLE : RESULT_OK);
        if (was_hit && n % 8 == 0)
            assert_int_equal(try_batch(fixture->store, views, &fault),
                             RESULT_OK);
        if (!was_hit || n % 8 == 0)
            views += BATCH;
    }
    struct store_stats stats;
    do {
        store_range(fixture->store, views, 4000);
        views += 4000;
        store_stats(fixture->store, &stats);
    } while (stats.merged_seq == 0);
    assert_holds(fixture->store, views);
}

/* What was said to be stored is on the disk, whenever the power goes. */
static void assert_survives(struct fixture *fixture, uint32_t views,
                            uint32_t tried, uint64_t *random)
{
    struct fixture copy = *fixture;
    copy.store = NULL;
    (void)snprintf(copy.path, sizeof copy.path, "%s/image.db", fixture->folder);
    fault_vfs_crash_image(fixture->path, copy.path, random);
    fixture_open(&copy);
    struct store_stats stats;
    store_stats(copy.store, &stats);
    assert_true(stats.views == views || stats.views == tried);
    assert_holds(copy.store, (uint32_t)stats.views);
    tidy_all(copy.store);
    assert_holds(copy.store, (uint32_t)stats.views);
    fixture_discard(&copy);
}

static void what_was_stored_is_there_after_a_loss_of_power(void **state)
{
    struct fixture *fixture = *state;
    uint64_t random = fixture_seed();
    fault_vfs_record(fixture->path);
    fixture_open(fixture);
    uint32_t views = 0;
    for (int i = 0; i < 40; i++) {
        struct fault fault = {""};
        uint32_t tried = views;
        enum result result = RESULT_OK;
        fault_vfs_fail_after((unsigned)(fixture_draw(&random) % 60),
                             SQLITE_IOERR_WRITE, true);
        if (i % 10 == 9) {
            bool more = true;
            while (result == RESULT_OK && more)
                result = store_tidy(fixture->store, true, &more, &fault);
        } else {
            tried = views + BATCH;
            result = try_batch(fixture->store, views, &fault);
        }
        if (result == RESULT_OK)
            views = tried;
        (void)fault_vfs_heal();
        assert_survives(fixture, views, tried, &random);
        if (i % 10 == 8) {
            store_range(fixture->store, views, BASE);
            views += BASE;
        }
    }
    assert_true(views > 3 * BASE);
}

/* Tries with ever more memory until it is enough. */
static void store_without_memory(struct store *store, uint32_t first)
{
    enum result result = RESULT_UNAVAILABLE;
    for (int n = 0; result != RESULT_OK; n++) {
        struct fault fault = {""};
        struct viewed *views;
        struct store_view *batch = make_batch(first, &views);
        assert_true(n < 100);
        allocations_left = n;
        result = store_write(store, batch, BATCH, &fault);
        allocations_left = -1;
        free(batch);
        free(views);
        assert_true(result == RESULT_OK || result == RESULT_UNAVAILABLE);
        assert_true(n > 0 || result != RESULT_OK); /* some was needed */
        assert_holds(store, result == RESULT_OK ? first + BATCH : first);
    }
}

static void without_memory_a_batch_is_stored_whole_or_not_at_all(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    for (uint32_t i = 0; i < 6; i++) {
        one_fails = i % 2 == 0;
        store_without_memory(fixture->store, i * BATCH);
    }
}

static void without_memory_a_merge_waits(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, BASE);
    struct fault fault = {""};
    bool more = true;
    unsigned failures = 0;
    for (int n = 0; more; n++) {
        assert_true(n < 100);
        allocations_left = n % 4;
        one_fails = n % 8 < 4;
        enum result result = store_tidy(fixture->store, true, &more, &fault);
        allocations_left = -1;
        failures += result == RESULT_UNAVAILABLE;
        assert_holds(fixture->store, BASE);
        if (result != RESULT_OK)
            more = true;
    }
    assert_true(failures > 0);
}

static void
without_memory_the_store_does_not_open_and_leaks_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, BASE);
    struct store_config config = {fixture->path, FIXTURE_READERS};
    for (int once = 0; once < 2; once++) {
        fixture_close(fixture);
        enum result result = RESULT_UNAVAILABLE;
        for (int n = 0; result != RESULT_OK; n++) {
            struct fault fault = {""};
            assert_true(n < 1000);
            one_fails = once == 1;
            allocations_left = n;
            result = store_open(&config, &fixture->store, &fault);
            allocations_left = -1;
            assert_true(result == RESULT_OK || result == RESULT_UNAVAILABLE);
            assert_true(result == RESULT_OK || fault.text[0] != '\0');
        }
        assert_holds(fixture->store, BASE);
    }
}

/* Whatever a test that failed has left. */
static int recover(void **state)
{
    allocations_left = -1;
    (void)fault_vfs_heal();
    int result = fixture_remove(state);
    fault_vfs_forget();
    return result;
}

#define IN_A_FOLDER(claim)                                                     \
    cmocka_unit_test_setup_teardown(claim, fixture_make, recover)

int main(void)
{
    fault_vfs_install();
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_failed_write_stores_nothing_and_can_be_given_again),
        IN_A_FOLDER(a_disk_that_fills_up_in_mid_batch_stores_none_of_it),
        IN_A_FOLDER(after_a_failed_sync_only_a_new_start_is_right),
        IN_A_FOLDER(a_failed_merge_loses_nothing_and_goes_on_later),
        IN_A_FOLDER(a_failed_batch_takes_back_its_share_of_the_merge),
        IN_A_FOLDER(what_was_stored_is_there_after_a_loss_of_power),
        IN_A_FOLDER(without_memory_a_batch_is_stored_whole_or_not_at_all),
        IN_A_FOLDER(without_memory_a_merge_waits),
        IN_A_FOLDER(without_memory_the_store_does_not_open_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
