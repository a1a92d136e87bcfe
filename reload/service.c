#include "service.h"

#include <signal.h>
#include <string.h>

#include "child.h"
#include "say.h"

static void happens(struct service *service, enum service_event event);

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void grace_is_over(uv_timer_t *timer)
{
    happens(timer->data, SERVICE_GRACE_OVER);
}

static void rest_is_over(uv_timer_t *timer)
{
    happens(timer->data, SERVICE_REST_OVER);
}

static void start(struct service *service)
{
    struct reason reason = {0};

    uv_timer_stop(&service->grace);
    uv_timer_stop(&service->rest);
    service->started_ms = now_ms();
    if (child_start(service->copy, service->run, &service->pid, &reason)) {
        say("%s runs (pid %d)", service->name, (int)service->pid);
        return;
    }
    say("%s", reason.text);
    happens(service, SERVICE_EXITED);
}

static void rest(struct service *service)
{
    service->rest_ms =
        service_rest_ms(service->rest_ms, now_ms() - service->started_ms);
    say("%s starts again after the next good build, or in %.1f s",
        service->name, (double)service->rest_ms / 1000);
    uv_timer_start(&service->rest, rest_is_over, service->rest_ms, 0);
}

static void act(struct service *service, enum service_action action)
{
    switch (action) {
    case SERVICE_NOTHING:
        break;
    case SERVICE_START:
        start(service);
        break;
    case SERVICE_TERMINATE:
        child_signal(service->pid, SIGTERM);
        uv_timer_start(&service->grace, grace_is_over, service->grace_ms, 0);
        break;
    case SERVICE_PASS_ON:
        child_signal(service->pid, SIGTERM);
        break;
    case SERVICE_KILL:
        say("%s did not end within %.1f s: killed", service->name,
            (double)service->grace_ms / 1000);
        child_signal_group(service->pid, SIGKILL);
        break;
    case SERVICE_REST:
        rest(service);
        break;
    case SERVICE_FINISH:
        uv_timer_stop(&service->grace);
        uv_timer_stop(&service->rest);
        service->finished(service->context);
        break;
    }
}

static void happens(struct service *service, enum service_event event)
{
    struct service_step step = service_next(service->state, event);

    service->state = step.state;
    act(service, step.action);
}

bool service_open(struct service *service, uv_loop_t *loop,
                  const char *const *run, uint64_t grace_ms,
                  service_finished_fn *finished, void *context,
                  struct reason *reason)
{
    const char *slash = strrchr(run[0], '/');

    *service = (struct service){
        .run = run,
        .name = slash == NULL ? run[0] : slash + 1,
        .state = SERVICE_WAITING,
        .grace_ms = grace_ms,
        .finished = finished,
        .context = context,
    };
    if (!swap_path(run[0], service->copy, reason))
        return false;
    /* Neither can fail. */
    uv_timer_init(loop, &service->grace);
    uv_timer_init(loop, &service->rest);
    service->grace.data = service;
    service->rest.data = service;
    return true;
}

void service_close(struct service *service)
{
    uv_close((uv_handle_t *)&service->grace, NULL);
    uv_close((uv_handle_t *)&service->rest, NULL);
}

bool service_offer(struct service *service, bool *ret_changed,
                   struct reason *reason)
{
    if (!swap_take(service->run[0], service->copy, ret_changed, reason))
        return false;
    happens(service, *ret_changed ? SERVICE_PROGRAM_NEW : SERVICE_PROGRAM_SAME);
    return true;
}

void service_stop(struct service *service)
{
    happens(service, SERVICE_STOP);
}

bool service_child_ended(struct service *service, pid_t pid, int status)
{
    char words[CHILD_STATUS_BYTES];

    if (service->pid == 0 || service->pid != pid)
        return false;
    service->pid = 0;
    child_describe(status, words);
    if (service->state == SERVICE_RUNNING)
        say("%s ended by itself: %s", service->name, words);
    else if (!child_ended_well(status))
        say("%s ended: %s", service->name, words);
    if (service->state == SERVICE_ENDING && !child_ended_well(status))
        service->ended_badly = true;
    happens(service, SERVICE_EXITED);
    return true;
}
