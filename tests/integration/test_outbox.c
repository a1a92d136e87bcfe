/* What was accepted is on disk, whatever happens after. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "claim.h"
#include "outbox.h"
#include "seeded.h"
#include "sqlite_db.h"
#include "temp_folder.h"
#include "view_fixture.h"

enum {
    RECALL_MS = 60 * 1000,
    THREADS = 16,
    VIEWS_PER_THREAD = 100,
};

static char folder[TEMP_PATH_BYTES];
static char path[TEMP_PATH_BYTES];
static struct outbox *outbox;
static _Atomic unsigned accepted_calls;

static void accepted(void *context)
{
    (void)context;
    accepted_calls++;
}

static void open_outbox(void)
{
    struct outbox_config config = {
        .path = path, .recall_ms = RECALL_MS, .accepted = accepted};
    struct fault fault = {0};
    assert_ok(outbox_open(&config, &outbox, &fault), &fault);
}

static void close_outbox(void)
{
    struct fault fault = {0};
    assert_ok(outbox_close(outbox, &fault), &fault);
    outbox = NULL;
}

static int start(void **state)
{
    (void)state;
    temp_folder_make(folder);
    temp_path(folder, "outbox.db", path);
    accepted_calls = 0;
    open_outbox();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    files_may_have(RLIM_INFINITY);
    (void)outbox_close(outbox, NULL);
    outbox = NULL;
    temp_folder_remove(folder);
    return 0;
}

static int64_t depth(void)
{
    struct outbox_stats stats;
    outbox_stats(outbox, &stats);
    return stats.depth;
}

/* All rows after 0, in order; how many. */
static size_t read_all(struct outbox_row *rows, size_t rows_max)
{
    struct fault fault = {0};
    size_t count = 0;
    size_t got;
    do {
        int64_t after = count > 0 ? rows[count - 1].seq : 0;
        assert_ok(outbox_read(outbox, after, rows + count, rows_max - count,
                              &got, &fault),
                  &fault);
        count += got;
    } while (got > 0 && count < rows_max);
    for (size_t i = 1; i < count; i++)
        assert_true(rows[i].seq > rows[i - 1].seq);
    return count;
}

static bool has(const struct outbox_row *rows, size_t count,
                const struct uuid *id)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(&rows[i].id, id, sizeof *id) == 0)
            return true;
    return false;
}

struct acceptor {
    pthread_t thread;
    unsigned number;
    struct uuid ids[VIEWS_PER_THREAD];
    unsigned failed;
};

static void *accept_many(void *argument)
{
    struct acceptor *acceptor = argument;
    for (unsigned i = 0; i < VIEWS_PER_THREAD; i++) {
        struct viewed viewed = view_make(acceptor->number, i);
        acceptor->ids[i] = viewed.id;
        if (outbox_accept(outbox, &viewed) != RESULT_OK)
            acceptor->failed++;
    }
    return NULL;
}

static void what_many_threads_accept_is_there_after_a_reopen(void **state)
{
    (void)state;
    static struct acceptor acceptors[THREADS];
    static struct outbox_row rows[THREADS * VIEWS_PER_THREAD + 1];
    for (unsigned i = 0; i < THREADS; i++) {
        acceptors[i].number = i;
        assert_int_equal(pthread_create(&acceptors[i].thread, NULL, accept_many,
                                        &acceptors[i]),
                         0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pthread_join(acceptors[i].thread, NULL);
        assert_int_equal(acceptors[i].failed, 0);
    }
    assert_int_equal(depth(), THREADS * VIEWS_PER_THREAD);
    assert_true(accepted_calls > 0);
    close_outbox();
    open_outbox();
    assert_int_equal(depth(), THREADS * VIEWS_PER_THREAD);
    size_t count = read_all(rows, sizeof rows / sizeof rows[0]);
    assert_int_equal(count, THREADS * VIEWS_PER_THREAD);
    for (unsigned i = 0; i < THREADS; i++)
        for (unsigned v = 0; v < VIEWS_PER_THREAD; v++)
            assert_true(has(rows, count, &acceptors[i].ids[v]));
}

static void a_row_holds_the_message(void **state)
{
    (void)state;
    struct viewed viewed = view_make(1, 2);
    struct viewed again;
    static struct outbox_row row;
    assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
    assert_int_equal(read_all(&row, 1), 1);
    assert_int_equal(row.viewed_at_ms, viewed.viewed_at_ms);
    struct viewed_envelope envelope = {.received_ms = 1};
    struct fault fault = {0};
    assert_ok(
        viewed_decode(row.body, row.body_bytes, &envelope, &again, &fault),
        &fault);
    assert_memory_equal(&again.id, &viewed.id, sizeof viewed.id);
    assert_string_equal(again.user_id, viewed.user_id);
    assert_string_equal(again.video_id, viewed.video_id);
    assert_string_equal(again.video_path, viewed.video_path);
    assert_int_equal(again.viewed_at_ms, viewed.viewed_at_ms);
    assert_int_equal(again.position_ms, viewed.position_ms);
}

static void the_longest_view_fits(void **state)
{
    (void)state;
    struct viewed viewed = view_make(1, 2);
    /* The worst of what a text may hold: two bytes for one. */
    memset(viewed.user_id, '"', VIEWED_USER_BYTES_MAX);
    memset(viewed.video_id, '\\', VIEWED_VIDEO_BYTES_MAX);
    memset(viewed.video_path, '"', VIEWED_PATH_BYTES_MAX);
    viewed.user_id[VIEWED_USER_BYTES_MAX] = '\0';
    viewed.video_id[VIEWED_VIDEO_BYTES_MAX] = '\0';
    viewed.video_path[VIEWED_PATH_BYTES_MAX] = '\0';
    assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
    static struct outbox_row row;
    assert_int_equal(read_all(&row, 1), 1);
}

/* The child says each id that was accepted, and is killed in the middle. */
static void accept_until_killed(int to_parent)
{
    (void)outbox_close(outbox, NULL);
    open_outbox();
    for (unsigned i = 0;; i++) {
        struct viewed viewed = view_make(i, i);
        if (outbox_accept(outbox, &viewed) != RESULT_OK ||
            write(to_parent, &viewed.id, sizeof viewed.id) !=
                (ssize_t)sizeof viewed.id)
            _exit(1);
    }
}

static void a_kill_loses_nothing_that_was_accepted(void **state)
{
    (void)state;
    enum { KILLS = 10, IDS_MAX = 100 * 1000 };
    static struct uuid ids[IDS_MAX];
    struct seeded seeded = seeded_start();
    size_t told = 0;
    close_outbox();
    for (int kill_number = 0; kill_number < KILLS; kill_number++) {
        int pipe_ends[2];
        assert_int_equal(pipe(pipe_ends), 0);
        pid_t child = fork();
        if (child == 0)
            accept_until_killed(pipe_ends[1]);
        (void)close(pipe_ends[1]);
        pause_ms(100 + (unsigned)seeded_below(&seeded, 200));
        assert_int_equal(kill(child, SIGKILL), 0);
        (void)waitpid(child, NULL, 0);
        while (told < IDS_MAX && read(pipe_ends[0], &ids[told],
                                      sizeof ids[0]) == (ssize_t)sizeof ids[0])
            told++;
        (void)close(pipe_ends[0]);
    }
    open_outbox();
    assert_true(told > 0);
    struct outbox_row *rows = calloc(told + KILLS + 1, sizeof *rows);
    assert_non_null(rows);
    size_t count = read_all(rows, told + KILLS + 1);
    /* One more at a kill: accepted, and not yet told. */
    assert_in_range(count, told, told + KILLS);
    size_t at = 0;
    for (size_t i = 0; i < told; i++, at++) {
        while (at < count && memcmp(&rows[at].id, &ids[i], sizeof ids[i]) != 0)
            at++;
        assert_true(at < count);
    }
    free(rows);
}

static void what_was_removed_stays_away(void **state)
{
    (void)state;
    static struct outbox_row rows[10];
    for (unsigned i = 0; i < 10; i++) {
        struct viewed viewed = view_make(1, i);
        assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
    }
    assert_int_equal(read_all(rows, 10), 10);
    int64_t gone[] = {rows[0].seq, rows[5].seq, rows[9].seq};
    outbox_remove(outbox, gone, 3);
    assert_soon(depth() == 7);
    close_outbox();
    open_outbox();
    assert_int_equal(depth(), 7);
    assert_int_equal(read_all(rows, 10), 7);
    for (int i = 0; i < 7; i++)
        for (int g = 0; g < 3; g++)
            assert_int_not_equal(rows[i].seq, gone[g]);
}

static void a_number_is_never_used_twice(void **state)
{
    (void)state;
    static struct outbox_row rows[2];
    int64_t last = 0;
    for (unsigned i = 0; i < 5; i++) {
        struct viewed viewed = view_make(1, i);
        assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
        assert_int_equal(read_all(rows, 2), 1);
        assert_true(rows[0].seq > last);
        last = rows[0].seq;
        outbox_remove(outbox, &last, 1);
        assert_soon(depth() == 0);
        close_outbox();
        open_outbox();
    }
}

static enum result recall(unsigned viewer, unsigned video, int64_t now_ms,
                          struct uuid *session)
{
    struct fault fault = {0};
    struct uuid id = viewer_id(viewer);
    char name[VIEWED_VIDEO_BYTES_MAX + 1];
    video_id(video, name);
    return outbox_recall(outbox, &id, name, now_ms, session, &fault);
}

static void a_counted_session_is_recalled_until_it_is_over(void **state)
{
    (void)state;
    struct viewed viewed = view_make(1, 2);
    struct uuid session;
    int64_t before_ms = clock_now_ms();
    assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
    int64_t after_ms = clock_now_ms();
    close_outbox();
    open_outbox();
    assert_int_equal(recall(1, 2, before_ms, &session), RESULT_OK);
    assert_memory_equal(&session, &viewed.session_id, sizeof session);
    assert_int_equal(recall(1, 2, before_ms + RECALL_MS - 1, &session),
                     RESULT_OK);
    assert_int_equal(recall(1, 2, after_ms + RECALL_MS, &session),
                     RESULT_NOT_FOUND);
    assert_int_equal(recall(1, 3, before_ms, &session), RESULT_NOT_FOUND);
    assert_int_equal(recall(2, 2, before_ms, &session), RESULT_NOT_FOUND);
}

static void a_touch_keeps_a_session_and_makes_none(void **state)
{
    (void)state;
    struct viewed viewed = view_make(1, 2);
    struct uuid session;
    struct uuid viewer = viewer_id(1);
    int64_t later_ms = clock_now_ms() + RECALL_MS * 5;
    assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
    outbox_touch(outbox, &viewer, viewed.video_id, later_ms);
    outbox_touch(outbox, &viewer, "other.mp4", later_ms);
    assert_soon(recall(1, 2, later_ms + RECALL_MS - 1, &session) == RESULT_OK);
    assert_memory_equal(&session, &viewed.session_id, sizeof session);
    struct fault fault = {0};
    assert_int_equal(
        outbox_recall(outbox, &viewer, "other.mp4", later_ms, &session, &fault),
        RESULT_NOT_FOUND);
}

static void a_new_session_takes_the_place_of_the_old(void **state)
{
    (void)state;
    struct viewed first = view_make(1, 2);
    struct viewed second = view_make(1, 2);
    struct uuid session;
    assert_int_equal(outbox_accept(outbox, &first), RESULT_OK);
    assert_int_equal(outbox_accept(outbox, &second), RESULT_OK);
    assert_int_equal(recall(1, 2, clock_now_ms(), &session), RESULT_OK);
    assert_memory_equal(&session, &second.session_id, sizeof session);
    assert_int_equal(depth(), 2);
}

static int64_t counted_rows(void)
{
    struct sqlite_db *db = NULL;
    struct fault fault = {0};
    int64_t rows = -1;
    assert_ok(sqlite_db_open_readonly(path, &db, &fault), &fault);
    assert_ok(
        sqlite_db_integer(db, "SELECT count(*) FROM counted", &rows, &fault),
        &fault);
    assert_ok(sqlite_db_close(db, &fault), &fault);
    return rows;
}

static void sessions_that_are_over_are_forgotten(void **state)
{
    (void)state;
    enum { SESSIONS = 1200 }; /* more than one round forgets */
    struct viewed viewed = view_make(0, 0);
    for (unsigned i = 0; i < SESSIONS; i++) {
        viewed = view_make(i, 0);
        assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
    }
    assert_int_equal(counted_rows(), SESSIONS);
    /* All but the last have been idle for long. */
    int64_t long_ago_ms = clock_now_ms() - RECALL_MS * 2;
    for (unsigned i = 0; i + 1 < SESSIONS; i++) {
        struct uuid viewer = viewer_id(i);
        outbox_touch(outbox, &viewer, viewed.video_id, long_ago_ms);
    }
    assert_soon(counted_rows() == 1);
    assert_int_equal(depth(), SESSIONS); /* the views stay */
}

static rlim_t wal_bytes(void)
{
    struct stat status;
    char wal[TEMP_PATH_BYTES];
    temp_path(folder, "outbox.db-wal", wal);
    assert_int_equal(stat(wal, &status), 0);
    return (rlim_t)status.st_size;
}

static void a_full_disk_accepts_nothing_by_half_and_recovers(void **state)
{
    (void)state;
    enum { VIEWS = 200 };
    static struct uuid kept[VIEWS];
    static struct outbox_row rows[VIEWS * 2];
    size_t kept_count = 0;
    unsigned refused = 0;
    unsigned told = 0;
    struct fault why = {0};
    struct viewed viewed = view_make(0, 0);
    assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
    kept[kept_count++] = viewed.id;
    files_may_have(wal_bytes() + 20 * 1000);
    for (unsigned i = 1; i < VIEWS / 2; i++) {
        viewed = view_make(i, i);
        enum result r = outbox_accept(outbox, &viewed);
        if (r == RESULT_OK) {
            kept[kept_count++] = viewed.id;
            continue;
        }
        assert_int_equal(r, RESULT_UNAVAILABLE);
        /* Its own small trial write may fit meanwhile where a view did not. */
        if (!outbox_works(outbox, &why)) {
            assert_int_not_equal(why.text[0], '\0');
            told++;
        }
        struct uuid session;
        assert_int_equal(recall(i, i, clock_now_ms(), &session),
                         RESULT_NOT_FOUND);
        refused++;
    }
    assert_true(refused > 0);
    assert_true(told > 0);
    assert_int_equal(depth(), kept_count);
    files_may_have(RLIM_INFINITY);
    for (unsigned i = VIEWS / 2; i < VIEWS; i++) {
        viewed = view_make(i, i);
        assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
        kept[kept_count++] = viewed.id;
    }
    assert_true(outbox_works(outbox, &why));
    close_outbox();
    open_outbox();
    size_t count = read_all(rows, VIEWS * 2);
    assert_int_equal(count, kept_count);
    for (size_t i = 0; i < kept_count; i++)
        assert_true(has(rows, count, &kept[i]));
}

/* Readiness must not wait for a view that nobody sends to what is not ready. */
static void after_a_full_disk_it_says_that_it_works_by_itself(void **state)
{
    (void)state;
    struct viewed viewed = view_make(0, 0);
    struct fault why = {0};
    assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
    files_may_have(1024);
    viewed = view_make(1, 1);
    assert_int_equal(outbox_accept(outbox, &viewed), RESULT_UNAVAILABLE);
    assert_false(outbox_works(outbox, &why));
    pause_ms(500);
    assert_false(outbox_works(outbox, &why));
    files_may_have(RLIM_INFINITY);
    assert_soon(outbox_works(outbox, &why));
    assert_int_equal(depth(), 1);
    assert_int_equal(counted_rows(), 1);
}

static void what_cannot_be_removed_now_is_removed_later(void **state)
{
    (void)state;
    static struct outbox_row rows[3];
    for (unsigned i = 0; i < 3; i++) {
        struct viewed viewed = view_make(i, i);
        assert_int_equal(outbox_accept(outbox, &viewed), RESULT_OK);
    }
    assert_int_equal(read_all(rows, 3), 3);
    files_may_have(1024);
    outbox_remove(outbox, &rows[0].seq, 1);
    assert_soon(!outbox_works(outbox, NULL));
    assert_int_equal(depth(), 3);
    files_may_have(RLIM_INFINITY);
    outbox_remove(outbox, &rows[1].seq, 1);
    assert_soon(depth() == 1);
    assert_int_equal(read_all(rows, 3), 1);
}

static void a_second_opening_is_refused(void **state)
{
    (void)state;
    struct outbox_config config = {.path = path, .recall_ms = RECALL_MS};
    struct outbox *second = NULL;
    struct fault fault = {0};
    assert_int_equal(outbox_open(&config, &second, &fault), RESULT_UNAVAILABLE);
    assert_null(second);
    assert_int_not_equal(fault.text[0], '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, start, stop)
        CLAIM(a_kill_loses_nothing_that_was_accepted),
        CLAIM(what_many_threads_accept_is_there_after_a_reopen),
        CLAIM(a_row_holds_the_message),
        CLAIM(the_longest_view_fits),
        CLAIM(what_was_removed_stays_away),
        CLAIM(a_number_is_never_used_twice),
        CLAIM(a_counted_session_is_recalled_until_it_is_over),
        CLAIM(a_touch_keeps_a_session_and_makes_none),
        CLAIM(a_new_session_takes_the_place_of_the_old),
        CLAIM(sessions_that_are_over_are_forgotten),
        CLAIM(a_full_disk_accepts_nothing_by_half_and_recovers),
        CLAIM(after_a_full_disk_it_says_that_it_works_by_itself),
        CLAIM(what_cannot_be_removed_now_is_removed_later),
        CLAIM(a_second_opening_is_refused),
    };
    return run_claims(tests, NULL, NULL);
}
