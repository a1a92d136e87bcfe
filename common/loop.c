#include "loop.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

enum {
    STOP_SIGNALS = 2,
};

struct loop {
    uv_loop_t uv;
    uv_signal_t signals[STOP_SIGNALS];
    int signals_started;
    void (*stop)(void *context);
    void *stop_context;
};

/* What a caller is told about a handle; the uv handle comes first in each of
 * the types below, so that one close callback frees them all. */
struct loop_timer {
    uv_timer_t uv;
    void (*due)(void *context);
    void *context;
};

struct loop_watch {
    uv_poll_t uv;
    void (*ready)(void *context);
    void *context;
};

struct loop_waker {
    uv_async_t uv;
    void (*woken)(void *context);
    void *context;
};

struct loop_job {
    uv_work_t uv;
    void (*work)(void *context);
    void (*done)(void *context);
    void *context;
};

static enum result uv_fault(int status, const char *doing, struct fault *fault)
{
    return fault_set(fault, RESULT_UNAVAILABLE, "%s: %s", doing,
                     uv_strerror(status));
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

enum result loop_make(struct loop **ret, struct fault *fault)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    int status = uv_loop_init(&loop->uv);
    if (status != 0) {
        free(loop);
        return uv_fault(status, "cannot make an event loop", fault);
    }
    *ret = loop;
    return RESULT_OK;
}

void loop_end(struct loop *loop)
{
    if (loop == NULL)
        return;
    for (int i = 0; i < loop->signals_started; i++)
        uv_close((uv_handle_t *)&loop->signals[i], NULL);
    /* Lets close callbacks run and work under way end. */
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop->uv);
    free(loop);
}

void loop_run(struct loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_quit(struct loop *loop)
{
    uv_stop(&loop->uv);
}

static const int stop_numbers[STOP_SIGNALS] = {SIGTERM, SIGINT};

static void end_at_once(int number)
{
    (void)number;
    _exit(1);
}

/* The second signal must end the process even when the loop runs no more, so
 * from the first one on it is a plain handler's. */
static void on_signal(uv_signal_t *handle, int number)
{
    struct loop *loop = handle->data;
    (void)number;
    struct sigaction action = {.sa_handler = end_at_once};
    for (int i = 0; i < STOP_SIGNALS; i++) {
        (void)uv_signal_stop(&loop->signals[i]);
        (void)sigaction(stop_numbers[i], &action, NULL);
    }
    loop->stop(loop->stop_context);
}

enum result loop_on_stop_signal(struct loop *loop, void (*stop)(void *context),
                                void *context, struct fault *fault)
{
    loop->stop = stop;
    loop->stop_context = context;
    (void)signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < STOP_SIGNALS; i++) {
        uv_signal_t *handle = &loop->signals[i];
        (void)uv_signal_init(&loop->uv, handle);
        handle->data = loop;
        loop->signals_started++;
        int status = uv_signal_start(handle, on_signal, stop_numbers[i]);
        if (status != 0)
            return uv_fault(status, "cannot take signals", fault);
    }
    return RESULT_OK;
}

static void on_timer(uv_timer_t *handle)
{
    struct loop_timer *timer = handle->data;
    timer->due(timer->context);
}

enum result loop_timer_start(struct loop *loop, uint32_t first_ms,
                             uint32_t repeat_ms, void (*due)(void *context),
                             void *context, struct loop_timer **ret,
                             struct fault *fault)
{
    struct loop_timer *timer = calloc(1, sizeof *timer);
    if (timer == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    timer->due = due;
    timer->context = context;
    timer->uv.data = timer;
    (void)uv_timer_init(&loop->uv, &timer->uv);
    (void)uv_timer_start(&timer->uv, on_timer, first_ms, repeat_ms);
    *ret = timer;
    return RESULT_OK;
}

void loop_timer_end(struct loop_timer *timer)
{
    if (timer != NULL)
        uv_close((uv_handle_t *)&timer->uv, free_handle);
}

static void on_ready(uv_poll_t *handle, int status, int events)
{
    struct loop_watch *watch = handle->data;
    /* An error is readable too: the owner's read finds out what it is. */
    (void)status;
    (void)events;
    watch->ready(watch->context);
}

enum result loop_watch_start(struct loop *loop, int fd,
                             void (*ready)(void *context), void *context,
                             struct loop_watch **ret, struct fault *fault)
{
    struct loop_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    watch->ready = ready;
    watch->context = context;
    watch->uv.data = watch;
    int status = uv_poll_init(&loop->uv, &watch->uv, fd);
    if (status != 0) {
        free(watch);
        return uv_fault(status, "cannot watch a descriptor", fault);
    }
    status = uv_poll_start(&watch->uv, UV_READABLE, on_ready);
    if (status != 0) {
        loop_watch_end(watch);
        return uv_fault(status, "cannot watch a descriptor", fault);
    }
    *ret = watch;
    return RESULT_OK;
}

void loop_watch_end(struct loop_watch *watch)
{
    if (watch != NULL)
        uv_close((uv_handle_t *)&watch->uv, free_handle);
}

static void on_wake(uv_async_t *handle)
{
    struct loop_waker *waker = handle->data;
    waker->woken(waker->context);
}

enum result loop_waker_start(struct loop *loop, void (*woken)(void *context),
                             void *context, struct loop_waker **ret,
                             struct fault *fault)
{
    struct loop_waker *waker = calloc(1, sizeof *waker);
    if (waker == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    waker->woken = woken;
    waker->context = context;
    waker->uv.data = waker;
    int status = uv_async_init(&loop->uv, &waker->uv, on_wake);
    if (status != 0) {
        free(waker);
        return uv_fault(status, "cannot make a waker", fault);
    }
    *ret = waker;
    return RESULT_OK;
}

void loop_waker_wake(struct loop_waker *waker)
{
    (void)uv_async_send(&waker->uv);
}

void loop_waker_end(struct loop_waker *waker)
{
    if (waker != NULL)
        uv_close((uv_handle_t *)&waker->uv, free_handle);
}

static void on_work(uv_work_t *handle)
{
    struct loop_job *job = handle->data;
    job->work(job->context);
}

static void on_work_done(uv_work_t *handle, int status)
{
    struct loop_job *job = handle->data;
    (void)status; /* nothing here is cancelled */
    job->done(job->context);
    free(job);
}

enum result loop_work(struct loop *loop, void (*work)(void *context),
                      void (*done)(void *context), void *context,
                      struct fault *fault)
{
    struct loop_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    job->work = work;
    job->done = done;
    job->context = context;
    job->uv.data = job;
    int status = uv_queue_work(&loop->uv, &job->uv, on_work, on_work_done);
    if (status != 0) {
        free(job);
        return uv_fault(status, "cannot start work", fault);
    }
    return RESULT_OK;
}
