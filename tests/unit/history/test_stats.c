/* Counts of views, against a loop over all of them. */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"
#include "store_erase.h"
#include "store_videos.h"

enum {
    VIEWS = 6000,
    USERS = 5,
    VIDEOS = 40,
    HOURS = 100,
};

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

static struct viewed views[VIEWS];

static void make_views(uint64_t random)
{
    for (uint32_t i = 0; i < VIEWS; i++) {
        struct viewed *view = &views[i];
        *view = view_make(i);
        /* Some videos are seen much more often than others. */
        uint64_t video =
            fixture_draw(&random) % (1 + fixture_draw(&random) % VIDEOS);
        (void)snprintf(view->user_id, sizeof view->user_id, "user-%u",
                       (unsigned)(fixture_draw(&random) % USERS));
        (void)snprintf(view->video_id, sizeof view->video_id, "video-%02u",
                       (unsigned)video);
        (void)snprintf(view->video_path, sizeof view->video_path,
                       "./video-%02u", (unsigned)video);
        view->viewed_at_ms =
            FIXTURE_TIME +
            (int64_t)(fixture_draw(&random) % (HOURS * (uint64_t)HOUR_MS));
    }
}

static bool fits(const struct viewed *view, const struct store_query *query)
{
    return (query->user_id == NULL ||
            strcmp(query->user_id, view->user_id) == 0) &&
           (query->video_id == NULL ||
            strcmp(query->video_id, view->video_id) == 0) &&
           view->viewed_at_ms >= query->since_ms &&
           view->viewed_at_ms < query->until_ms;
}

static int64_t loop_count(const struct store_query *query)
{
    int64_t count = 0;
    for (uint32_t i = 0; i < VIEWS; i++)
        count += fits(&views[i], query);
    return count;
}

struct buckets {
    const struct store_query *query;
    int64_t bucket_ms;
    int64_t last_ms;
    int64_t plays;
};

static void check_bucket(void *context, int64_t start_ms, int64_t plays)
{
    struct buckets *buckets = context;
    struct store_query in = *buckets->query;
    assert_int_equal(start_ms % buckets->bucket_ms, 0);
    assert_true(start_ms > buckets->last_ms);
    if (start_ms > in.since_ms)
        in.since_ms = start_ms;
    if (start_ms + buckets->bucket_ms < in.until_ms)
        in.until_ms = start_ms + buckets->bucket_ms;
    assert_int_equal(plays, loop_count(&in));
    buckets->last_ms = start_ms;
    buckets->plays += plays;
}

static void check_plays(struct store *store, const struct store_query *query,
                        int64_t bucket_ms)
{
    struct fault fault = {0};
    struct buckets buckets = {query, bucket_ms, INT64_MIN, 0};
    assert_int_equal(
        stats_plays(store, query, bucket_ms, check_bucket, &buckets, &fault),
        RESULT_OK);
    assert_int_equal(buckets.plays, loop_count(query));
}

static void check_videos(struct store *store, const struct store_query *query,
                         size_t most)
{
    static struct stats_top top;
    struct fault fault = {0};
    size_t seen = 0;
    assert_int_equal(stats_videos(store, query, most, &top, &fault), RESULT_OK);
    assert_true(top.complete);
    for (unsigned v = 0; v < VIDEOS; v++) {
        char id[16];
        struct store_query of_video = *query;
        (void)snprintf(id, sizeof id, "video-%02u", v);
        of_video.video_id = id;
        int64_t plays = loop_count(&of_video);
        seen += plays > 0;
        size_t at = 0;
        while (at < top.count && strcmp(top.videos[at].id, id) != 0)
            at++;
        if (at < top.count)
            assert_int_equal(top.videos[at].plays, plays);
        else /* then the last that is told was seen as often, or more */
            assert_true(plays == 0 || (top.count == most &&
                                       top.videos[most - 1].plays >= plays));
    }
    assert_int_equal(top.seen, seen);
    assert_int_equal(top.count, seen < most ? seen : most);
    for (size_t i = 0; i < top.count; i++) {
        assert_string_equal(top.videos[i].path + 2, top.videos[i].id);
        assert_true(i == 0 || top.videos[i - 1].plays >= top.videos[i].plays);
    }
}

static void check_all(struct store *store)
{
    struct store_query query = query_all();
    query.since_ms = FIXTURE_TIME + HOUR_MS / 3;
    query.until_ms = FIXTURE_TIME + 90 * HOUR_MS + 1;
    const char *const users[] = {NULL, "user-1", "nobody"};
    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
        query.user_id = users[i];
        query.video_id = NULL;
        check_plays(store, &query, HOUR_MS);
        check_plays(store, &query, DAY_MS);
        check_videos(store, &query, 7);
        check_videos(store, &query, STATS_TOP_MAX);
        query.video_id = "video-03";
        check_plays(store, &query, DAY_MS);
    }
}

static void counts_are_what_a_loop_counts_also_after_an_erasure(void **state)
{
    struct fixture *fixture = *state;
    make_views(fixture_seed());
    fixture_open(fixture);
    for (size_t at = 0; at < VIEWS; at += 1000)
        assert_int_equal(store_some(fixture->store, views + at, 1000), 1000);
    check_all(fixture->store); /* in the index in memory */
    tidy_all(fixture->store);
    check_all(fixture->store); /* and on disk */
    struct store_erasure erasure = {.user_id = "user-1",
                                    .until_ms = CLOCK_MAX_MS};
    struct fault fault = {0};
    assert_int_equal(store_erase(fixture->store, &erasure, &fault), RESULT_OK);
    for (uint32_t i = 0; i < VIEWS; i++)
        if (strcmp(views[i].user_id, "user-1") == 0)
            views[i].viewed_at_ms = 0; /* in no query here */
    check_all(fixture->store);
    fixture_reopen(fixture);
    check_all(fixture->store);
}

static void a_span_is_from_the_first_to_the_last(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {0};
    struct stats_span span = {0};
    struct store_query query = query_all();
    fixture_open(fixture);
    assert_int_equal(stats_span(fixture->store, &query, &span, &fault),
                     RESULT_OK);
    assert_int_equal(span.plays, 0);
    store_range(fixture->store, 1, 50);
    assert_int_equal(stats_span(fixture->store, &query, &span, &fault),
                     RESULT_OK);
    assert_int_equal(span.plays, 50);
    struct viewed first = view_make(1);
    struct viewed last = view_make(50);
    assert_int_equal(span.first_ms, first.viewed_at_ms);
    assert_int_equal(span.last_ms, last.viewed_at_ms);
}

static void count_bucket(void *context, int64_t start_ms, int64_t plays)
{
    (void)start_ms;
    int64_t *all = context;
    *all += plays;
}

static void too_many_buckets_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {0};
    int64_t plays = 0;
    struct store_query query = query_all();
    fixture_open(fixture);
    store_range(fixture->store, 1, 3);
    query.since_ms = FIXTURE_TIME;
    query.until_ms = FIXTURE_TIME + STATS_BUCKETS_MAX * HOUR_MS;
    assert_int_equal(stats_plays(fixture->store, &query, HOUR_MS, count_bucket,
                                 &plays, &fault),
                     RESULT_OK);
    assert_int_equal(plays, 3);
    query.until_ms += HOUR_MS;
    assert_int_equal(stats_plays(fixture->store, &query, HOUR_MS, count_bucket,
                                 &plays, &fault),
                     RESULT_MALFORMED);
    assert_non_null(strstr(fault.text, "1000"));
}

static void count_id(void *context, const char *video_id, size_t bytes)
{
    assert_int_equal(strlen(video_id), bytes);
    unsigned *count = context;
    ++*count;
}

static void videos_are_known_once_also_after_a_batch_that_failed(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {0};
    unsigned count = 0;
    bool more = true;
    fixture_open(fixture);
    struct viewed good[2] = {view_make(1), view_make(2)};
    struct viewed bad = view_make(3); /* with no video: none of it is stored */
    strcpy(good[0].video_id, "one");
    strcpy(good[1].video_id, "two");
    bad.video_id[0] = '\0';
    bad.video_path[0] = '\0';
    struct store_view batch[3] = {{&good[0], FIXTURE_TIME, STORE_NEW},
                                  {&good[1], FIXTURE_TIME, STORE_NEW},
                                  {&bad, FIXTURE_TIME, STORE_NEW}};
    assert_int_not_equal(store_write(fixture->store, batch, 3, &fault),
                         RESULT_OK);
    assert_int_equal(store_some(fixture->store, good, 2), 2);
    assert_int_equal(
        store_videos(fixture->store, 10, count_id, &count, &more, &fault),
        RESULT_OK);
    assert_int_equal(count, 2);
    assert_false(more);
    count = 0;
    assert_int_equal(
        store_videos(fixture->store, 1, count_id, &count, &more, &fault),
        RESULT_OK);
    assert_int_equal(count, 1);
    assert_true(more);
}

static void note_id(void *context, const char *video_id, size_t bytes)
{
    char *ids = context;
    strncat(ids, video_id, bytes);
    strcat(ids, " ");
}

static void assert_videos(struct fixture *fixture, const char *expected)
{
    struct fault fault = {0};
    bool more = true;
    char ids[100] = "";
    assert_int_equal(
        store_videos(fixture->store, 10, note_id, ids, &more, &fault),
        RESULT_OK);
    assert_string_equal(ids, expected);
}

static void view_of(struct fixture *fixture, uint32_t n, const char *user_id,
                    const char *video_id)
{
    struct viewed view = view_make(n);
    strcpy(view.user_id, user_id);
    strcpy(view.video_id, video_id);
    assert_int_equal(store_some(fixture->store, &view, 1), 1);
}

static void a_video_goes_with_the_erasure_of_its_last_viewer(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {0};
    fixture_open(fixture);
    view_of(fixture, 1, "a", "alone");
    view_of(fixture, 2, "a", "both");
    view_of(fixture, 3, "b", "both");
    view_of(fixture, 4, "a", "tail");
    struct store_erasure erasure = {.user_id = "a", .until_ms = CLOCK_MAX_MS};
    while (erasure.phase != STORE_ERASE_DELETE) {
        bool more;
        assert_int_equal(
            store_erase_step(fixture->store, &erasure, &more, &fault),
            RESULT_OK);
    }
    view_of(fixture, 5, "b", "tail"); /* is in the index in memory alone */
    assert_videos(fixture, "alone both tail ");
    assert_int_equal(store_erase(fixture->store, &erasure, &fault), RESULT_OK);
    assert_videos(fixture, "both tail ");
    view_of(fixture, 6, "b", "alone"); /* and is known again */
    assert_videos(fixture, "alone both tail ");
}

#define IN_A_FOLDER(claim)                                                     \
    cmocka_unit_test_setup_teardown(claim, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(counts_are_what_a_loop_counts_also_after_an_erasure),
        IN_A_FOLDER(a_span_is_from_the_first_to_the_last),
        IN_A_FOLDER(too_many_buckets_are_refused),
        IN_A_FOLDER(videos_are_known_once_also_after_a_batch_that_failed),
        IN_A_FOLDER(a_video_goes_with_the_erasure_of_its_last_viewer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
