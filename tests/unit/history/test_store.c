#include "store_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlite_db.h"
#include "store_engine.h"
#include "store_erase.h"

enum {
    MERGE = 2500, /* views that a quiet store_tidy() moves to disk */
};

static void a_stored_view_comes_back_whole(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct viewed whole = view_make(1);
    struct viewed bare = view_make(2);
    bare.id_given = bare.time_given = bare.session_given = false;
    bare.position_ms = bare.duration_ms = -1;
    bare.user_id[0] = bare.video_id[0] = '\0';
    bare.rule = VIEWED_RULE_NONE;
    struct viewed zero = view_make(3);
    zero.position_ms = zero.duration_ms = 0; /* is not the same as absent */
    zero.video_path[0] = '\0';
    zero.rule = VIEWED_RULE_OTHER;
    store_one(fixture->store, &whole);
    store_one(fixture->store, &bare);
    store_one(fixture->store, &zero);

    struct kept_page *page = kept_page_make();
    struct store_query query = query_all();
    for (int i = 0; i < 2; i++) {
        ask(fixture->store, &query, page);
        assert_int_equal(page->page.rows, 3);
        assert_row_is(&page->rows[0], &zero);
        assert_row_is(&page->rows[1], &bare);
        assert_row_is(&page->rows[2], &whole);
        fixture_reopen(fixture);
    }
    kept_page_free(page);
}

static void newest_comes_first_unless_oldest_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    const int64_t times[] = {30, 10, 50, 20, 40};
    for (uint32_t i = 0; i < 5; i++) {
        struct viewed view = view_make(i);
        view.viewed_at_ms = FIXTURE_TIME + times[i];
        store_one(fixture->store, &view);
    }
    struct kept_page *page = kept_page_make();
    struct store_query query = query_all();
    ask(fixture->store, &query, page);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(page->rows[i].row.place.viewed_at_ms,
                         FIXTURE_TIME + 50 - 10 * i);
    query.oldest_first = true;
    ask(fixture->store, &query, page);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(page->rows[i].row.place.viewed_at_ms,
                         FIXTURE_TIME + 10 + 10 * i);
    kept_page_free(page);
}

static void views_of_one_time_come_in_order_of_arrival(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    for (uint32_t i = 0; i < 5; i++) {
        struct viewed view = view_make(i);
        view.viewed_at_ms = FIXTURE_TIME;
        store_one(fixture->store, &view);
    }
    struct kept_page *page = kept_page_make();
    struct store_query query = query_all();
    query.oldest_first = true;
    ask(fixture->store, &query, page);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(page->rows[i].row.id.bytes[3], i);
    kept_page_free(page);
}

/* Half of the views merged, half in the tail. */
static void store_in_both(struct fixture *fixture)
{
    store_range(fixture->store, 0, MERGE);
    tidy_all(fixture->store);
    store_range(fixture->store, MERGE, MERGE);
    struct store_stats stats;
    store_stats(fixture->store, &stats);
    assert_int_equal(stats.views, 2 * MERGE);
    if (!fixture->is_file)
        return;
    assert_int_equal(stats.merged_seq, MERGE);
    assert_int_equal(stats.tail_rows, MERGE);
}

static void each_filter_works_alone_and_with_the_other(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_in_both(fixture);
    struct store_query all = query_all();
    struct store_query user = query_all();
    struct store_query video = query_all();
    struct store_query both = query_all();
    struct store_query none = query_all();
    user.user_id = both.user_id = "user-3";
    video.video_id = both.video_id = "video-4.mp4";
    none.user_id = "user-7";
    assert_int_equal(count_rows(fixture->store, all), 5000);
    assert_int_equal(count_rows(fixture->store, user), 714);
    assert_int_equal(count_rows(fixture->store, video), 1000);
    assert_int_equal(count_rows(fixture->store, both), 143);
    assert_int_equal(count_rows(fixture->store, none), 0);

    struct kept_page *page = kept_page_make();
    ask(fixture->store, &both, page);
    for (uint32_t i = 0; i < page->page.rows; i++) {
        assert_string_equal(page->rows[i].user_id, "user-3");
        assert_string_equal(page->rows[i].video_id, "video-4.mp4");
    }
    kept_page_free(page);
}

static void since_is_inclusive_and_until_exclusive(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_in_both(fixture);
    struct store_query query = query_all();
    for (int i = 0; i < 2; i++) {
        query.oldest_first = i == 1;
        query.since_ms = FIXTURE_TIME + 2400;
        query.until_ms = FIXTURE_TIME + 2600;
        assert_int_equal(count_rows(fixture->store, query), 200);
        query.until_ms = query.since_ms + 1;
        assert_int_equal(count_rows(fixture->store, query), 1);
        query.until_ms = query.since_ms;
        assert_int_equal(count_rows(fixture->store, query), 0);
        query.until_ms = query.since_ms - 100;
        assert_int_equal(count_rows(fixture->store, query), 0);
    }
}

static void times_at_the_ends_of_the_calendar_are_found(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct viewed first = view_make(1);
    struct viewed last = view_make(2);
    first.viewed_at_ms = CLOCK_MIN_MS;
    last.viewed_at_ms = CLOCK_MAX_MS;
    store_one(fixture->store, &first);
    store_one(fixture->store, &last);
    assert_int_equal(count_rows(fixture->store, query_all()), 2);
}

static void a_cursor_meets_every_view_once(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    /* Ten views a time, so that pages end within a time. */
    for (uint32_t i = 0; i < 300; i++) {
        struct viewed view = view_make(i);
        view.viewed_at_ms = FIXTURE_TIME + i % 30;
        store_one(fixture->store, &view);
    }
    struct kept_page *page = kept_page_make();
    for (int order = 0; order < 2; order++) {
        bool seen[300] = {false};
        struct store_query query = query_all();
        query.oldest_first = order == 1;
        query.limit = 7;
        uint32_t rows = 0;
        do {
            ask(fixture->store, &query, page);
            for (uint32_t i = 0; i < page->page.rows; i++) {
                const uint8_t *id = page->rows[i].row.id.bytes;
                uint32_t n = (uint32_t)id[2] << 8 | id[3];
                assert_false(seen[n]);
                seen[n] = true;
            }
            rows += page->page.rows;
            query.after_given = true;
            query.after = page->page.last;
        } while (page->page.more);
        assert_int_equal(rows, 300);
    }
    kept_page_free(page);
}

static void a_cursor_is_not_moved_by_views_that_arrive_meanwhile(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, 20);
    struct kept_page *page = kept_page_make();
    struct store_query query = query_all();
    query.limit = 10;
    ask(fixture->store, &query, page);
    store_range(fixture->store, 20, 20); /* all newer */
    query.after_given = true;
    query.after = page->page.last;
    ask(fixture->store, &query, page);
    assert_int_equal(page->page.rows, 10);
    assert_false(page->page.more);
    assert_int_equal(page->rows[0].row.place.viewed_at_ms, FIXTURE_TIME + 9);
    kept_page_free(page);
}

static void more_says_whether_a_row_follows(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct kept_page *page = kept_page_make();
    struct store_query query = query_all();
    query.limit = 10;
    ask(fixture->store, &query, page);
    assert_int_equal(page->page.rows, 0);
    assert_false(page->page.more);
    store_range(fixture->store, 0, 10);
    ask(fixture->store, &query, page);
    assert_int_equal(page->page.rows, 10);
    assert_false(page->page.more);
    store_range(fixture->store, 10, 1);
    ask(fixture->store, &query, page);
    assert_int_equal(page->page.rows, 10);
    assert_true(page->page.more);
    kept_page_free(page);
}

static void assert_page_starts(struct fixture *fixture,
                               struct store_query query, int64_t n)
{
    struct kept_page *page = kept_page_make();
    query.limit = 3;
    ask(fixture->store, &query, page);
    if (n < 0) {
        assert_int_equal(page->page.rows, 0);
    } else {
        assert_true(page->page.rows > 0);
        assert_int_equal(page->rows[0].row.place.viewed_at_ms,
                         FIXTURE_TIME + n);
    }
    kept_page_free(page);
}

static void skip_passes_over_that_many_rows(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_in_both(fixture);
    const uint32_t skips[] = {0,    1,    63,   64,   65,   100,  2399,
                              2499, 2500, 2501, 2564, 2565, 4000, 4999};
    struct store_query query = query_all();
    for (size_t i = 0; i < sizeof skips / sizeof skips[0]; i++) {
        query.skip = skips[i];
        query.oldest_first = false;
        assert_page_starts(fixture, query, 4999 - (int64_t)skips[i]);
        query.oldest_first = true;
        assert_page_starts(fixture, query, skips[i]);
    }
    for (int order = 0; order < 2; order++) {
        query.oldest_first = order == 1;
        query.skip = 5000;
        assert_page_starts(fixture, query, -1);
        query.skip = STORE_SKIP_MAX;
        assert_page_starts(fixture, query, -1);
    }
}

static void skip_counts_from_since_and_until(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_in_both(fixture);
    struct store_query query = query_all();
    query.since_ms = FIXTURE_TIME + 1000;
    query.until_ms = FIXTURE_TIME + 4000;
    query.skip = 2000;
    assert_page_starts(fixture, query, 1999);
    query.skip = 3000; /* the views before `since` do not count */
    assert_page_starts(fixture, query, -1);
    query.oldest_first = true;
    assert_page_starts(fixture, query, -1);
    query.skip = 2000;
    assert_page_starts(fixture, query, 3000);
}

static void a_known_id_keeps_one_row(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct viewed views[3] = {view_make(1), view_make(2), view_make(1)};
    strcpy(views[2].user_id, "another");
    struct store_view batch[3] = {
        {&views[0], FIXTURE_TIME, STORE_KNOWN},
        {&views[1], FIXTURE_TIME, STORE_KNOWN},
        {&views[2], FIXTURE_TIME, STORE_NEW},
    };
    struct fault fault = {""};
    assert_int_equal(store_write(fixture->store, batch, 3, &fault), RESULT_OK);
    assert_int_equal(batch[0].written, STORE_NEW);
    assert_int_equal(batch[1].written, STORE_NEW);
    assert_int_equal(batch[2].written, STORE_KNOWN);
    /* And in another batch, and after a start. */
    assert_int_equal(store_some(fixture->store, views, 3), 0);
    fixture_reopen(fixture);
    assert_int_equal(store_some(fixture->store, views, 3), 0);

    struct store_stats stats;
    store_stats(fixture->store, &stats);
    assert_int_equal(stats.views, 2);
    assert_int_equal(count_rows(fixture->store, query_all()), 2);
    struct store_query query = query_all();
    query.user_id = "another";
    assert_int_equal(count_rows(fixture->store, query), 0);
}

static void a_known_id_uses_up_no_place_in_the_log(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct viewed views[3] = {view_make(1), view_make(1), view_make(2)};
    assert_int_equal(store_some(fixture->store, views, 3), 2);
    struct kept_page *page = kept_page_make();
    struct store_query query = query_all();
    ask(fixture->store, &query, page);
    assert_int_equal(page->rows[0].row.place.seq, 2);
    assert_int_equal(page->rows[1].row.place.seq, 1);
    kept_page_free(page);
}

static void of_many_views_each_that_was_known_is_told(void **state)
{
    enum { MANY = 200 };
    struct fixture *fixture = *state;
    fixture_open(fixture);
    static struct viewed views[MANY];
    static struct store_view batch[MANY];
    for (uint32_t i = 0; i < MANY; i++) {
        views[i] = view_make(i < 60 || i % 3 == 0 ? i : i + MANY);
        batch[i] = (struct store_view){&views[i], FIXTURE_TIME, STORE_ERASED};
    }
    views[150] = views[149]; /* and one twice in this batch */
    assert_int_equal(store_some(fixture->store, views, 60), 60);
    struct viewed thirds[MANY];
    size_t count = 0;
    for (uint32_t i = 60; i < MANY; i += 3)
        thirds[count++] = view_make(i);
    assert_int_equal(store_some(fixture->store, thirds, count), count);

    struct fault fault = {""};
    assert_int_equal(store_write(fixture->store, batch, MANY, &fault),
                     RESULT_OK);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(batch[i].written,
                         i < 60 || i % 3 == 0 ? STORE_KNOWN : STORE_NEW);
    struct store_stats stats;
    store_stats(fixture->store, &stats);
    assert_int_equal(stats.views, 60 + MANY - 60);
    if (fixture->is_file) /* no seq is left out */
        assert_int_equal(stats.tail_rows, stats.views);
    assert_int_equal(count_rows(fixture->store, query_all()), stats.views);
}

static void an_empty_batch_is_stored(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct fault fault = {""};
    assert_int_equal(store_write(fixture->store, NULL, 0, &fault), RESULT_OK);
    assert_int_equal(count_rows(fixture->store, query_all()), 0);
}

static void the_largest_batch_is_stored_and_a_larger_one_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct viewed *views = calloc(STORE_BATCH_MAX, sizeof *views);
    assert_non_null(views);
    for (uint32_t i = 0; i < STORE_BATCH_MAX; i++)
        views[i] = view_make(i);
    assert_int_equal(store_some(fixture->store, views, STORE_BATCH_MAX),
                     STORE_BATCH_MAX);
    struct fault fault = {""};
    struct store_view none = {&views[0], 0, STORE_NEW};
    assert_int_equal(
        store_write(fixture->store, &none, STORE_BATCH_MAX + 1, &fault),
        RESULT_MALFORMED);
    assert_int_equal(count_rows(fixture->store, query_all()), STORE_BATCH_MAX);
    free(views);
}

static void one_bad_view_leaves_none_of_its_batch(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct viewed views[3] = {view_make(1), view_make(2), view_make(3)};
    views[1].video_id[0] = views[1].video_path[0] = '\0'; /* of no video */
    struct store_view batch[3] = {
        {&views[0], 0, 0}, {&views[1], 0, 0}, {&views[2], 0, 0}};
    struct fault fault = {""};
    assert_int_equal(store_write(fixture->store, batch, 3, &fault),
                     RESULT_MALFORMED);
    assert_int_equal(count_rows(fixture->store, query_all()), 0);
    store_one(fixture->store, &views[0]);
    store_one(fixture->store, &views[2]);
    assert_int_equal(count_rows(fixture->store, query_all()), 2);
}

static void odd_texts_are_stored_and_found_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    const char *const odd[] = {
        "'; DROP TABLE views; --",
        "%_\\",
        " ",
        "\n\t\x01",
        "\xF0\x9F\x8E\xAC",
        "e\xCC\x81",
        "NULL",
        "0",
        "\"",
        "\xFF\xFE", /* not even UTF-8 */
    };
    enum {
        ODD = sizeof odd / sizeof odd[0],
    };
    /* The last is in no message, and a store may refuse it. */
    uint32_t count = fixture->is_file ? ODD : ODD - 2;
    for (uint32_t i = 0; i < count; i++) {
        struct viewed view = view_make(i);
        strcpy(view.user_id, odd[i]);
        strcpy(view.video_id, odd[count - 1 - i]);
        store_one(fixture->store, &view);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct store_query query = query_all();
        query.user_id = odd[i];
        assert_int_equal(count_rows(fixture->store, query), 1);
        query.video_id = odd[count - 1 - i];
        assert_int_equal(count_rows(fixture->store, query), 1);
        query.video_id = odd[i];
        assert_int_equal(count_rows(fixture->store, query), 0);
    }
    struct store_query query = query_all();
    query.user_id = odd[ODD - 1];
    assert_int_equal(count_rows(fixture->store, query), fixture->is_file);
}

static void
the_longest_texts_are_found_and_longer_ones_match_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct viewed view = view_make(1);
    memset(view.user_id, 'u', VIEWED_USER_BYTES_MAX);
    memset(view.video_id, 'v', VIEWED_VIDEO_BYTES_MAX);
    memset(view.video_path, 'p', VIEWED_PATH_BYTES_MAX);
    store_one(fixture->store, &view);
    struct store_query query = query_all();
    query.user_id = view.user_id;
    query.video_id = view.video_id;
    assert_int_equal(count_rows(fixture->store, query), 1);
    char longer[VIEWED_USER_BYTES_MAX + 2];
    memset(longer, 'u', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    query.user_id = longer;
    assert_int_equal(count_rows(fixture->store, query), 0);
    query.user_id = ""; /* absent is not a name */
    assert_int_equal(count_rows(fixture->store, query), 0);
}

static void views_without_a_user_or_a_video_are_in_the_list_of_all(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct viewed nobody = view_make(1);
    struct viewed nothing = view_make(2);
    nobody.user_id[0] = '\0';
    nothing.video_id[0] = '\0';
    store_one(fixture->store, &nobody);
    store_one(fixture->store, &nothing);
    struct store_query query = query_all();
    assert_int_equal(count_rows(fixture->store, query), 2);
    query.video_id = nobody.video_id;
    assert_int_equal(count_rows(fixture->store, query), 1);
    query.video_id = NULL;
    query.user_id = nothing.user_id;
    assert_int_equal(count_rows(fixture->store, query), 1);
}

static void keep_first(void *context, const struct store_row *row)
{
    memcpy(context, row->id.bytes, 16);
}

static void a_view_is_found_by_its_id(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct fault fault = {""};
    struct viewed view = view_make(77);
    struct uuid found = {{0}};
    assert_int_equal(
        store_find(fixture->store, &view.id, keep_first, found.bytes, &fault),
        RESULT_NOT_FOUND);
    store_one(fixture->store, &view);
    assert_int_equal(
        store_find(fixture->store, &view.id, keep_first, found.bytes, &fault),
        RESULT_OK);
    assert_memory_equal(found.bytes, view.id.bytes, 16);
}

static void a_query_beyond_the_limits_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct store_query bad[4] = {query_all(), query_all(), query_all(),
                                 query_all()};
    bad[0].limit = 0;
    bad[1].limit = STORE_PAGE_ROWS_MAX + 1;
    bad[2].skip = STORE_SKIP_MAX + 1;
    bad[3].skip = 1;
    bad[3].after_given = true;
    for (size_t i = 0; i < 4; i++) {
        struct fault fault = {""};
        struct store_page page;
        assert_int_equal(
            store_query(fixture->store, &bad[i], NULL, NULL, &page, &fault),
            RESULT_MALFORMED);
        assert_string_not_equal(fault.text, "");
    }
}

static void nothing_changes_for_a_reader_while_views_are_merged(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    fixture_open(fixture);
    store_range(fixture->store, 0, 3000);
    struct store_query user = query_all();
    user.user_id = "user-2";
    struct store_query deep = query_all();
    deep.skip = 1500;
    bool more = true;
    for (int slices = 0; more; slices++) {
        more = tidy_once(fixture->store, true);
        assert_int_equal(count_rows(fixture->store, query_all()), 3000);
        assert_int_equal(count_rows(fixture->store, user), 429);
        assert_page_starts(fixture, deep, 1499);
        if (!more)
            assert_true(slices > 0); /* it took more than one */
    }
    struct store_stats stats;
    store_stats(fixture->store, &stats);
    assert_int_equal(stats.tail_rows, 0);
    assert_int_equal(stats.merged_seq, 3000);
}

static void a_small_tail_is_left_alone_and_a_quiet_one_is_not(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    fixture_open(fixture);
    store_range(fixture->store, 0, 100);
    assert_false(tidy_once(fixture->store, true));
    store_range(fixture->store, 100, 2400);
    assert_false(tidy_once(fixture->store, false));
    struct store_stats stats;
    store_stats(fixture->store, &stats);
    assert_int_equal(stats.tail_rows, 2500);
    tidy_all(fixture->store);
    store_stats(fixture->store, &stats);
    assert_int_equal(stats.tail_rows, 0);
}

static void assert_copy_is_whole(struct fixture *fixture, int number,
                                 uint32_t views)
{
    struct fixture copy = *fixture;
    copy.store = NULL;
    (void)snprintf(copy.path, sizeof copy.path, "%s/copy-%d.db",
                   fixture->folder, number);
    fixture_copy(fixture, copy.path);
    fixture_open(&copy);
    struct store_stats stats;
    store_stats(copy.store, &stats);
    assert_int_equal(stats.views, views);
    assert_int_equal(stats.merged_seq + stats.tail_rows, views);
    assert_int_equal(count_rows(copy.store, query_all()), views);
    struct store_query user = query_all();
    user.user_id = "user-0";
    assert_int_equal(count_rows(copy.store, user), (views + 6) / 7);
    tidy_all(copy.store);
    assert_int_equal(count_rows(copy.store, query_all()), views);
    assert_int_equal(count_rows(copy.store, user), (views + 6) / 7);
    fixture_close(&copy);
}

static void a_process_that_died_in_mid_merge_lost_nothing(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    fixture_open(fixture);
    store_range(fixture->store, 0, 5000);
    uint32_t views = 5000;
    bool more = true;
    for (int i = 0; more; i++) {
        more = tidy_once(fixture->store, true);
        store_range(fixture->store, views, 10);
        views += 10;
        assert_copy_is_whole(fixture, i, views);
    }
}

static void a_view_of_another_under_the_same_hash_is_not_shown(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    fixture_open(fixture);
    store_range(fixture->store, 0, MERGE);
    tidy_all(fixture->store);
    fixture_close(fixture);
    /* As if the names of all users gave one hash: every view stands in the
     * list of each. */
    fixture_sql(fixture,
                "INSERT INTO listed (list, viewed_at_ms, seq)"
                " SELECT lists.list, viewed_at_ms, seq FROM views,"
                " (SELECT DISTINCT list FROM listed) AS lists WHERE true"
                " ON CONFLICT DO NOTHING");
    fixture_open(fixture);
    struct store_query query = query_all();
    query.user_id = "user-3";
    assert_int_equal(count_rows(fixture->store, query), 357);
    query.video_id = "video-1.mp4";
    assert_int_equal(count_rows(fixture->store, query), 71);
    struct kept_page *page = kept_page_make();
    ask(fixture->store, &query, page);
    for (uint32_t i = 0; i < page->page.rows; i++) {
        assert_string_equal(page->rows[i].user_id, "user-3");
        assert_string_equal(page->rows[i].video_id, "video-1.mp4");
    }
    assert_false(page->page.more);
    kept_page_free(page);
}

/* As when a user's views are erased, and they were the last. */
static void a_new_view_is_found_though_the_newest_were_deleted(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, MERGE);
    tidy_all(fixture->store);
    fixture_close(fixture);
    fixture_sql(fixture, "DELETE FROM views WHERE seq > 2490");
    fixture_open(fixture);
    store_range(fixture->store, 9000, 5);
    assert_int_equal(count_rows(fixture->store, query_all()), 2495);
    store_range(fixture->store, 10000, MERGE);
    tidy_all(fixture->store);
    assert_int_equal(count_rows(fixture->store, query_all()), 2495 + MERGE);
}

static void the_wal_does_not_grow_without_end(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    fixture_open(fixture);
    struct store_stats stats;
    int64_t worst = 0;
    for (uint32_t i = 0; i < 100; i++) {
        store_range(fixture->store, i * 2000, 2000);
        store_stats(fixture->store, &stats);
        if (stats.wal_bytes > worst)
            worst = stats.wal_bytes;
    }
    /* 8,000 pages at most before a batch, and the batch. */
    assert_true(worst < 48 << 20);
    assert_true(stats.file_bytes > 16 << 20);
}

/* A snapshot of the whole store, as who verifies or copies it holds one. */
static struct sqlite_db *hold_snapshot(const struct fixture *fixture)
{
    struct fault fault = {""};
    struct sqlite_db *db = NULL;
    int64_t views = 0;
    if (sqlite_db_open_readonly(fixture->path, &db, &fault) != RESULT_OK ||
        sqlite_db_run(db, "BEGIN", &fault) != RESULT_OK ||
        sqlite_db_integer(db, "SELECT views FROM store", &views, &fault) !=
            RESULT_OK)
        fail_msg("%s", fault.text);
    return db;
}

static int64_t wal_bytes(const struct fixture *fixture)
{
    struct store_stats stats;
    store_stats(fixture->store, &stats);
    return stats.wal_bytes;
}

static void a_long_reader_holds_up_no_write(void **state)
{
    enum {
        BATCHES = 20,
        OVERDUE_BYTES = 34 << 20, /* more than 8,000 pages */
        VIEWS = 1000,
    };
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    fixture_open(fixture);
    uint32_t n = 0;
    store_range(fixture->store, n++ * VIEWS, VIEWS);
    struct sqlite_db *reader = hold_snapshot(fixture);
    while (wal_bytes(fixture) < OVERDUE_BYTES)
        store_range(fixture->store, n++ * VIEWS, VIEWS);
    int64_t worst_ms = 0;
    for (uint32_t i = 0; i < BATCHES; i++) {
        int64_t from_ms = clock_monotonic_ms();
        store_range(fixture->store, n++ * VIEWS, VIEWS);
        int64_t took_ms = clock_monotonic_ms() - from_ms;
        worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
    }
    print_message("worst write: %lld ms\n", (long long)worst_ms);
    assert_true(worst_ms < 2000);

    /* Nor does the wait for that reader keep the writer's thread busy. */
    for (uint32_t slices = 0; tidy_once(fixture->store, true); slices++)
        assert_true(slices < 5000);

    int64_t held_bytes = wal_bytes(fixture);
    assert_int_equal(sqlite_db_close(reader, NULL), RESULT_OK);
    for (uint32_t i = 0; i < 100; i++)
        store_range(fixture->store, n++ * VIEWS, VIEWS);
    tidy_all(fixture->store);
    /* The next one brings it to an end, and the file is cut to its limit. */
    assert_true(wal_bytes(fixture) <= held_bytes + (20 << 20));
    assert_true(wal_bytes(fixture) <= 64 << 20);
    assert_int_equal(count_rows(fixture->store, query_all()), n * VIEWS);
}

static void a_load_that_never_ends_is_merged_all_the_same(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct store_stats stats;
    int64_t worst = 0;
    for (uint32_t i = 0; i < 90; i++) {
        store_range(fixture->store, i * 4000, 4000);
        store_stats(fixture->store, &stats);
        if (stats.tail_rows > worst)
            worst = stats.tail_rows;
    }
    assert_true(stats.merged_seq > 0);
    assert_true(worst < 205000);
    struct store_query user = query_all();
    user.user_id = "user-2";
    user.limit = STORE_PAGE_ROWS_MAX;
    assert_int_equal(count_rows(fixture->store, user), (360000 + 4) / 7);
}

static void a_store_that_is_open_cannot_be_opened_again(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    fixture_open(fixture);
    struct fault fault = {""};
    struct store *second = NULL;
    struct store_config config = {fixture->path, 1};
    assert_int_equal(store_open(&config, &second, &fault), RESULT_UNAVAILABLE);
    assert_null(second);
    assert_non_null(strstr(fault.text, "in use"));
}

static void write_file(const char *path, const void *bytes, size_t count)
{
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, count), count);
    assert_int_equal(close(file), 0);
}

static void assert_refused(struct fixture *fixture, enum result wanted)
{
    struct fault fault = {""};
    struct store *store = NULL;
    struct store_config config = {fixture->path, 1};
    assert_int_equal(store_open(&config, &store, &fault), wanted);
    assert_null(store);
    assert_string_not_equal(fault.text, "");
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    fixture_needs_file(*state);
    char text[8192];
    memset(text, 'x', sizeof text);
    write_file(((struct fixture *)*state)->path, text, sizeof text);
    assert_refused(*state, RESULT_UNUSABLE);
}

static void a_store_without_its_one_row_is_refused(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    fixture_close(fixture);
    fixture_sql(fixture, "DELETE FROM store");
    assert_refused(fixture, RESULT_UNUSABLE);
}

static void a_damaged_page_is_an_error_in_words(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    fixture_open(fixture);
    store_range(fixture->store, 0, 5000);
    tidy_all(fixture->store);
    fixture_close(fixture);
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    int file = open(fixture->path, O_WRONLY);
    char junk[4096];
    memset(junk, 0xA5, sizeof junk);
    /* All but the first pages, which say what the file is. */
    for (off_t at = 10 * 4096; at < status.st_size; at += 4096)
        assert_int_equal(pwrite(file, junk, sizeof junk, at), sizeof junk);
    assert_int_equal(close(file), 0);

    struct fault fault = {""};
    struct store *store = NULL;
    struct store_config config = {fixture->path, 1};
    enum result result = store_open(&config, &store, &fault);
    if (result == RESULT_OK) {
        struct kept_page *page = kept_page_make();
        struct store_query query = query_all();
        char id[16];
        result =
            store_query(store, &query, keep_first, id, &page->page, &fault);
        kept_page_free(page);
    }
    assert_int_equal(result, RESULT_UNUSABLE);
    assert_string_not_equal(fault.text, "");
    (void)store_close(store, NULL);
}

static void a_number_of_readers_that_makes_no_sense_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const unsigned counts[] = {0, STORE_READERS_MAX + 1};
    for (size_t i = 0; i < 2; i++) {
        struct fault fault = {""};
        struct store *store = NULL;
        struct store_config config = {fixture->path, counts[i]};
        assert_int_equal(store_open(&config, &store, &fault), RESULT_MALFORMED);
    }
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    assert_int_equal(store_close(NULL, NULL), RESULT_OK);
}

/* Whose views have none: view_make() gives each its own. */
static void a_page_of_a_session_ends_after_so_many_others(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, STORE_PASSED_MAX + 10);
    tidy_all(fixture->store);
    struct viewed first = view_make(0);
    struct store_query query = query_all();
    query.session_given = true;
    query.session_id = first.session_id;
    struct kept_page *page = kept_page_make();
    ask(fixture->store, &query, page);
    assert_int_equal(page->page.rows, 0);
    assert_true(page->page.more);
    assert_int_equal(page->page.last.seq, 11);
    query.after_given = true;
    query.after = page->page.last;
    ask(fixture->store, &query, page);
    assert_int_equal(page->page.rows, 1);
    assert_false(page->page.more);
    assert_int_equal(page->rows[0].row.place.seq, 1);
    kept_page_free(page);
}

static void an_engine_takes_every_path_and_lacks_no_function(void **state)
{
    (void)state;
    const char *const paths[] = {"history.db", "", "/a/b", "x://y", "file:a?b"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const struct store_engine *engine = store_engine_of(paths[i]);
        const unsigned char *bytes = (const unsigned char *)engine;
        const unsigned char nothing[sizeof(void *)] = {0};
        assert_true(engine->takes(paths[i]));
        for (size_t at = 0; at < sizeof *engine; at += sizeof nothing)
            assert_memory_not_equal(bytes + at, nothing, sizeof nothing);
    }
}

static void the_shown_name_of_a_store_has_no_password(void **state)
{
    (void)state;
    const struct {
        const char *path;
        const char *shown;
    } cases[] = {
        {"/data/history.db", "/data/history.db"},
        {"postgresql://h@db/history", "postgresql://h@db/history"},
        {"postgresql://h:secret@db:5433/history",
         "postgresql://h:***@db:5433/history"},
        {"postgres://h:s:e@cret@db/history", "postgres://h:***@db/history"},
        {"postgresql://h@db/history?password=secret&user=h",
         "postgresql://h@db/history?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char shown[64];
        store_shown_name(cases[i].path, shown, sizeof shown);
        assert_string_equal(shown, cases[i].shown);
    }
}

static void a_store_that_nobody_shares_is_led_by_who_has_it(void **state)
{
    struct fixture *fixture = *state;
    fixture_needs_file(fixture);
    struct fault fault = {""};
    struct viewed view = view_make(1);
    struct store_erasure erasure = {.until_ms = clock_now_ms()};
    fixture_open(fixture);
    store_range(fixture->store, 0, 10);
    strcpy(erasure.user_id, view.user_id);
    assert_int_equal(store_erase(fixture->store, &erasure, &fault), RESULT_OK);
    assert_true(store_leads(fixture->store));
    assert_int_equal(store_shared_poll_ms(fixture->store), 0);
}

#define IN_A_FOLDER(claim)                                                     \
    cmocka_unit_test_setup_teardown(claim, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(a_stored_view_comes_back_whole),
        IN_A_FOLDER(newest_comes_first_unless_oldest_is_asked_for),
        IN_A_FOLDER(views_of_one_time_come_in_order_of_arrival),
        IN_A_FOLDER(each_filter_works_alone_and_with_the_other),
        IN_A_FOLDER(since_is_inclusive_and_until_exclusive),
        IN_A_FOLDER(times_at_the_ends_of_the_calendar_are_found),
        IN_A_FOLDER(a_cursor_meets_every_view_once),
        IN_A_FOLDER(a_cursor_is_not_moved_by_views_that_arrive_meanwhile),
        IN_A_FOLDER(more_says_whether_a_row_follows),
        IN_A_FOLDER(skip_passes_over_that_many_rows),
        IN_A_FOLDER(skip_counts_from_since_and_until),
        IN_A_FOLDER(a_known_id_keeps_one_row),
        IN_A_FOLDER(a_known_id_uses_up_no_place_in_the_log),
        IN_A_FOLDER(of_many_views_each_that_was_known_is_told),
        IN_A_FOLDER(an_empty_batch_is_stored),
        IN_A_FOLDER(the_largest_batch_is_stored_and_a_larger_one_refused),
        IN_A_FOLDER(one_bad_view_leaves_none_of_its_batch),
        IN_A_FOLDER(odd_texts_are_stored_and_found_as_they_are),
        IN_A_FOLDER(the_longest_texts_are_found_and_longer_ones_match_nothing),
        IN_A_FOLDER(views_without_a_user_or_a_video_are_in_the_list_of_all),
        IN_A_FOLDER(a_view_is_found_by_its_id),
        IN_A_FOLDER(a_query_beyond_the_limits_is_refused),
        IN_A_FOLDER(nothing_changes_for_a_reader_while_views_are_merged),
        IN_A_FOLDER(a_small_tail_is_left_alone_and_a_quiet_one_is_not),
        IN_A_FOLDER(a_process_that_died_in_mid_merge_lost_nothing),
        IN_A_FOLDER(a_view_of_another_under_the_same_hash_is_not_shown),
        IN_A_FOLDER(a_new_view_is_found_though_the_newest_were_deleted),
        IN_A_FOLDER(the_wal_does_not_grow_without_end),
        IN_A_FOLDER(a_long_reader_holds_up_no_write),
        IN_A_FOLDER(a_load_that_never_ends_is_merged_all_the_same),
        IN_A_FOLDER(a_store_that_is_open_cannot_be_opened_again),
        IN_A_FOLDER(a_file_that_is_no_database_is_refused),
        IN_A_FOLDER(a_store_without_its_one_row_is_refused),
        IN_A_FOLDER(a_damaged_page_is_an_error_in_words),
        IN_A_FOLDER(a_number_of_readers_that_makes_no_sense_is_refused),
        IN_A_FOLDER(closing_nothing_is_fine),
        IN_A_FOLDER(a_page_of_a_session_ends_after_so_many_others),
        IN_A_FOLDER(an_engine_takes_every_path_and_lacks_no_function),
        cmocka_unit_test(the_shown_name_of_a_store_has_no_password),
        IN_A_FOLDER(a_store_that_nobody_shares_is_led_by_who_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
