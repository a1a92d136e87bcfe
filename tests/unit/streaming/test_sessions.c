#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sessions.h"

/*
 * The disk: what the outbox's table of counted sessions is to the service. A
 * row a viewer, told apart by the last byte of the viewer's id.
 */
enum {
    VIEWERS = 40,
    IDLE_MS = 30 * 60 * 1000,
    START_MS = 1000 * 1000 * 1000,
    FILE_BYTES = 1000,
};

#define VIDEO "a.mp4"

struct disk {
    pthread_mutex_t lock;
    struct {
        bool there;
        int stored; /* how often: never more than once in these tests */
        struct uuid session_id;
        int64_t active_ms;
    } rows[VIEWERS];
    int recalls;
    atomic_int recalling[VIEWERS];
    enum result failure; /* RESULT_OK: none */
};

static struct disk disk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct uuid viewer_of(int number)
{
    return (struct uuid){.bytes = {[15] = (uint8_t)number}};
}

static enum result recall(void *context, const struct uuid *viewer,
                          const char *video, int64_t now_ms,
                          struct uuid *ret_session, struct fault *fault)
{
    assert_ptr_equal(context, &disk);
    int number = viewer->bytes[15];
    bool right = atomic_fetch_add(&disk.recalling[number], 1) == 0 &&
                 strcmp(video, VIDEO) == 0;
    if (!right)
        abort(); /* two recalls of one session at once */
    (void)pthread_mutex_lock(&disk.lock);
    enum result result = RESULT_NOT_FOUND;
    disk.recalls++;
    if (disk.failure != RESULT_OK) {
        result = fault_set(fault, disk.failure, "the disk is gone");
    } else if (disk.rows[number].there &&
               now_ms - disk.rows[number].active_ms <
                   IDLE_MS + sessions_touch_ms(IDLE_MS)) {
        *ret_session = disk.rows[number].session_id;
        result = RESULT_OK;
    }
    (void)pthread_mutex_unlock(&disk.lock);
    (void)atomic_fetch_sub(&disk.recalling[number], 1);
    return result;
}

static void store(int number, const struct uuid *session_id, int64_t now_ms)
{
    (void)pthread_mutex_lock(&disk.lock);
    disk.rows[number].there = true;
    disk.rows[number].stored++;
    disk.rows[number].session_id = *session_id;
    disk.rows[number].active_ms = now_ms;
    (void)pthread_mutex_unlock(&disk.lock);
}

static struct sessions *open_sessions(uint32_t sessions_max)
{
    struct sessions_config config = {
        .sessions_max = sessions_max,
        .idle_ms = IDLE_MS,
        .recall = recall,
        .recall_context = &disk,
    };
    struct sessions *sessions = NULL;
    assert_int_equal(sessions_open(&config, &sessions, NULL), RESULT_OK);
    return sessions;
}

static int clear_disk(void **state)
{
    (void)state;
    memset(disk.rows, 0, sizeof disk.rows);
    disk.recalls = 0;
    disk.failure = RESULT_OK;
    return 0;
}

static struct session_outcome deliver(struct sessions *sessions, int viewer,
                                      uint64_t last, int64_t at_ms)
{
    struct uuid id = viewer_of(viewer);
    struct session_outcome outcome;
    assert_int_equal(sessions_delivered(sessions, &id, VIDEO, 0, last,
                                        FILE_BYTES, START_MS + at_ms, &outcome,
                                        NULL),
                     RESULT_OK);
    return outcome;
}

static struct session_outcome report(struct sessions *sessions, int viewer,
                                     int64_t played_ms, int64_t at_ms)
{
    struct uuid id = viewer_of(viewer);
    struct view_report said = {played_ms + 1, played_ms, 50000};
    struct session_outcome outcome;
    assert_int_equal(sessions_report(sessions, &id, VIDEO, &said, 60000,
                                     START_MS + at_ms, &outcome, NULL),
                     RESULT_OK);
    return outcome;
}

static struct session_outcome mark(struct sessions *sessions, int viewer,
                                   int64_t at_ms)
{
    struct uuid id = viewer_of(viewer);
    struct session_outcome outcome;
    assert_int_equal(sessions_mark_reporting(sessions, &id, VIDEO,
                                             START_MS + at_ms, &outcome, NULL),
                     RESULT_OK);
    return outcome;
}

static void settle(struct sessions *sessions, int viewer,
                   const struct session_outcome *outcome, bool stored,
                   int64_t at_ms)
{
    struct uuid id = viewer_of(viewer);
    if (stored)
        store(viewer, &outcome->session_id, START_MS + at_ms);
    sessions_settle(sessions, &id, VIDEO, &outcome->session_id, stored);
}

static bool same_session(const struct session_outcome *left,
                         const struct session_outcome *right)
{
    return memcmp(&left->session_id, &right->session_id,
                  sizeof left->session_id) == 0;
}

static void a_view_counts_once_it_is_stored_and_not_again(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(10);
    struct session_outcome first = deliver(sessions, 1, 999, 0);
    assert_true(first.counts);
    assert_false(first.counted_before);
    assert_int_equal(first.rule, VIEWED_RULE_BYTES);
    assert_int_equal(first.session_id.bytes[6] >> 4, 7); /* UUIDv7 */
    settle(sessions, 1, &first, true, 0);
    struct session_outcome second = deliver(sessions, 1, 999, 1);
    assert_false(second.counts);
    assert_true(second.counted_before);
    assert_int_equal(second.rule, VIEWED_RULE_NONE);
    assert_true(same_session(&first, &second));
    sessions_close(sessions);
}

static void while_it_is_being_stored_no_other_event_counts(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(10);
    struct session_outcome first = deliver(sessions, 1, 999, 0);
    assert_true(first.counts);
    struct session_outcome second = deliver(sessions, 1, 999, 1);
    assert_false(second.counts);
    assert_false(second.counted_before); /* nobody knows yet */
    settle(sessions, 1, &first, false, 2);
    second = deliver(sessions, 1, 0, 3);
    assert_true(second.counts);
    assert_true(same_session(&first, &second));
    settle(sessions, 1, &second, true, 3);
    assert_false(deliver(sessions, 1, 999, 4).counts);
    sessions_close(sessions);
}

static void viewers_and_videos_do_not_mix(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(10);
    struct session_outcome first = deliver(sessions, 1, 300, 0);
    struct session_outcome other = deliver(sessions, 2, 999, 0);
    assert_false(first.counts);
    assert_true(other.counts);
    assert_false(same_session(&first, &other));
    assert_int_equal(sessions_count(sessions), 2);
    settle(sessions, 2, &first, true, 0); /* the id of another session */
    assert_false(deliver(sessions, 2, 999, 1).counted_before);
    settle(sessions, 2, &other, true, 1);
    assert_true(deliver(sessions, 2, 999, 2).counted_before);
    sessions_close(sessions);
}

static void an_outcome_tells_position_and_duration(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(10);
    struct session_outcome outcome = mark(sessions, 1, 0);
    assert_int_equal(outcome.position_ms, -1);
    assert_int_equal(outcome.duration_ms, -1);
    outcome = report(sessions, 1, 10000, 10000);
    assert_true(outcome.counts);
    assert_int_equal(outcome.rule, VIEWED_RULE_PLAYED);
    assert_int_equal(outcome.position_ms, 10001);
    assert_int_equal(outcome.duration_ms, 60000);
    settle(sessions, 1, &outcome, true, 10000);
    sessions_close(sessions);
}

static void a_client_that_reports_never_counts_by_bytes(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(10);
    (void)mark(sessions, 1, 0);
    assert_false(deliver(sessions, 1, 999, 1).counts);
    sessions_close(sessions);
}

static void after_thirty_idle_minutes_it_may_count_again(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(10);
    struct session_outcome first = deliver(sessions, 1, 999, 0);
    settle(sessions, 1, &first, true, 0);
    assert_false(deliver(sessions, 1, 999, IDLE_MS - 1).counts);
    struct session_outcome second = deliver(sessions, 1, 999, 2 * IDLE_MS);
    assert_true(second.counts);
    assert_false(same_session(&first, &second));
    settle(sessions, 1, &second, true, 2 * IDLE_MS);
    assert_int_equal(disk.recalls, 1); /* memory knows better than the disk */
    sessions_close(sessions);
}

static void a_counted_session_survives_a_restart(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(10);
    struct session_outcome first = deliver(sessions, 1, 999, 0);
    settle(sessions, 1, &first, true, 0);
    sessions_close(sessions);
    sessions = open_sessions(10);
    struct session_outcome second = deliver(sessions, 1, 999, 1000);
    assert_false(second.counts);
    assert_true(second.counted_before);
    assert_true(second.touch);
    assert_true(same_session(&first, &second));
    assert_true(deliver(sessions, 1, 999, 3 * IDLE_MS).counts);
    sessions_close(sessions);
}

static void a_counted_session_survives_being_forgotten(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(2);
    struct session_outcome first = deliver(sessions, 1, 999, 0);
    settle(sessions, 1, &first, true, 0);
    (void)deliver(sessions, 2, 0, 1);
    (void)deliver(sessions, 3, 0, 2); /* pushes the first out */
    assert_int_equal(sessions_count(sessions), 2);
    struct session_outcome second = deliver(sessions, 1, 999, 3);
    assert_false(second.counts);
    assert_true(same_session(&first, &second));
    sessions_close(sessions);
}

static void the_longest_idle_session_goes_first(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(3);
    (void)deliver(sessions, 1, 399, 0);
    (void)deliver(sessions, 2, 399, 1);
    (void)deliver(sessions, 3, 399, 2);
    (void)deliver(sessions, 1, 399, 3); /* now 2 is the oldest */
    (void)deliver(sessions, 4, 399, 4);
    int recalls = disk.recalls;
    (void)deliver(sessions, 1, 399, 5);
    (void)deliver(sessions, 3, 399, 5);
    (void)deliver(sessions, 4, 399, 5);
    assert_int_equal(disk.recalls, recalls); /* all three were still there */
    (void)deliver(sessions, 2, 399, 6);
    assert_int_equal(disk.recalls, recalls + 1);
    sessions_close(sessions);
}

static void a_session_that_is_being_counted_is_never_forgotten(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(1);
    struct session_outcome first = deliver(sessions, 1, 999, 0);
    assert_true(first.counts);
    struct uuid viewer = viewer_of(2);
    struct session_outcome outcome = {.position_ms = 42};
    struct fault fault = {""};
    assert_int_equal(sessions_mark_reporting(sessions, &viewer, VIDEO, START_MS,
                                             &outcome, &fault),
                     RESULT_LIMIT);
    assert_int_equal(outcome.position_ms, 42);
    assert_string_not_equal(fault.text, "");
    settle(sessions, 1, &first, true, 0);
    (void)mark(sessions, 2, 1);
    assert_int_equal(sessions_count(sessions), 1);
    sessions_close(sessions);
}

static void what_the_disk_cannot_say_is_not_counted(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(10);
    disk.failure = RESULT_UNAVAILABLE;
    struct uuid viewer = viewer_of(1);
    struct session_outcome outcome;
    struct fault fault = {""};
    assert_int_equal(sessions_delivered(sessions, &viewer, VIDEO, 0, 999,
                                        FILE_BYTES, START_MS, &outcome, &fault),
                     RESULT_UNAVAILABLE);
    assert_string_equal(fault.text, "the disk is gone");
    assert_int_equal(sessions_count(sessions), 0);
    disk.failure = RESULT_OK;
    assert_true(deliver(sessions, 1, 999, 1).counts); /* asked again */
    sessions_close(sessions);
}

static void a_longer_id_than_a_video_can_have_is_refused(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(10);
    char video[VIEWED_VIDEO_BYTES_MAX + 2];
    memset(video, 'a', sizeof video);
    video[sizeof video - 1] = '\0';
    struct uuid viewer = viewer_of(1);
    struct session_outcome outcome;
    assert_int_equal(sessions_mark_reporting(sessions, &viewer, video, START_MS,
                                             &outcome, NULL),
                     RESULT_MALFORMED);
    assert_int_equal(sessions_count(sessions), 0);
    sessions_close(sessions);
}

static void the_disk_hears_of_activity_once_a_minute(void **state)
{
    (void)state;
    enum {
        TOUCH_MS = IDLE_MS / SESSIONS_TOUCH_PARTS,
    };
    assert_int_equal(sessions_touch_ms(IDLE_MS), TOUCH_MS);
    assert_int_equal(sessions_touch_ms(1), 1);
    struct sessions *sessions = open_sessions(10);
    struct session_outcome first = deliver(sessions, 1, 999, 0);
    assert_false(first.touch);
    settle(sessions, 1, &first, true, 0);
    assert_false(deliver(sessions, 1, 999, TOUCH_MS - 1).touch);
    assert_true(deliver(sessions, 1, 999, TOUCH_MS).touch);
    assert_false(deliver(sessions, 1, 999, TOUCH_MS + 1).touch);
    assert_false(deliver(sessions, 1, 999, 2 * TOUCH_MS - 1).touch);
    assert_true(deliver(sessions, 1, 999, 2 * TOUCH_MS).touch);
    assert_true(deliver(sessions, 1, 999, -5000).touch); /* stepped back */
    assert_false(deliver(sessions, 1, 999, -4000).touch);
    assert_false(deliver(sessions, 2, 0, TOUCH_MS).touch); /* not counted */
    sessions_close(sessions);
}

/* For hours: the session ends 30 minutes behind its last event, also where
 * the table forgets it between any two of them. */
static void
a_long_session_counts_once_however_often_it_is_forgotten(void **state)
{
    (void)state;
    struct sessions *sessions = open_sessions(1);
    int64_t at_ms = 0;
    for (int i = 0; i < 200; i++) {
        struct session_outcome outcome = deliver(sessions, 1, 999, at_ms);
        if (outcome.counts)
            settle(sessions, 1, &outcome, true, at_ms);
        if (outcome.touch)
            disk.rows[1].active_ms = START_MS + at_ms;
        at_ms += i % 3 == 0 ? IDLE_MS - 1 : 7000;
        if (i % 2 == 0)
            (void)deliver(sessions, 2, 0, at_ms - 1); /* pushes it out */
    }
    assert_int_equal(disk.rows[1].stored, 1);
    sessions_close(sessions);
}

enum {
    THREADS = 8,
    EVENTS = 3000, /* of a thread */
};

struct worker {
    struct sessions *sessions;
    unsigned seed;
    int limits; /* events refused with RESULT_LIMIT */
    bool failed;
};

static enum result happen(struct worker *worker, const struct uuid *viewer,
                          int64_t now_ms, struct session_outcome *ret)
{
    if (rand_r(&worker->seed) % 3 == 0) {
        struct view_report said = {0, 20000, -1};
        return sessions_report(worker->sessions, viewer, VIDEO, &said, -1,
                               now_ms, ret, NULL);
    }
    return sessions_delivered(worker->sessions, viewer, VIDEO, 0, 999,
                              FILE_BYTES, now_ms, ret, NULL);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (int i = 0; i < EVENTS; i++) {
        int number = rand_r(&worker->seed) % VIEWERS;
        struct uuid viewer = viewer_of(number);
        int64_t now_ms = START_MS + 10 * i;
        struct session_outcome outcome;
        enum result result = happen(worker, &viewer, now_ms, &outcome);
        if (result == RESULT_LIMIT)
            worker->limits++;
        else if (result != RESULT_OK)
            worker->failed = true;
        if (result != RESULT_OK || !outcome.counts)
            continue;
        bool stored = rand_r(&worker->seed) % 4 != 0;
        if (stored)
            store(number, &outcome.session_id, now_ms);
        sessions_settle(worker->sessions, &viewer, VIDEO, &outcome.session_id,
                        stored);
    }
    return NULL;
}

/* With room for all, for some, and for fewer than there are threads. */
static void many_threads_count_each_session_once(void **state)
{
    static const uint32_t rooms[] = {VIEWERS, THREADS + 2, 3};
    for (size_t room = 0; room < sizeof rooms / sizeof *rooms; room++) {
        (void)clear_disk(state);
        struct sessions *sessions = open_sessions(rooms[room]);
        pthread_t threads[THREADS];
        struct worker workers[THREADS];
        for (unsigned i = 0; i < THREADS; i++) {
            workers[i] = (struct worker){.sessions = sessions, .seed = i + 1};
            assert_int_equal(
                pthread_create(&threads[i], NULL, work, &workers[i]), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_false(workers[i].failed);
            if (rooms[room] > THREADS) /* then some are never pinned */
                assert_int_equal(workers[i].limits, 0);
        }
        assert_true(sessions_count(sessions) <= rooms[room]);
        sessions_close(sessions);
        for (int i = 0; i < VIEWERS; i++)
            assert_int_equal(disk.rows[i].stored, 1);
    }
}

#define CLEAN(test) cmocka_unit_test_setup(test, clear_disk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(a_view_counts_once_it_is_stored_and_not_again),
        CLEAN(while_it_is_being_stored_no_other_event_counts),
        CLEAN(viewers_and_videos_do_not_mix),
        CLEAN(an_outcome_tells_position_and_duration),
        CLEAN(a_client_that_reports_never_counts_by_bytes),
        CLEAN(after_thirty_idle_minutes_it_may_count_again),
        CLEAN(a_counted_session_survives_a_restart),
        CLEAN(a_counted_session_survives_being_forgotten),
        CLEAN(the_longest_idle_session_goes_first),
        CLEAN(a_session_that_is_being_counted_is_never_forgotten),
        CLEAN(what_the_disk_cannot_say_is_not_counted),
        CLEAN(a_longer_id_than_a_video_can_have_is_refused),
        CLEAN(the_disk_hears_of_activity_once_a_minute),
        CLEAN(a_long_session_counts_once_however_often_it_is_forgotten),
        cmocka_unit_test(many_threads_count_each_session_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
