/* What a user may want to go on watching. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>

#include "continue_list.h"
#include "store_dismissed.h"
#include "store_erase.h"

enum {
    MINUTE = 60 * 1000,
    VIDEO_MS = 10 * MINUTE,
};

/* A view of anna's, at a time of its own. */
static void watch(struct store *store, uint32_t n, const char *video,
                  int64_t at_ms, int64_t position_ms)
{
    struct viewed view = view_make(n);
    (void)snprintf(view.user_id, sizeof view.user_id, "anna");
    (void)snprintf(view.video_id, sizeof view.video_id, "%s", video);
    (void)snprintf(view.video_path, sizeof view.video_path, "./%s", video);
    view.viewed_at_ms = FIXTURE_TIME + at_ms;
    view.position_ms = position_ms;
    view.duration_ms = VIDEO_MS;
    store_one(store, &view);
}

struct told {
    char text[512]; /* "video@position " of each */
};

static void tell(void *context, const struct store_row *row)
{
    struct told *told = context;
    size_t bytes = strlen(told->text);
    (void)snprintf(told->text + bytes, sizeof told->text - bytes, "%s@%lld ",
                   row->video_id[0] != '\0' ? row->video_id : row->video_path,
                   (long long)row->position_ms);
}

static struct told ask_anna(struct store *store, uint32_t limit)
{
    struct told told = {""};
    struct fault fault = {0};
    assert_int_equal(continue_list(store, "anna", limit, tell, &told, &fault),
                     RESULT_OK);
    return told;
}

#define assert_told(store, words)                                              \
    assert_string_equal(ask_anna((store), 20).text, (words))

static void a_late_or_a_zero_report_takes_no_place_away(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    watch(fixture->store, 1, "a", 100, 5000);
    watch(fixture->store, 2, "b", 200, 7000);
    watch(fixture->store, 3, "a", 50, 9000); /* late */
    watch(fixture->store, 4, "a", 300, 0);
    watch(fixture->store, 5, "b", 400, -1);
    assert_told(fixture->store, "b@7000 a@5000 ");
    watch(fixture->store, 6, "", 500, 8000);
    assert_told(fixture->store, "./@8000 b@7000 a@5000 ");
    assert_string_equal(ask_anna(fixture->store, 1).text, "./@8000 ");
    fixture_reopen(fixture);
    assert_told(fixture->store, "./@8000 b@7000 a@5000 ");
}

static void
what_is_at_its_end_is_left_out_until_it_is_watched_again(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    assert_true(continue_is_finished(570000, 600000));
    assert_false(continue_is_finished(569999, 600000));
    assert_true(continue_is_finished(28500, 30000));
    assert_false(continue_is_finished(28499, 30000)); /* though 30 s are left */
    assert_true(continue_is_finished(270000, 300000));
    assert_false(continue_is_finished(269999, 299999));
    assert_true(continue_is_finished(6840000, 7200000));
    assert_false(continue_is_finished(1000, -1));
    assert_false(continue_is_finished(1000, 0));
    watch(fixture->store, 1, "a", 100, 5000);
    watch(fixture->store, 2, "a", 200, VIDEO_MS - 1000);
    assert_told(fixture->store, "");
    watch(fixture->store, 3, "a", 300, 4000);
    assert_told(fixture->store, "a@4000 ");
}

static void dismiss(struct store *store, const char *video, int64_t at_ms)
{
    struct fault fault = {0};
    assert_int_equal(
        store_dismiss(store, "anna", video, FIXTURE_TIME + at_ms, &fault),
        RESULT_OK);
}

static void what_was_dismissed_stays_away_until_a_later_view(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    watch(fixture->store, 1, "a", 100, 5000);
    watch(fixture->store, 2, "b", 200, 7000);
    dismiss(fixture->store, "a", 100);
    assert_told(fixture->store, "b@7000 ");
    dismiss(fixture->store, "a", 50); /* an earlier one changes nothing */
    watch(fixture->store, 3, "a", 90, 6000);
    fixture_reopen(fixture);
    assert_told(fixture->store, "b@7000 ");
    watch(fixture->store, 4, "a", 101, 6000);
    assert_told(fixture->store, "b@7000 a@6000 ");
}

static void count_one(void *context, const char *video, size_t bytes,
                      int64_t until_ms)
{
    (void)video;
    (void)bytes;
    (void)until_ms;
    ++*(int *)context;
}

static int dismissals(struct store *store)
{
    int count = 0;
    struct fault fault = {0};
    assert_int_equal(store_dismissed(store, "anna", count_one, &count, &fault),
                     RESULT_OK);
    return count;
}

static void dismissals_are_bounded_and_go_with_the_user(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {0};
    fixture_open(fixture);
    watch(fixture->store, 1, "v0", 0, 5000);
    watch(fixture->store, 2, "last", 0, 5000);
    for (int i = 0; i < STORE_DISMISSED_MAX + 5; i++) {
        char video[16];
        (void)snprintf(video, sizeof video, "v%d", i);
        dismiss(fixture->store, video, i);
    }
    dismiss(fixture->store, "last", STORE_DISMISSED_MAX + 5);
    assert_int_equal(dismissals(fixture->store), STORE_DISMISSED_MAX);
    assert_told(fixture->store, "v0@5000 "); /* the oldest was forgotten */
    struct store_erasure erasure = {.user_id = "anna",
                                    .until_ms = FIXTURE_TIME};
    assert_int_equal(store_erase(fixture->store, &erasure, &fault), RESULT_OK);
    assert_int_equal(dismissals(fixture->store), 0);
}

static void a_long_list_is_read_to_where_enough_was_found(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    watch(fixture->store, 1, "first", 0, 5000);
    for (uint32_t i = 0; i < 500; i++) /* several pages of one video */
        watch(fixture->store, 2 + i, "much", 1 + i, 1000 + i);
    assert_told(fixture->store, "much@1499 first@5000 ");
    int64_t at_ms = 0;
    struct fault fault = {0};
    assert_int_equal(
        continue_find(fixture->store, "anna", "first", &at_ms, &fault),
        RESULT_OK);
    assert_int_equal(at_ms, FIXTURE_TIME);
    assert_int_equal(
        continue_find(fixture->store, "anna", "none", &at_ms, &fault),
        RESULT_NOT_FOUND);
}

#define TEST(claim)                                                            \
    cmocka_unit_test_setup_teardown(claim, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_late_or_a_zero_report_takes_no_place_away),
        TEST(what_is_at_its_end_is_left_out_until_it_is_watched_again),
        TEST(what_was_dismissed_stays_away_until_a_later_view),
        TEST(dismissals_are_bounded_and_go_with_the_user),
        TEST(a_long_list_is_read_to_where_enough_was_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
