/*
 * Answers that are given again must never be of before a view that was stored
 * when they were asked for; and what they take of memory is bounded.
 */
#include "store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer_cache.h"
#include "cleanup.h"
#include "store_erase.h"

enum {
    VIEWS = 400,
    READERS = 3,
    USERS = 7, /* as view_make() has them */
};

struct race {
    struct store *store;
    struct answer_cache *cache;
    _Atomic uint32_t stored; /* store_write() has returned for so many */
    _Atomic bool ended;
    _Atomic(const char *) wrong;
    _Atomic uint32_t kept; /* answers that were given again */
};

/* An answer's body here is the seq of the newest row. */
static void note_seq(void *context, const struct store_row *row)
{
    *(int64_t *)context = row->place.seq;
}

static bool ask_newest(struct race *race, const struct store_query *query,
                       int64_t *ret)
{
    struct store_page page;
    struct fault fault;
    *ret = 0;
    bool asked = store_query(race->store, query, note_seq, ret, &page,
                             &fault) == RESULT_OK;
    if (!asked)
        race->wrong = "a query failed";
    return asked;
}

static void keep_answer(struct race *race, const char *key, uint64_t version,
                        int64_t seq)
{
    CLEANUP(buffer_done) struct buffer body = buffer_make(64);
    buffer_append(&body, &seq, sizeof seq);
    const struct answer *answer = answer_cache_put(
        race->cache, key, strlen(key), version, &body, false, "");
    if (answer != NULL)
        answer_release(answer);
}

/* As GET /history does it. */
static int64_t newest_of(struct race *race, const struct store_query *query)
{
    const char *key = query->user_id != NULL ? query->user_id : "";
    uint64_t version = 0;
    uint64_t after = 0;
    int64_t seq = 0;
    bool still = store_version(race->store, query, &version);
    const struct answer *kept =
        still ? answer_cache_find(race->cache, key, strlen(key), version)
              : NULL;
    if (kept != NULL) {
        memcpy(&seq, kept->body, sizeof seq);
        answer_release(kept);
        race->kept++;
        return seq;
    }
    if (ask_newest(race, query, &seq) && still &&
        store_version(race->store, query, &after) && after == version)
        keep_answer(race, key, version, seq);
    return seq;
}

static void *ask_on(void *context)
{
    struct race *race = context;
    uint64_t random = (uint64_t)pthread_self() | 1;
    int64_t seen = 0; /* by a query of all */
    while (!race->ended && race->wrong == NULL) {
        char user_id[32];
        struct store_query query = query_all();
        query.limit = 1;
        int64_t stored = race->stored;
        int64_t floor = stored > seen ? stored : seen;
        int64_t newest = newest_of(race, &query);
        if (newest < floor)
            race->wrong = "an answer is older than what was stored, or seen";
        seen = newest;
        (void)snprintf(user_id, sizeof user_id, "user-%u",
                       (unsigned)(fixture_draw(&random) % USERS));
        query.user_id = user_id;
        if (newest_of(race, &query) <= newest - USERS)
            race->wrong = "a user's answer is older than one of all was";
    }
    return NULL;
}

static void what_was_stored_or_seen_is_in_each_later_answer(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault;
    fixture_open(fixture);
    struct race race = {.store = fixture->store};
    assert_int_equal(answer_cache_make(&race.cache, &fault), RESULT_OK);
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_on, &race), 0);
    for (uint32_t i = 0; i < VIEWS && race.wrong == NULL; i++) {
        store_range(fixture->store, i, 1);
        race.stored = i + 1;
        if (i % 50 == 0)
            (void)tidy_once(fixture->store, true);
    }
    race.ended = true;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    answer_cache_free(race.cache);
    const char *wrong = race.wrong;
    if (wrong != NULL)
        fail_msg("%s", wrong);
    assert_true(race.kept > 0);
    print_message("%u answers were given again\n", race.kept);
}

/*
 * The moment at which readers begin to see a batch: the linker leads the call
 * here, so that a test can ask right before it and right after it.
 */
struct tail;
void __real_tail_publish(struct tail *tail);
void __wrap_tail_publish(struct tail *tail);
static struct race *asked_around; /* NULL: by nobody */

/* What is given is what a query shows now. */
static void assert_given_is_shown(struct race *race)
{
    struct store_query query = query_all();
    query.limit = 1;
    int64_t shown;
    assert_true(ask_newest(race, &query, &shown));
    assert_int_equal(newest_of(race, &query), shown);
    assert_int_equal(newest_of(race, &query), shown);
}

void __wrap_tail_publish(struct tail *tail)
{
    if (asked_around != NULL)
        assert_given_is_shown(asked_around);
    __real_tail_publish(tail);
    if (asked_around != NULL)
        assert_given_is_shown(asked_around);
}

static void
an_answer_kept_just_before_a_view_is_shown_is_not_given_after(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault;
    fixture_open(fixture);
    struct race race = {.store = fixture->store};
    assert_int_equal(answer_cache_make(&race.cache, &fault), RESULT_OK);
    for (uint32_t i = 0; i < 10; i++) {
        assert_given_is_shown(&race);
        asked_around = &race;
        store_range(fixture->store, i, 1);
        asked_around = NULL;
        assert_given_is_shown(&race);
    }
    answer_cache_free(race.cache);
}

static uint64_t version_of(struct store *store, const char *user_id,
                           const char *video_id)
{
    struct store_query query = query_all();
    uint64_t version = 0;
    query.user_id = user_id;
    query.video_id = video_id;
    assert_true(store_version(store, &query, &version));
    return version;
}

static void
a_view_changes_the_lists_that_it_is_in_and_a_merge_none(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct store *store = fixture->store;
    store_range(store, 0, 2500);
    struct viewed view = view_make(2500);
    struct viewed other = view_make(2501);
    uint64_t all = version_of(store, NULL, NULL);
    uint64_t user = version_of(store, view.user_id, NULL);
    uint64_t video = version_of(store, NULL, view.video_id);
    uint64_t both = version_of(store, view.user_id, view.video_id);
    uint64_t others = version_of(store, other.user_id, NULL);
    store_one(store, &view);
    assert_true(version_of(store, NULL, NULL) > all);
    assert_true(version_of(store, view.user_id, NULL) > user);
    assert_true(version_of(store, NULL, view.video_id) > video);
    assert_true(version_of(store, view.user_id, view.video_id) > both);
    assert_int_equal(version_of(store, other.user_id, NULL), others);
    all = version_of(store, NULL, NULL);
    tidy_all(store);
    assert_int_equal(store_some(store, &view, 1), 0); /* known */
    assert_int_equal(version_of(store, NULL, NULL), all);
}

static void an_erasure_changes_all_lists(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault;
    fixture_open(fixture);
    store_range(fixture->store, 0, 20);
    uint64_t all = version_of(fixture->store, NULL, NULL);
    uint64_t user = version_of(fixture->store, "user-1", NULL);
    struct store_erasure erasure = {.user_id = "user-1"};
    assert_int_equal(store_erase(fixture->store, &erasure, &fault), RESULT_OK);
    assert_true(erasure.views > 0);
    assert_true(version_of(fixture->store, NULL, NULL) > all);
    assert_true(version_of(fixture->store, "user-1", NULL) > user);
}

/* --- the cache alone ------------------------------------------------------ */

static struct answer_cache *cache_made(void)
{
    struct answer_cache *cache = NULL;
    struct fault fault;
    assert_int_equal(answer_cache_make(&cache, &fault), RESULT_OK);
    return cache;
}

static const struct answer *put(struct answer_cache *cache, const char *key,
                                uint64_t version, size_t bytes)
{
    CLEANUP(buffer_done) struct buffer body = buffer_make(1 << 20);
    char *to = buffer_reserve(&body, bytes);
    assert_non_null(to);
    memset(to, (int)('a' + version), bytes);
    buffer_advance(&body, bytes);
    const struct answer *answer = answer_cache_put(
        cache, key, strlen(key), version, &body, false, "links");
    assert_non_null(answer);
    return answer;
}

static const struct answer *find(struct answer_cache *cache, const char *key,
                                 uint64_t version)
{
    return answer_cache_find(cache, key, strlen(key), version);
}

static void an_answer_is_found_by_its_key_and_version_alone(void **state)
{
    (void)state;
    struct answer_cache *cache = cache_made();
    answer_release(put(cache, "key", 1, 100));
    assert_null(find(cache, "key", 2));
    assert_null(find(cache, "kex", 1));
    const struct answer *found = find(cache, "key", 1);
    assert_non_null(found);
    assert_int_equal(found->body_bytes, 100);
    assert_int_equal(found->body[99], 'b');
    assert_string_equal(found->links, "links");
    assert_false(found->gzipped);
    answer_release(put(cache, "key", 2, 50)); /* takes the other's place */
    assert_null(find(cache, "key", 1));
    answer_release(put(cache, "key", 1, 70)); /* was slow: not kept */
    const struct answer *newer = find(cache, "key", 2);
    assert_non_null(newer);
    assert_int_equal(newer->body_bytes, 50);
    assert_int_equal(found->body[99], 'b'); /* stays while it is held */
    answer_release(found);
    answer_release(newer);
    answer_cache_free(cache);
}

static void a_full_cache_lets_go_what_was_not_asked_for_longest(void **state)
{
    (void)state;
    enum { BYTES = 10000, ANSWERS = 3 * ANSWER_CACHE_BYTES / BYTES };
    struct answer_cache *cache = cache_made();
    struct answer_cache_stats stats;
    char key[32];
    answer_release(put(cache, "asked", 1, BYTES));
    for (int i = 0; i < ANSWERS; i++) {
        (void)snprintf(key, sizeof key, "key %d", i);
        answer_release(put(cache, key, 1, BYTES));
        const struct answer *asked = find(cache, "asked", 1);
        assert_non_null(asked);
        answer_release(asked);
    }
    answer_cache_stats(cache, &stats);
    assert_true(stats.bytes <= ANSWER_CACHE_BYTES);
    assert_true(stats.bytes > ANSWER_CACHE_BYTES / 2);
    assert_null(find(cache, "key 0", 1));
    answer_cache_free(cache);
}

static void a_long_answer_is_given_and_not_kept(void **state)
{
    (void)state;
    struct answer_cache *cache = cache_made();
    const struct answer *answer = put(cache, "key", 1, ANSWER_BYTES_MAX);
    assert_int_equal(answer->body_bytes, ANSWER_BYTES_MAX);
    assert_null(find(cache, "key", 1));
    answer_release(answer);
    answer_cache_free(cache);
}

#define IN_A_FOLDER(claim)                                                     \
    cmocka_unit_test_setup_teardown(claim, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(what_was_stored_or_seen_is_in_each_later_answer),
        IN_A_FOLDER(
            an_answer_kept_just_before_a_view_is_shown_is_not_given_after),
        IN_A_FOLDER(a_view_changes_the_lists_that_it_is_in_and_a_merge_none),
        IN_A_FOLDER(an_erasure_changes_all_lists),
        cmocka_unit_test(an_answer_is_found_by_its_key_and_version_alone),
        cmocka_unit_test(a_full_cache_lets_go_what_was_not_asked_for_longest),
        cmocka_unit_test(a_long_answer_is_given_and_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
