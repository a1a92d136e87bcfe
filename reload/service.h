#ifndef FLIXTUBE_RELOAD_SERVICE_H
#define FLIXTUBE_RELOAD_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "service_state.h"
#include "swap.h"

/* Called when the service will have no process any more. */
typedef void service_finished_fn(void *context);

/*
 * One service under our care: its state, its process and its two timers. It
 * belongs to the loop's thread, and must stay where it is while it is open.
 */
struct service {
    const char *const *run;     /* the program and its arguments, borrowed */
    const char *name;           /* the program's, without folders */
    char copy[SWAP_PATH_BYTES]; /* what its process runs from */
    enum service_state state;
    pid_t pid; /* 0: none */
    uint64_t started_ms;
    uint64_t rest_ms; /* the last rest; 0: none yet */
    uint64_t grace_ms;
    uv_timer_t grace;
    uv_timer_t rest;
    bool ended_badly; /* killed, or not code 0, when it was told to stop */
    service_finished_fn *finished;
    void *context;
};

/* False: the program's path is too long; then there is nothing to close. */
bool service_open(struct service *service, uv_loop_t *loop,
                  const char *const *run, uint64_t grace_ms,
                  service_finished_fn *finished, void *context,
                  struct reason *reason);

/* Ends its timers; the loop has to run once more. No process may be left. */
void service_close(struct service *service);

/*
 * A build succeeded: takes its program and starts or restarts the service
 * where that is due. *ret_changed: whether the program differs from before.
 * False: it could not be taken, and what runs goes on.
 */
bool service_offer(struct service *service, bool *ret_changed,
                   struct reason *reason);

/* We were told to stop; the second time its process is told again. */
void service_stop(struct service *service);

/* `pid` ended with this wait status. False: it is not this service's. */
bool service_child_ended(struct service *service, pid_t pid, int status);

#endif
