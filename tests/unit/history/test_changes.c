/* What has changed, in its order: views, removals, and views restored. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>

#include "store_changes.h"
#include "store_erase.h"
#include "store_removed.h"

#define MINUTE (60 * INT64_C(1000))

struct told {
    char text[1024]; /* "4 " for a view, "-4 " for a removal, by number */
    uint32_t count;
};

static uint32_t number_of(const struct uuid *id)
{
    uint32_t number = 0;
    for (; number < 100000; number++) {
        struct viewed view = view_make(number);
        if (memcmp(&view.id, id, sizeof *id) == 0)
            break;
    }
    return number;
}

static void tell(struct told *told, const char *sign, const struct uuid *id)
{
    size_t bytes = strlen(told->text);
    (void)snprintf(told->text + bytes, sizeof told->text - bytes, "%s%u ", sign,
                   number_of(id));
    told->count++;
}

static void tell_view(void *context, const struct store_row *row)
{
    tell(context, "", &row->id);
}

static void tell_removal(void *context, const struct store_removal *removal)
{
    tell(context, "-", &removal->id);
}

static struct store_changes_query query_changes(int64_t since_ms)
{
    return (struct store_changes_query){.since_ms = since_ms, .limit = 100};
}

/* All pages of the query. */
static struct told ask_changes(struct store *store,
                               struct store_changes_query query)
{
    struct told told = {"", 0};
    struct store_changes_taker taker = {tell_view, tell_removal, &told};
    struct store_changes_page page = {.more = true};
    struct fault fault = {0};
    while (page.more) {
        assert_int_equal(store_changes(store, &query, &taker, &page, &fault),
                         RESULT_OK);
        query.after_given = true;
        query.after = page.last;
        query.after_check = page.last_check;
    }
    return told;
}

/* A view that arrived so many minutes after the first. */
static void arrive(struct store *store, uint32_t n, const char *user,
                   int64_t minutes)
{
    struct fault fault = {0};
    struct viewed viewed = view_make(n);
    strcpy(viewed.user_id, user);
    struct store_view view = {.viewed = &viewed,
                              .received_ms = FIXTURE_TIME + minutes * MINUTE};
    assert_int_equal(store_write(store, &view, 1, &fault), RESULT_OK);
    assert_int_equal(view.written, STORE_NEW);
}

static void take_away(struct store *store, uint32_t n, int64_t minutes)
{
    struct fault fault = {0};
    struct viewed view = view_make(n);
    struct removed_view told;
    assert_int_equal(store_remove(store, &view.id,
                                  FIXTURE_TIME + minutes * MINUTE, &told,
                                  &fault),
                     RESULT_OK);
}

static void bring_back(struct store *store, uint32_t n, int64_t minutes)
{
    struct fault fault = {0};
    struct viewed view = view_make(n);
    assert_int_equal(store_restore_removed(store, &view.id,
                                           FIXTURE_TIME + minutes * MINUTE,
                                           &fault),
                     RESULT_OK);
}

static void changes_come_in_the_order_in_which_they_were_made(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct store *store = fixture->store;
    for (uint32_t n = 0; n < 6; n++)
        arrive(store, n, n % 2 == 0 ? "anna" : "ben", n);
    take_away(store, 1, 6);
    take_away(store, 2, 7);
    arrive(store, 6, "anna", 8);
    bring_back(store, 1, 9);
    for (uint32_t limit = 1; limit < 10; limit += 4) {
        struct store_changes_query query = query_changes(FIXTURE_TIME);
        query.limit = limit;
        assert_string_equal(ask_changes(store, query).text, "0 3 4 5 -2 6 1 ");
        query.user_id = "anna";
        assert_string_equal(ask_changes(store, query).text, "0 4 -2 6 ");
        query.user_id = "ben";
        assert_string_equal(ask_changes(store, query).text, "3 5 1 ");
        query.user_id = "nobody";
        assert_string_equal(ask_changes(store, query).text, "");
    }
}

static void it_begins_with_the_time_that_was_asked_for(void **state)
{
    static const char *const wanted[] = {
        "0 3 4 5 -2 6 1 ",
        "3 4 5 -2 6 1 ",
        "3 4 5 -2 6 1 ",
        "3 4 5 -2 6 1 ",
        "4 5 -2 6 1 ",
        "5 -2 6 1 ",
        "-2 6 1 ",
        "-2 6 1 ",
        "6 1 ",
        "1 ",
    };
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct store *store = fixture->store;
    for (uint32_t n = 0; n < 6; n++)
        arrive(store, n, "anna", n);
    take_away(store, 1, 6);
    take_away(store, 2, 7);
    arrive(store, 6, "anna", 8);
    bring_back(store, 1, 9);
    for (int i = 0; i < 10; i++) {
        int64_t since_ms = FIXTURE_TIME + i * MINUTE;
        assert_string_equal(ask_changes(store, query_changes(since_ms)).text,
                            wanted[i]);
    }
}

/* A clock that was set back a little hides nothing. */
static void arrivals_that_are_a_little_out_of_order_are_all_there(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct fault fault = {0};
    for (uint32_t n = 0; n < 300; n++) {
        struct viewed viewed = view_make(n);
        int64_t off_ms = n % 2 == 0 ? 0 : 50 * INT64_C(1000);
        struct store_view view = {
            .viewed = &viewed, .received_ms = FIXTURE_TIME + n * 1000 - off_ms};
        assert_int_equal(store_write(fixture->store, &view, 1, &fault),
                         RESULT_OK);
    }
    for (uint32_t from = 60; from < 300; from += 7) {
        int64_t since_ms = FIXTURE_TIME + from * 1000;
        uint32_t wanted = 0;
        for (uint32_t n = 0; n < 300; n++)
            wanted += n % 2 == 0 ? n >= from : n >= from + 50;
        struct store_changes_query query = query_changes(since_ms);
        assert_int_equal(ask_changes(fixture->store, query).count, wanted);
    }
}

static void an_erased_user_is_in_no_change(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {0};
    fixture_open(fixture);
    arrive(fixture->store, 0, "anna", 0);
    arrive(fixture->store, 1, "ben", 1);
    arrive(fixture->store, 2, "anna", 2);
    take_away(fixture->store, 2, 3);
    struct store_changes_query query = query_changes(FIXTURE_TIME);
    assert_string_equal(ask_changes(fixture->store, query).text, "0 1 -2 ");
    struct store_erasure erasure = {.user_id = "anna",
                                    .until_ms = clock_now_ms()};
    assert_int_equal(store_erase(fixture->store, &erasure, &fault), RESULT_OK);
    assert_string_equal(ask_changes(fixture->store, query).text, "1 ");
}

static void a_place_of_another_history_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {0};
    fixture_open(fixture);
    for (uint32_t n = 0; n < 4; n++)
        arrive(fixture->store, n, "anna", n);
    struct told told = {"", 0};
    struct store_changes_taker taker = {tell_view, tell_removal, &told};
    struct store_changes_page page;
    struct store_changes_query query = query_changes(FIXTURE_TIME);
    assert_int_equal(
        store_changes(fixture->store, &query, &taker, &page, &fault),
        RESULT_OK);
    query.after_given = true;
    query.after = page.last;
    query.after_check = page.last_check + 1;
    assert_int_equal(
        store_changes(fixture->store, &query, &taker, &page, &fault),
        RESULT_NOT_FOUND);
    query.after = page.last + 1;
    assert_int_equal(
        store_changes(fixture->store, &query, &taker, &page, &fault),
        RESULT_NOT_FOUND);
    /* One whose view has been removed since is as good as before. */
    query.after = page.last;
    query.after_check = page.last_check;
    take_away(fixture->store, 3, 5);
    arrive(fixture->store, 4, "anna", 6);
    assert_string_equal(ask_changes(fixture->store, query).text, "-3 4 ");
}

#define TEST(claim)                                                            \
    cmocka_unit_test_setup_teardown(claim, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changes_come_in_the_order_in_which_they_were_made),
        TEST(it_begins_with_the_time_that_was_asked_for),
        TEST(arrivals_that_are_a_little_out_of_order_are_all_there),
        TEST(an_erased_user_is_in_no_change),
        TEST(a_place_of_another_history_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
