/* The event loop: timers, wakes from other threads, descriptors, work, and the
 * signals that end a service. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "claim.h"
#include "loop.h"

enum {
    WAKES = 10 * 1000,
};

static struct loop *loop;
static struct fault fault;
static struct loop_timer *timer;
static struct loop_waker *waker;
static struct loop_watch *watch;
static struct loop_timer *guard;
static int calls;

static void hangs(void *context)
{
    (void)context;
    fail_msg("the loop was not left");
}

static int start(void **state)
{
    (void)state;
    calls = 0;
    timer = NULL;
    waker = NULL;
    watch = NULL;
    assert_ok(loop_make(&loop, &fault), &fault);
    assert_ok(
        loop_timer_start(loop, PATIENCE_MS, 0, hangs, NULL, &guard, &fault),
        &fault);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    loop_timer_end(timer);
    loop_timer_end(guard);
    loop_waker_end(waker);
    loop_watch_end(watch);
    loop_end(loop);
    return 0;
}

static void quit_at_third(void *context)
{
    (void)context;
    if (++calls == 3)
        loop_quit(loop);
}

static void a_timer_repeats(void **state)
{
    (void)state;
    int64_t began_ms = clock_monotonic_ms();
    assert_ok(
        loop_timer_start(loop, 30, 20, quit_at_third, NULL, &timer, &fault),
        &fault);
    loop_run(loop);
    assert_int_equal(calls, 3);
    assert_in_range(clock_monotonic_ms() - began_ms, 60, PATIENCE_MS);
}

static void end_itself(void *context)
{
    (void)context;
    calls++;
    loop_timer_end(timer);
    timer = NULL;
    assert_ok(
        loop_timer_start(loop, 50, 0, quit_at_third, NULL, &timer, &fault),
        &fault);
    calls = 2;
}

static void a_timer_may_end_itself(void **state)
{
    (void)state;
    assert_ok(loop_timer_start(loop, 1, 1, end_itself, NULL, &timer, &fault),
              &fault);
    loop_run(loop);
    assert_int_equal(calls, 3);
}

static _Atomic unsigned wakes_sent;

static void *wake_often(void *argument)
{
    (void)argument;
    for (int i = 0; i < WAKES; i++) {
        wakes_sent++;
        loop_waker_wake(waker);
    }
    return NULL;
}

static void count_wake(void *context)
{
    (void)context;
    calls++;
    if (wakes_sent == WAKES * 4)
        loop_quit(loop);
}

/* Many may become one, but after the last there is one. */
static void the_last_wake_is_never_lost(void **state)
{
    (void)state;
    pthread_t threads[4];
    wakes_sent = 0;
    assert_ok(loop_waker_start(loop, count_wake, NULL, &waker, &fault), &fault);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wake_often, NULL),
                         0);
    loop_run(loop);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    assert_in_range(calls, 1, WAKES * 4);
}

static int pipe_ends[2];

static void read_one(void *context)
{
    char byte;
    (void)context;
    assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
    if (++calls == 3)
        loop_quit(loop);
}

static void a_descriptor_is_watched_while_it_can_be_read(void **state)
{
    (void)state;
    assert_int_equal(pipe(pipe_ends), 0);
    assert_ok(
        loop_watch_start(loop, pipe_ends[0], read_one, NULL, &watch, &fault),
        &fault);
    assert_int_equal(write(pipe_ends[1], "abc", 3), 3);
    loop_run(loop);
    assert_int_equal(calls, 3);
    loop_watch_end(watch);
    watch = NULL;
    (void)close(pipe_ends[0]);
    (void)close(pipe_ends[1]);
    /* One that is no descriptor is told. */
    assert_int_equal(
        loop_watch_start(loop, 9999, read_one, NULL, &watch, &fault),
        RESULT_UNAVAILABLE);
    assert_null(watch);
}

static _Atomic bool worked;
static bool done;
static pthread_t loop_thread;

static void work(void *context)
{
    (void)context;
    assert_false(pthread_equal(pthread_self(), loop_thread));
    pause_ms(100);
    worked = true;
}

static void work_done(void *context)
{
    (void)context;
    assert_true(pthread_equal(pthread_self(), loop_thread));
    assert_true(worked);
    done = true;
    loop_quit(loop);
}

static void work_runs_elsewhere_and_is_done_on_the_loop(void **state)
{
    (void)state;
    worked = done = false;
    loop_thread = pthread_self();
    assert_ok(loop_work(loop, work, work_done, NULL, &fault), &fault);
    loop_run(loop);
    assert_true(done);
}

static void an_end_waits_for_work_under_way(void **state)
{
    (void)state;
    worked = done = false;
    loop_thread = pthread_self();
    assert_ok(loop_work(loop, work, work_done, NULL, &fault), &fault);
    loop_timer_end(guard);
    guard = NULL;
    loop_end(loop);
    assert_true(done);
    (void)start(state);
}

static void quit(void *context)
{
    (void)context;
    loop_quit(loop);
}

static int second_signal;

/* The loop is not there to notice it. */
static void signal_again_and_hang(void *context)
{
    (void)context;
    (void)kill(getpid(), second_signal);
    for (;;)
        (void)pause();
}

/* In a child: its exit code, or the signal's number and 1000. */
static int end_by(int first, int second)
{
    pid_t child = fork();
    if (child == 0) {
        struct loop *own = NULL;
        if (loop_make(&own, &fault) != RESULT_OK)
            _exit(90);
        loop = own;
        second_signal = second;
        if (loop_on_stop_signal(own, second != 0 ? signal_again_and_hang : quit,
                                NULL, &fault) != RESULT_OK)
            _exit(91);
        (void)raise(SIGPIPE);
        (void)alarm(PATIENCE_MS / 1000);
        (void)kill(getpid(), first);
        loop_run(own);
        _exit(7);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void the_first_signal_asks_and_the_second_ends(void **state)
{
    (void)state;
    assert_int_equal(end_by(SIGTERM, 0), 7);
    assert_int_equal(end_by(SIGINT, 0), 7);
    assert_int_equal(end_by(SIGTERM, SIGINT), 1);
    assert_int_equal(end_by(SIGINT, SIGTERM), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, start, stop)
        /* First: it forks, which other threads would make unsound. */
        CLAIM(the_first_signal_asks_and_the_second_ends),
        CLAIM(a_timer_repeats),
        CLAIM(a_timer_may_end_itself),
        CLAIM(the_last_wake_is_never_lost),
        CLAIM(a_descriptor_is_watched_while_it_can_be_read),
        CLAIM(work_runs_elsewhere_and_is_done_on_the_loop),
        CLAIM(an_end_waits_for_work_under_way),
    };
    return run_claims(tests, NULL, NULL);
}
