#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "live.h"
#include "store_engine.h"
#include "store_erase.h"
#include "store_fixture.h"
#include "store_log.h"

enum {
    BEYOND_THE_RING = LIVE_RING_EVENTS + 3000,
    THREADS = 4,
    VIEWS_A_BATCH = 500,
};

/* What a reader heard, taken apart. */
struct heard {
    struct buffer text;
    size_t at; /* lines before it are taken */
    uint32_t views;
    int64_t last_seq;
    bool gap; /* a seq that was not the next */
    bool behind;
    bool ended;
    char last_id[LIVE_CURSOR_BYTES];
};

static struct live *start(const struct fixture *fixture, unsigned readers)
{
    struct fault fault = {0};
    struct live *live = NULL;
    struct live_config config = {.store = fixture->store,
                                 .db = fixture->path,
                                 .readers_max = readers,
                                 .heartbeat_ms = 200};
    assert_int_equal(live_start(&config, &live, &fault), RESULT_OK);
    return live;
}

static void stop(struct live *live)
{
    live_end(live);
    live_stop(live);
}

static struct live_reader *open_reader(struct live *live, const char *cursor)
{
    struct fault fault = {0};
    struct live_filter filter = {0};
    struct live_reader *reader = NULL;
    assert_int_equal(live_open(live, &filter, cursor, -1, &reader, &fault),
                     RESULT_OK);
    return reader;
}

static void store_and_tell(const struct fixture *fixture, struct live *live,
                           uint32_t first, uint32_t count)
{
    for (uint32_t n = 0; n < count; n += VIEWS_A_BATCH) {
        store_range(fixture->store, first + n,
                    count - n < VIEWS_A_BATCH ? count - n : VIEWS_A_BATCH);
        live_committed(live);
    }
}

static void take_line(struct heard *heard, const char *line)
{
    long long seq;
    if (strncmp(line, "id: s", 5) == 0) {
        memcpy(heard->last_id, line + 4, sizeof heard->last_id - 1);
    } else if (strcmp(line, "event: view") == 0) {
        char hex[17] = {0};
        memcpy(hex, heard->last_id + 1, 16);
        seq = strtoll(hex, NULL, 16);
        heard->gap =
            heard->gap || (heard->last_seq > 0 && seq != heard->last_seq + 1);
        heard->last_seq = seq;
        heard->views++;
    } else if (strcmp(line, "event: behind") == 0) {
        heard->behind = true;
    }
}

/* One read of at most `bytes`, and what whole lines it brought. */
static void hear(struct live_reader *reader, size_t bytes, struct heard *heard)
{
    char out[16384];
    size_t got = live_read(reader, out, bytes);
    heard->ended = got == 0;
    buffer_append(&heard->text, out, got);
    assert_false(heard->text.failed);
    for (;;) {
        char *line = heard->text.data + heard->at;
        char *end =
            got == 0 ? NULL : memchr(line, '\n', heard->text.bytes - heard->at);
        if (end == NULL)
            break;
        *end = '\0';
        take_line(heard, line);
        heard->at = (size_t)(end - heard->text.data) + 1;
    }
    if (heard->at == heard->text.bytes) {
        buffer_clear(&heard->text);
        heard->at = 0;
    }
}

static struct heard heard_make(void)
{
    return (struct heard){.text = buffer_make(64 << 20)};
}

static void hear_views(struct live_reader *reader, size_t bytes, uint32_t views,
                       struct heard *heard)
{
    while (heard->views < views && !heard->ended)
        hear(reader, bytes, heard);
    assert_int_equal(heard->views, views);
    assert_false(heard->gap);
}

static void
a_reader_whose_place_left_the_ring_reads_on_from_the_store(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct live *live = start(fixture, 2);
    struct live_reader *reader = open_reader(live, NULL);
    struct heard heard = heard_make();
    store_and_tell(fixture, live, 1, 10);
    hear_views(reader, 16384, 10, &heard);
    store_and_tell(fixture, live, 11, BEYOND_THE_RING);
    hear_views(reader, 16384, BEYOND_THE_RING + 10, &heard);
    store_and_tell(fixture, live, BEYOND_THE_RING + 11, 10);
    hear_views(reader, 16384, BEYOND_THE_RING + 20, &heard);
    live_close(reader);
    buffer_done(&heard.text);
    stop(live);
}

static void an_event_longer_than_what_it_is_read_into_comes_whole(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct live *live = start(fixture, 1);
    struct live_reader *reader = open_reader(live, NULL);
    struct heard heard = heard_make();
    store_and_tell(fixture, live, 1, 50);
    hear_views(reader, 7, 50, &heard);
    live_close(reader);
    buffer_done(&heard.text);
    stop(live);
}

static void
a_reader_that_fell_too_far_behind_is_told_and_can_resume(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct live *live = start(fixture, 2);
    struct live_reader *slow = open_reader(live, NULL);
    struct live_reader *fast = open_reader(live, NULL);
    struct heard heard = heard_make();
    struct heard other = heard_make();
    uint32_t all = LIVE_BEHIND_MAX + 2 * VIEWS_A_BATCH;
    store_and_tell(fixture, live, 1, VIEWS_A_BATCH);
    hear_views(slow, 16384, VIEWS_A_BATCH, &heard);
    store_and_tell(fixture, live, VIEWS_A_BATCH + 1, all - VIEWS_A_BATCH);
    /* Who reads on keeps the ring moving; being behind is told to both. */
    hear_views(fast, 16384, all, &other);
    while (!heard.ended)
        hear(slow, 16384, &heard);
    assert_true(heard.behind);
    assert_false(heard.gap);
    live_close(slow);
    struct live_stats stats;
    live_stats(live, &stats);
    assert_int_equal(stats.behind, 1);
    slow = open_reader(live, heard.last_id);
    heard.ended = false;
    hear_views(slow, 16384, all, &heard);
    live_close(slow);
    live_close(fast);
    buffer_done(&heard.text);
    buffer_done(&other.text);
    stop(live);
}

static void over_the_limit_is_refused_until_one_ends(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct fault fault = {0};
    struct live_filter filter = {0};
    struct live *live = start(fixture, 1);
    struct live_reader *reader = open_reader(live, NULL);
    struct live_reader *second = NULL;
    assert_int_equal(live_open(live, &filter, NULL, -1, &second, &fault),
                     RESULT_LIMIT);
    live_close(reader);
    live_close(open_reader(live, NULL));
    assert_int_equal(live_open(live, &filter, "s12", -1, &second, &fault),
                     RESULT_MALFORMED);
    live_end(live);
    assert_int_equal(live_open(live, &filter, NULL, -1, &second, &fault),
                     RESULT_STOPPED);
    live_stop(live);
}

struct listener {
    struct live *live;
    struct live_reader *reader;
    struct heard heard;
    uint32_t views;
};

static void *listen_on(void *argument)
{
    struct listener *listener = argument;
    while (listener->heard.views < listener->views && !listener->heard.ended)
        hear(listener->reader, 4096, &listener->heard);
    return NULL;
}

static void readers_beside_a_writer_hear_all_in_order(void **state)
{
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct live *live = start(fixture, THREADS);
    struct listener listeners[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        listeners[i] = (struct listener){live, open_reader(live, NULL),
                                         heard_make(), BEYOND_THE_RING};
        assert_int_equal(
            pthread_create(&threads[i], NULL, listen_on, &listeners[i]), 0);
    }
    store_and_tell(fixture, live, 1, BEYOND_THE_RING);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(listeners[i].heard.views, BEYOND_THE_RING);
        assert_false(listeners[i].heard.gap);
        live_close(listeners[i].reader);
        buffer_done(&listeners[i].heard.text);
    }
    stop(live);
}

/* --- beside other services ------------------------------------------------ */

enum {
    POLL_MS = 20,
    IN_RING = 50, /* views that a reader has not taken yet */
};

static _Atomic uint64_t changed_elsewhere;

static int64_t poll_ms(const struct store *store)
{
    (void)store;
    return POLL_MS;
}

enum result __real_store_log_rules_version(struct store_log *log, uint64_t *ret,
                                           struct fault *fault);
enum result __wrap_store_log_rules_version(struct store_log *log, uint64_t *ret,
                                           struct fault *fault);

enum result __wrap_store_log_rules_version(struct store_log *log, uint64_t *ret,
                                           struct fault *fault)
{
    enum result r = __real_store_log_rules_version(log, ret, fault);
    *ret += changed_elsewhere;
    return r;
}

/* The store as it is where other services write to it as well: of what is done
 * to it live is told nothing. */
static void share(struct fixture *fixture, struct store_engine *engine)
{
    *engine = *fixture->store->engine;
    engine->shared_poll_ms = poll_ms;
    fixture->store->engine = engine;
}

static void what_another_service_commits_is_heard(void **state)
{
    struct fixture *fixture = *state;
    static struct store_engine shared; /* the teardown closes by it */
    fixture_open(fixture);
    share(fixture, &shared);
    struct live *live = start(fixture, 1);
    struct live_reader *reader = open_reader(live, NULL);
    struct heard heard = heard_make();
    for (uint32_t i = 0; i < 5; i++) {
        store_range(fixture->store, 1 + i * 10, 10);
        hear_views(reader, 16384, (i + 1) * 10, &heard);
    }
    live_close(reader);
    buffer_done(&heard.text);
    stop(live);
}

/* Two services, of which this one has not read yet what the other one has
 * shown: nobody told it. */
static void
a_reader_that_comes_from_elsewhere_is_shown_nothing_twice(void **state)
{
    enum { THERE = 10, HERE = 5 };
    struct fixture *fixture = *state;
    fixture_open(fixture);
    struct live *here = start(fixture, 2);
    struct live *there = start(fixture, 1);
    struct live_reader *first = open_reader(here, NULL);
    struct live_reader *reader = open_reader(there, NULL);
    struct heard heard = heard_make();
    struct heard after = heard_make();
    store_and_tell(fixture, there, 1, THERE);
    hear_views(reader, 16384, THERE, &heard);
    live_close(reader);
    reader = open_reader(here, heard.last_id);
    hear(reader, 16384, &after); /* where it is */
    hear(reader, 16384, &after); /* that the stream lives: it waits by now */
    live_committed(here);
    store_and_tell(fixture, here, THERE + 1, HERE);
    hear_views(reader, 16384, HERE, &after);
    assert_int_equal(after.last_seq, heard.last_seq + HERE);
    live_close(reader);
    live_close(first);
    buffer_done(&heard.text);
    buffer_done(&after.text);
    stop(here);
    stop(there);
}

static void erase(struct fixture *fixture, const char *user_id)
{
    struct fault fault = {0};
    struct store_erasure erasure = {.until_ms = clock_now_ms()};
    strcpy(erasure.user_id, user_id);
    assert_int_equal(store_erase(fixture->store, &erasure, &fault), RESULT_OK);
    assert_true(erasure.views > 0);
}

/* Both readers are at the same place when the views come; the one that hears
 * them says that they are in the ring. */
static void nothing_is_heard_of_whom_another_service_has_erased(void **state)
{
    struct fixture *fixture = *state;
    static struct store_engine shared; /* the teardown closes by it */
    fixture_open(fixture);
    share(fixture, &shared);
    struct live *live = start(fixture, 2);
    struct live_reader *reader = open_reader(live, NULL);
    struct live_reader *late = open_reader(live, NULL);
    struct heard heard = heard_make();
    struct heard after = heard_make();
    store_range(fixture->store, 1, IN_RING);
    hear_views(reader, 16384, IN_RING, &heard);
    struct viewed erased = view_make(1);
    erase(fixture, erased.user_id);
    changed_elsewhere++;
    /* Two, one after the other: the round that brings the second has begun
     * after the erasure. */
    for (uint32_t i = 1; i <= 2; i++) {
        struct viewed next = view_make(IN_RING + i);
        strcpy(next.user_id, "somebody");
        store_one(fixture->store, &next);
        hear_views(reader, 16384, IN_RING + i, &heard);
    }
    uint32_t left = count_rows(fixture->store, query_all());
    assert_true(left < IN_RING + 2);
    while (after.views < left && !after.ended)
        hear(late, 16384, &after);
    assert_int_equal(after.views, left);
    assert_int_equal(after.last_seq, IN_RING + 2);
    live_close(reader);
    live_close(late);
    buffer_done(&heard.text);
    buffer_done(&after.text);
    stop(live);
}

#define CLAIM(name)                                                            \
    cmocka_unit_test_setup_teardown(name, fixture_make, fixture_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_reader_whose_place_left_the_ring_reads_on_from_the_store),
        CLAIM(an_event_longer_than_what_it_is_read_into_comes_whole),
        CLAIM(a_reader_that_fell_too_far_behind_is_told_and_can_resume),
        CLAIM(over_the_limit_is_refused_until_one_ends),
        CLAIM(readers_beside_a_writer_hear_all_in_order),
        CLAIM(what_another_service_commits_is_heard),
        CLAIM(a_reader_that_comes_from_elsewhere_is_shown_nothing_twice),
        CLAIM(nothing_is_heard_of_whom_another_service_has_erased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
