#include "supervisor.h"

#include <signal.h>
#include <string.h>
#include <uv.h>

#include "child.h"
#include "rebuild_state.h"
#include "say.h"
#include "service.h"
#include "snapshot.h"

enum {
    SETTLING_POLL_MS = 25,     /* looks while something changes */
    LOOK_SHARE = 4,            /* a slow mount costs a quarter of our time */
    BUILD_END_GRACE_MS = 2000, /* ninja removes half-made files at SIGTERM */
    SIGNALS = 3,
};

static const int stop_signals[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};

/* All on one loop, in one thread. */
struct supervisor {
    const struct options *options;
    struct snapshot_scope scope;
    uv_loop_t loop;
    enum rebuild_state state;
    struct snapshot last;  /* the latest look */
    struct snapshot built; /* as the latest build began */
    bool built_known;
    char complaint[REASON_TEXT_BYTES]; /* about looking; said once */
    pid_t build_pid;                   /* 0: none */
    uint64_t build_started_ms;
    bool build_told; /* it had its SIGTERM */
    uv_timer_t look;
    uv_timer_t settle;
    uv_timer_t build_end;
    uv_signal_t child_ended;
    uv_signal_t stops[SIGNALS];
    struct service service;
    bool service_opened;
    bool service_finished;
};

static void happens(struct supervisor *supervisor, enum rebuild_event event);
static void look_again(uv_timer_t *timer);

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void end_when_all_is_ended(struct supervisor *supervisor)
{
    if (supervisor->build_pid == 0 && supervisor->service_finished)
        uv_stop(&supervisor->loop);
}

static void service_finished(void *context)
{
    struct supervisor *supervisor = context;

    supervisor->service_finished = true;
    end_when_all_is_ended(supervisor);
}

/* Looks at the files; true when something differs from the look before. */
static bool look(struct supervisor *supervisor)
{
    struct snapshot now;
    struct reason reason = {0};
    const char *path;
    size_t count;

    if (!snapshot_take(&supervisor->scope, &now, &reason)) {
        if (strcmp(reason.text, supervisor->complaint) != 0)
            say("%s", reason.text);
        memcpy(supervisor->complaint, reason.text, sizeof reason.text);
        return false;
    }
    supervisor->complaint[0] = '\0';
    count = snapshot_differences(&supervisor->last, &now, &path);
    if (count == 1)
        say("changed: %s", path);
    else if (count > 1)
        say("changed: %s and %zu more", path, count - 1);
    snapshot_done(&supervisor->last);
    supervisor->last = now;
    return count > 0;
}

static void look_and_tell(struct supervisor *supervisor)
{
    if (look(supervisor))
        happens(supervisor, REBUILD_CHANGED);
}

/* A mount where a look is slow is looked at more rarely. */
static void look_again(uv_timer_t *timer)
{
    struct supervisor *supervisor = timer->data;
    uint64_t began_ms = now_ms();
    uint64_t wait_ms;

    look_and_tell(supervisor);
    wait_ms = (now_ms() - began_ms) * LOOK_SHARE;
    if (supervisor->state == REBUILD_SETTLING && wait_ms < SETTLING_POLL_MS)
        wait_ms = SETTLING_POLL_MS;
    else if (supervisor->state != REBUILD_SETTLING &&
             wait_ms < supervisor->options->poll_ms)
        wait_ms = supervisor->options->poll_ms;
    uv_timer_start(timer, look_again, wait_ms, 0);
}

static void settled(uv_timer_t *timer)
{
    struct supervisor *supervisor = timer->data;
    const char *path;

    if (look(supervisor)) {
        happens(supervisor, REBUILD_CHANGED);
    } else if (supervisor->built_known &&
               snapshot_differences(&supervisor->built, &supervisor->last,
                                    &path) == 0) {
        say("all is as it was at the last build");
        happens(supervisor, REBUILD_REVERTED);
    } else {
        happens(supervisor, REBUILD_QUIET);
    }
}

static void end_build(uv_timer_t *timer)
{
    struct supervisor *supervisor = timer->data;

    if (supervisor->build_pid == 0)
        return;
    child_signal_group(supervisor->build_pid,
                       supervisor->build_told ? SIGKILL : SIGTERM);
    supervisor->build_told = true;
    uv_timer_start(timer, end_build, BUILD_END_GRACE_MS, 0);
}

static void build_takes_too_long(uv_timer_t *timer)
{
    struct supervisor *supervisor = timer->data;

    say("the build takes more than %.1f s: ended",
        (double)supervisor->options->build_timeout_ms / 1000);
    end_build(timer);
}

static void start_build(struct supervisor *supervisor)
{
    const char *const shell[] = {"/bin/sh", "-c", supervisor->options->build,
                                 NULL};
    struct snapshot now;
    struct reason reason = {0};

    supervisor->built_known = snapshot_take(&supervisor->scope, &now, &reason);
    if (supervisor->built_known) {
        snapshot_done(&supervisor->built);
        supervisor->built = now;
    }
    supervisor->build_started_ms = now_ms();
    supervisor->build_told = false;
    if (!child_start(shell[0], shell, &supervisor->build_pid, &reason)) {
        say("%s", reason.text);
        happens(supervisor, REBUILD_FAILED);
        return;
    }
    uv_timer_start(&supervisor->build_end, build_takes_too_long,
                   supervisor->options->build_timeout_ms, 0);
}

static void offer(struct supervisor *supervisor)
{
    struct reason reason = {0};
    bool changed;

    say("built in %.2f s",
        (double)(now_ms() - supervisor->build_started_ms) / 1000);
    if (!service_offer(&supervisor->service, &changed, &reason))
        say("%s", reason.text);
    else if (!changed)
        say("%s is the same as before", supervisor->service.name);
}

static void settle(struct supervisor *supervisor)
{
    uv_timer_start(&supervisor->settle, settled, supervisor->options->settle_ms,
                   0);
    /* From inside look_again() this is done again, to the same effect. */
    uv_timer_start(&supervisor->look, look_again, SETTLING_POLL_MS, 0);
}

static void complain(void)
{
    say("the build failed: what runs goes on, and the next change builds "
        "again");
}

static void act(struct supervisor *supervisor, enum rebuild_action action)
{
    switch (action) {
    case REBUILD_NOTHING:
        break;
    case REBUILD_SETTLE:
        settle(supervisor);
        break;
    case REBUILD_BUILD:
        start_build(supervisor);
        break;
    case REBUILD_OFFER:
        offer(supervisor);
        break;
    case REBUILD_COMPLAIN:
        complain();
        break;
    case REBUILD_COMPLAIN_SETTLE:
        complain();
        settle(supervisor);
        break;
    case REBUILD_ABANDON:
        end_build(&supervisor->build_end);
        break;
    }
}

static void happens(struct supervisor *supervisor, enum rebuild_event event)
{
    struct rebuild_step step = rebuild_next(supervisor->state, event);

    supervisor->state = step.state;
    act(supervisor, step.action);
}

static void build_ended(struct supervisor *supervisor, int status)
{
    uv_timer_stop(&supervisor->build_end);
    supervisor->build_pid = 0;
    happens(supervisor,
            child_ended_well(status) ? REBUILD_BUILT : REBUILD_FAILED);
    end_when_all_is_ended(supervisor);
}

static void reap(uv_signal_t *handle, int number)
{
    struct supervisor *supervisor = handle->data;
    pid_t pid;
    int status;

    (void)number;
    while (child_reap(&pid, &status)) {
        if (pid == supervisor->build_pid)
            build_ended(supervisor, status);
        else
            service_child_ended(&supervisor->service, pid, status);
    }
}

static void stop(uv_signal_t *handle, int number)
{
    struct supervisor *supervisor = handle->data;

    say("%s: stopping", strsignal(number));
    uv_timer_stop(&supervisor->look);
    uv_timer_stop(&supervisor->settle);
    happens(supervisor, REBUILD_STOP);
    service_stop(&supervisor->service);
    end_when_all_is_ended(supervisor);
}

static bool open_service(struct supervisor *supervisor, struct reason *reason)
{
    supervisor->service_opened = service_open(
        &supervisor->service, &supervisor->loop, supervisor->options->run,
        supervisor->options->grace_ms, service_finished, supervisor, reason);
    return supervisor->service_opened;
}

static bool watch_signals(struct supervisor *supervisor, struct reason *reason)
{
    int error = uv_signal_start(&supervisor->child_ended, reap, SIGCHLD);

    for (size_t i = 0; i < SIGNALS && error == 0; i++)
        error = uv_signal_start(&supervisor->stops[i], stop, stop_signals[i]);
    if (error != 0)
        return reason_set(reason, "cannot take signals: %s",
                          uv_strerror(error));
    return true;
}

static bool first_look(struct supervisor *supervisor, struct reason *reason)
{
    for (size_t i = 0; i < supervisor->scope.paths_count; i++)
        if (!snapshot_path_exists(supervisor->scope.paths[i]))
            return reason_set(reason, "nothing to watch at '%s'",
                              supervisor->scope.paths[i]);
    return snapshot_take(&supervisor->scope, &supervisor->last, reason);
}

static bool open_loop(struct supervisor *supervisor, struct reason *reason)
{
    int error = uv_loop_init(&supervisor->loop);

    if (error != 0)
        return reason_set(reason, "no event loop: %s", uv_strerror(error));
    /* These cannot fail: they only put the handles into the loop. */
    uv_timer_init(&supervisor->loop, &supervisor->look);
    uv_timer_init(&supervisor->loop, &supervisor->settle);
    uv_timer_init(&supervisor->loop, &supervisor->build_end);
    uv_signal_init(&supervisor->loop, &supervisor->child_ended);
    supervisor->look.data = supervisor;
    supervisor->settle.data = supervisor;
    supervisor->build_end.data = supervisor;
    supervisor->child_ended.data = supervisor;
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(&supervisor->loop, &supervisor->stops[i]);
        supervisor->stops[i].data = supervisor;
    }
    return true;
}

static void close_loop(struct supervisor *supervisor)
{
    if (supervisor->service_opened)
        service_close(&supervisor->service);
    uv_close((uv_handle_t *)&supervisor->look, NULL);
    uv_close((uv_handle_t *)&supervisor->settle, NULL);
    uv_close((uv_handle_t *)&supervisor->build_end, NULL);
    uv_close((uv_handle_t *)&supervisor->child_ended, NULL);
    for (size_t i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&supervisor->stops[i], NULL);
    uv_run(&supervisor->loop, UV_RUN_DEFAULT);
    uv_loop_close(&supervisor->loop);
    snapshot_done(&supervisor->last);
    snapshot_done(&supervisor->built);
}

enum supervisor_exit supervisor_run(const struct options *options)
{
    /* Too large for some stacks, and one a process is enough. */
    static struct supervisor supervisor;
    enum supervisor_exit code = SUPERVISOR_CANNOT_START;
    struct reason reason = {0};

    supervisor = (struct supervisor){
        .options = options,
        .scope = {options->watches, options->watches_count, options->ignores,
                  options->ignores_count},
    };
    if (!open_loop(&supervisor, &reason)) {
        say("%s", reason.text);
        return code;
    }
    if (open_service(&supervisor, &reason) &&
        watch_signals(&supervisor, &reason) &&
        first_look(&supervisor, &reason)) {
        supervisor.state = REBUILD_BUILDING;
        start_build(&supervisor);
        uv_timer_start(&supervisor.look, look_again, options->poll_ms, 0);
        uv_run(&supervisor.loop, UV_RUN_DEFAULT);
        code = supervisor.service.ended_badly ? SUPERVISOR_ENDED_BADLY
                                              : SUPERVISOR_ENDED;
    } else {
        say("%s", reason.text);
    }
    close_loop(&supervisor);
    return code;
}
