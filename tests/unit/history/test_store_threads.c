/*
 * Readers beside the writer and its merges. Every answer must be the log as it
 * was at some moment after the question: without gaps, with all that was
 * stored before.
 */
#include "store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tail.h"

enum {
    VIEWS = 24000,
    BATCH = 200,
    READERS = 4, /* one more than the store has connections */
    USERS = 7,   /* as view_make() has them */
};

/* cmocka's assertions belong to its own thread: a reader that finds something
 * wrong says so here, and ends. */
struct race {
    struct store *store;
    _Atomic uint32_t stored; /* store_write() has returned for so many */
    _Atomic bool ended;
    _Atomic(const char *) wrong;
    _Atomic uint32_t answers;
};

struct answer {
    uint32_t rows;
    int64_t seqs[STORE_PAGE_ROWS_MAX];
    bool whole; /* each row is the view that its seq says */
};

static void note(void *context, const struct store_row *row)
{
    struct answer *answer = context;
    struct viewed view = view_make((uint32_t)row->place.seq - 1);
    if (memcmp(row->id.bytes, view.id.bytes, 16) != 0 ||
        strcmp(row->user_id, view.user_id) != 0 ||
        strcmp(row->video_path, view.video_path) != 0)
        answer->whole = false;
    answer->seqs[answer->rows++] = row->place.seq;
}

static bool ask_race(struct race *race, const struct store_query *query,
                     struct answer *answer, struct store_page *page)
{
    struct fault fault = {""};
    answer->rows = 0;
    answer->whole = true;
    if (store_query(race->store, query, note, answer, page, &fault) !=
        RESULT_OK) {
        race->wrong = "a query failed";
        return false;
    }
    if (!answer->whole)
        race->wrong = "a row is not its view";
    atomic_fetch_add(&race->answers, 1);
    return answer->whole;
}

/* Each row's seq is `step` less than the one before. */
static bool has_gap(const struct answer *answer, int64_t step)
{
    for (uint32_t i = 1; i < answer->rows; i++)
        if (answer->seqs[i] != answer->seqs[i - 1] - step)
            return true;
    return false;
}

static void check_newest(struct race *race, uint64_t *random)
{
    struct answer answer;
    struct store_page page;
    struct store_query query = query_all();
    uint32_t stored = race->stored;
    query.skip = (uint32_t)(fixture_draw(random) % 3) * 1000;
    if (!ask_race(race, &query, &answer, &page))
        return;
    if (has_gap(&answer, 1))
        race->wrong = "the newest views have a gap";
    else if (stored > query.skip + query.limit &&
             (answer.rows != query.limit ||
              answer.seqs[0] < (int64_t)stored - query.skip))
        race->wrong = "a stored view is not among the newest";
}

static void check_user(struct race *race, uint64_t *random)
{
    struct answer answer;
    struct store_page page;
    struct store_query query = query_all();
    char user_id[32];
    uint32_t stored = race->stored;
    (void)snprintf(user_id, sizeof user_id, "user-%u",
                   (unsigned)(fixture_draw(random) % USERS));
    query.user_id = user_id;
    query.limit = STORE_PAGE_ROWS_MAX;
    if (!ask_race(race, &query, &answer, &page))
        return;
    if (has_gap(&answer, USERS))
        race->wrong = "a user's views have a gap";
    else if (stored >= USERS &&
             (answer.rows == 0 || answer.seqs[0] <= (int64_t)stored - USERS))
        race->wrong = "a stored view is not among its user's";
}

/* From the newest to the first by the cursor, while views arrive. */
static void check_walk(struct race *race)
{
    struct answer answer;
    struct store_page page = {0};
    struct store_query query = query_all();
    query.limit = STORE_PAGE_ROWS_MAX;
    int64_t next = -1;
    do {
        if (!ask_race(race, &query, &answer, &page))
            return;
        if (has_gap(&answer, 1) ||
            (next >= 0 && (answer.rows == 0 || answer.seqs[0] != next))) {
            race->wrong = "the cursor met a gap";
            return;
        }
        next = page.last.seq - 1;
        query.after_given = true;
        query.after = page.last;
    } while (page.more);
    if (next > 0)
        race->wrong = "the cursor ended before the first view";
}

static void check_found(struct race *race)
{
    uint32_t stored = race->stored;
    struct fault fault = {""};
    struct answer answer = {.whole = true};
    if (stored == 0)
        return;
    struct viewed view = view_make(stored - 1);
    if (store_find(race->store, &view.id, note, &answer, &fault) != RESULT_OK)
        race->wrong = "a stored view is not found by its id";
}

static void *read_on(void *context)
{
    struct race *race = context;
    uint64_t random = (uint64_t)pthread_self() | 1;
    while (!race->ended && race->wrong == NULL) {
        check_newest(race, &random);
        check_user(race, &random);
        check_found(race);
        if (fixture_draw(&random) % 8 == 0)
            check_walk(race);
        struct store_stats stats;
        store_stats(race->store, &stats);
        if (stats.views < 0 || stats.merged_seq > VIEWS)
            race->wrong = "the numbers are wrong";
    }
    return NULL;
}

static void
readers_see_the_log_without_gaps_while_it_is_written_and_merged(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct race race = {.store = fixture->store};
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &race), 0);
    uint64_t random = 4711;
    for (uint32_t i = 0; i < VIEWS && race.wrong == NULL; i += BATCH) {
        store_range(fixture->store, i, BATCH);
        race.stored = i + BATCH;
        for (uint64_t turns = fixture_draw(&random) % 3; turns > 0; turns--)
            (void)tidy_once(fixture->store, true);
    }
    race.ended = true;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    const char *wrong = race.wrong;
    if (wrong != NULL)
        fail_msg("%s", wrong);
    struct store_stats stats;
    store_stats(fixture->store, &stats);
    assert_true(stats.merged_seq > 0);
    assert_true(race.answers > 0);
    print_message("%u answers, merged up to %lld\n", race.answers,
                  (long long)stats.merged_seq);
}

static void wait_long(void *context, const struct store_row *row)
{
    (void)row;
    pthread_barrier_t *both = context;
    (void)pthread_barrier_wait(both);
}

struct holder {
    struct store *store;
    pthread_barrier_t both; /* passed once inside, once to let go */
};

static void *hold_reader(void *context)
{
    struct holder *holder = context;
    struct store_query query = query_all();
    struct store_page page;
    struct fault fault;
    (void)store_query(holder->store, &query, wait_long, &holder->both, &page,
                      &fault);
    return NULL;
}

/* A reader in mid-page keeps its snapshot; all goes on around it. */
static void a_slow_reader_stops_neither_the_writer_nor_the_merge(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct holder holder = {.store = fixture->store};
    assert_int_equal(pthread_barrier_init(&holder.both, NULL, 2), 0);
    store_range(fixture->store, 0, 2);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, hold_reader, &holder), 0);
    (void)pthread_barrier_wait(&holder.both); /* it is at its first row */
    store_range(fixture->store, 2, 5000);
    tidy_all(fixture->store);
    assert_int_equal(count_rows(fixture->store, query_all()), 5002);
    (void)pthread_barrier_wait(&holder.both); /* its second and last row */
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)pthread_barrier_destroy(&holder.both);
}

/*
 * The moment at which a query takes the tail: the linker leads the call here,
 * so that a test can write and merge right before it or right after it.
 */
const struct tail_snapshot *__real_tail_take(struct tail *tail);
const struct tail_snapshot *__wrap_tail_take(struct tail *tail);

/* Of the test's own thread; readers of other tests have none. */
static _Thread_local void (*before_take)(struct store *store);
static _Thread_local void (*after_take)(struct store *store);
static struct store *store_of_hooks;

static void run_once(void (**hook)(struct store *store))
{
    void (*now)(struct store *) = *hook;
    *hook = NULL;
    if (now != NULL)
        now(store_of_hooks);
}

const struct tail_snapshot *__wrap_tail_take(struct tail *tail)
{
    run_once(&before_take);
    const struct tail_snapshot *snapshot = __real_tail_take(tail);
    run_once(&after_take);
    return snapshot;
}

static void
what_is_merged_just_before_a_query_takes_the_tail_is_in_it(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    store_range(fixture->store, 0, 2500);
    store_of_hooks = fixture->store;
    before_take = tidy_all;
    struct store_query query = query_all();
    query.limit = STORE_PAGE_ROWS_MAX;
    struct kept_page *page = kept_page_make();
    ask(fixture->store, &query, page);
    assert_null(before_take);
    assert_int_equal(page->page.rows, STORE_PAGE_ROWS_MAX);
    assert_int_equal(page->rows[0].row.place.seq, 2500);
    kept_page_free(page);
}

/* Views 2500 to 4999 arrive, and the first slice of the merge has some. */
static void write_and_merge_in_part(struct store *store)
{
    store_range(store, 2500, 2500);
    assert_true(tidy_once(store, true));
}

static void write_and_merge(struct store *store)
{
    store_range(store, 2500, 2500);
    tidy_all(store);
}

static void a_query_shows_the_log_as_it_was_when_it_took_the_tail(void **state)
{
    struct fixture *fixture = *state;
    const struct {
        void (*meanwhile)(struct store *);
        uint32_t skip;
    } cases[] = {
        {write_and_merge_in_part, 0},
        {write_and_merge_in_part, 1000},
        {write_and_merge, 0},
        {write_and_merge, 1000},
    };
    struct kept_page *page = kept_page_make();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture_open(fixture);
        store_range(fixture->store, 0, 2500);
        store_of_hooks = fixture->store;
        after_take = cases[i].meanwhile;
        struct store_query query = query_all();
        query.skip = cases[i].skip;
        ask(fixture->store, &query, page);
        assert_null(after_take);
        assert_int_equal(page->page.rows, 100);
        for (uint32_t row = 0; row < 100; row++)
            assert_int_equal(page->rows[row].row.place.seq,
                             2500 - query.skip - row);
        fixture_close(fixture);
        strcat(fixture->path, "2");
    }
    kept_page_free(page);
}

#define IN_A_FOLDER(claim)                                                     \
    cmocka_unit_test_setup_teardown(claim, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(
            readers_see_the_log_without_gaps_while_it_is_written_and_merged),
        IN_A_FOLDER(what_is_merged_just_before_a_query_takes_the_tail_is_in_it),
        IN_A_FOLDER(a_query_shows_the_log_as_it_was_when_it_took_the_tail),
        IN_A_FOLDER(a_slow_reader_stops_neither_the_writer_nor_the_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
