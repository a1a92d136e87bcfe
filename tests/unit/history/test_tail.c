#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"
#include "tail_cursor.h"

enum {
    LISTS = 3,
    ENTRIES_MAX = 60000,
};

static const struct place_range whole = {{INT64_MIN, INT64_MIN},
                                         {INT64_MAX, INT64_MAX}};

static struct tail_entry entry(int64_t list, int64_t at_ms, int64_t seq)
{
    return (struct tail_entry){list, {at_ms, seq}};
}

static struct tail *make_tail(void)
{
    struct tail *tail = NULL;
    assert_true(tail_make(0, &tail));
    return tail;
}

static void add(struct tail *tail, struct tail_entry *entries, size_t count,
                int64_t last_seq)
{
    assert_true(tail_stage_add(tail, entries, count, last_seq));
    tail_publish(tail);
}

/* `count` entries of list 1, at times from the first seq on. */
static void add_row(struct tail *tail, int64_t first_seq, size_t count)
{
    struct tail_entry *entries = calloc(count, sizeof *entries);
    assert_non_null(entries);
    for (size_t i = 0; i < count; i++)
        entries[i] = entry(1, first_seq + (int64_t)i, first_seq + (int64_t)i);
    add(tail, entries, count, first_seq + (int64_t)count - 1);
    free(entries);
}

static size_t left(const struct tail_snapshot *snapshot, int64_t mark)
{
    struct tail_cursor cursor;
    tail_cursor_open(&cursor, snapshot, mark, 1, &whole, true);
    return tail_cursor_left(&cursor);
}

static size_t left_now(struct tail *tail)
{
    const struct tail_snapshot *snapshot = tail_take(tail);
    size_t count = left(snapshot, 0);
    tail_release(snapshot);
    return count;
}

static void what_is_staged_is_seen_only_when_published(void **state)
{
    (void)state;
    struct tail *tail = make_tail();
    struct tail_entry one = entry(1, 5, 1);
    assert_true(tail_stage_add(tail, &one, 1, 1));
    assert_int_equal(left_now(tail), 0);
    tail_unstage(tail);
    assert_int_equal(left_now(tail), 0);
    assert_true(tail_stage_add(tail, &one, 1, 1));
    tail_publish(tail);
    assert_int_equal(left_now(tail), 1);
    tail_free(tail);
}

static void a_snapshot_stays_what_it_was(void **state)
{
    (void)state;
    struct tail *tail = make_tail();
    add_row(tail, 1, 10);
    const struct tail_snapshot *early = tail_take(tail);
    add_row(tail, 11, 10);
    assert_true(tail_stage_freeze(tail));
    tail_publish(tail);
    const struct tail_snapshot *frozen = tail_take(tail);
    add_row(tail, 21, 10);
    assert_true(tail_stage_drop_frozen(tail));
    tail_publish(tail);
    assert_int_equal(left_now(tail), 10);
    tail_free(tail);

    assert_int_equal(early->last_seq, 10);
    assert_int_equal(left(early, 0), 10);
    assert_int_equal(frozen->last_seq, 20);
    assert_int_equal(left(frozen, 0), 20);
    tail_release(early);
    tail_release(frozen);
}

static void the_frozen_run_stays_apart_until_it_is_dropped(void **state)
{
    (void)state;
    struct tail *tail = make_tail();
    add_row(tail, 1, 10);
    assert_null(tail_frozen(tail));
    assert_true(tail_stage_freeze(tail));
    tail_publish(tail);
    const struct tail_run *frozen = tail_frozen(tail);
    assert_non_null(frozen);
    add_row(tail, 11, 1000); /* would swallow a run of 10 otherwise */
    assert_ptr_equal(tail_frozen(tail), frozen);
    assert_int_equal(frozen->count, 10);
    assert_int_equal(frozen->last_seq, 10);
    assert_int_equal(left_now(tail), 1010);
    tail_free(tail);
}

static void runs_whose_views_are_all_merged_are_passed_over(void **state)
{
    (void)state;
    struct tail *tail = make_tail();
    add_row(tail, 1, 10);
    assert_true(tail_stage_freeze(tail));
    tail_publish(tail);
    add_row(tail, 11, 5);
    const struct tail_snapshot *snapshot = tail_take(tail);
    assert_int_equal(left(snapshot, 0), 15);
    assert_int_equal(left(snapshot, 10), 5);
    assert_int_equal(left(snapshot, 15), 0);
    tail_release(snapshot);
    tail_free(tail);
}

static void there_are_few_runs_whatever_the_batches(void **state)
{
    (void)state;
    struct tail *tail = make_tail();
    int64_t seq = 1;
    /* Ever shorter batches are the worst for a rule that looks at two. */
    for (size_t batch = 300; batch > 0; batch--) {
        add_row(tail, seq, batch);
        seq += (int64_t)batch;
        const struct tail_snapshot *snapshot = tail_take(tail);
        for (size_t i = 1; i < snapshot->count; i++)
            assert_true(snapshot->runs[i - 1]->count >=
                        2 * snapshot->runs[i]->count);
        tail_release(snapshot);
    }
    assert_int_equal(left_now(tail), 300 * 301 / 2);
    tail_free(tail);
}

/* The tail against a plain sorted array. */

struct model {
    struct tail_entry *entries;
    size_t count;
};

static int compare(const void *a, const void *b)
{
    return tail_entry_compare(a, b);
}

/* The model's places of a list, in a range and an order. */
static size_t model_list(const struct model *model, int64_t list,
                         const struct place_range *range, bool oldest_first,
                         struct store_place *ret)
{
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct tail_entry *e =
            &model->entries[oldest_first ? i : model->count - 1 - i];
        if (e->list == list && store_place_compare(e->place, range->low) > 0 &&
            store_place_compare(e->place, range->high) < 0)
            ret[count++] = e->place;
    }
    return count;
}

static void check_walk(struct tail_cursor cursor,
                       const struct store_place *places, size_t count)
{
    struct store_place place;
    for (size_t i = 0; i < count; i++) {
        assert_true(tail_cursor_peek(&cursor, &place));
        assert_int_equal(store_place_compare(place, places[i]), 0);
        assert_int_equal(tail_cursor_left(&cursor), count - i);
        assert_int_equal(tail_cursor_pass(&cursor, place), 1);
    }
    assert_false(tail_cursor_peek(&cursor, &place));
    assert_int_equal(tail_cursor_left(&cursor), 0);
}

static void check_leaps(struct tail_cursor cursor,
                        const struct store_place *places, size_t count,
                        uint64_t *random)
{
    struct store_place place;
    assert_false(tail_cursor_nth(&cursor, 0, &place));
    assert_false(tail_cursor_nth(&cursor, count + 1, &place));
    for (size_t at = 0; at < count;) {
        size_t ahead = 1 + fixture_draw(random) % (count - at);
        assert_true(tail_cursor_nth(&cursor, ahead, &place));
        assert_int_equal(store_place_compare(place, places[at + ahead - 1]), 0);
        assert_int_equal(tail_cursor_count(&cursor, place), ahead);
        assert_int_equal(tail_cursor_pass(&cursor, place), ahead);
        at += ahead;
    }
}

static void check_against(const struct tail_snapshot *snapshot,
                          const struct model *model, uint64_t *random)
{
    struct store_place *places = calloc(ENTRIES_MAX, sizeof *places);
    assert_non_null(places);
    for (int i = 0; i < 12; i++) {
        int64_t list = 1 + (int64_t)(fixture_draw(random) % (LISTS + 1));
        bool oldest_first = i % 2 == 0;
        struct place_range range = whole;
        if (i >= 4) {
            range.low.viewed_at_ms = (int64_t)(fixture_draw(random) % 400);
            range.low.seq = (int64_t)(fixture_draw(random) % ENTRIES_MAX);
            range.high.viewed_at_ms =
                range.low.viewed_at_ms + (int64_t)(fixture_draw(random) % 400);
            range.high.seq = (int64_t)(fixture_draw(random) % ENTRIES_MAX);
        }
        struct tail_cursor cursor;
        tail_cursor_open(&cursor, snapshot, 0, list, &range, oldest_first);
        size_t count = model_list(model, list, &range, oldest_first, places);
        assert_int_equal(tail_cursor_left(&cursor), count);
        check_walk(cursor, places, count);
        check_leaps(cursor, places, count, random);
    }
    free(places);
}

static void any_row_of_batches_reads_as_one_sorted_array(void **state)
{
    (void)state;
    uint64_t random = fixture_seed();
    struct tail *tail = make_tail();
    struct tail_entry *batch = calloc(ENTRIES_MAX, sizeof *batch);
    struct model model = {calloc(ENTRIES_MAX, sizeof *batch), 0};
    assert_non_null(batch);
    assert_non_null(model.entries);
    int64_t seq = 0;
    for (int turn = 0; turn < 40; turn++) {
        size_t count = fixture_draw(&random) % (turn % 3 == 0 ? 1000 : 20);
        for (size_t i = 0; i < count; i++)
            batch[i] = entry(1 + (int64_t)(fixture_draw(&random) % LISTS),
                             (int64_t)(fixture_draw(&random) % 800), ++seq);
        memcpy(model.entries + model.count, batch, count * sizeof *batch);
        model.count += count;
        qsort(model.entries, model.count, sizeof *batch, compare);
        add(tail, batch, count, seq);
        if (turn == 20) {
            assert_true(tail_stage_freeze(tail));
            tail_publish(tail);
        }
        const struct tail_snapshot *snapshot = tail_take(tail);
        check_against(snapshot, &model, &random);
        tail_release(snapshot);
    }
    free(model.entries);
    free(batch);
    tail_free(tail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_staged_is_seen_only_when_published),
        cmocka_unit_test(a_snapshot_stays_what_it_was),
        cmocka_unit_test(the_frozen_run_stays_apart_until_it_is_dropped),
        cmocka_unit_test(runs_whose_views_are_all_merged_are_passed_over),
        cmocka_unit_test(there_are_few_runs_whatever_the_batches),
        cmocka_unit_test(any_row_of_batches_reads_as_one_sorted_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
