#ifndef FLIXTUBE_RELOAD_SERVICE_STATE_H
#define FLIXTUBE_RELOAD_SERVICE_STATE_H

#include <stdint.h>

/*
 * The life of one service: a pure state machine, without clock or processes.
 * At most one process of a service runs at any time: the new one starts when
 * the old one has ended, so its port and its files are free.
 */
enum service_state {
    SERVICE_WAITING, /* nothing to run yet */
    SERVICE_RUNNING,
    SERVICE_REPLACING, /* asked to end, the new program follows */
    SERVICE_RESTING,   /* it ended by itself: started again after a rest */
    SERVICE_ENDING,    /* asked to end, nothing follows */
    SERVICE_ENDED,
    SERVICE_STATES
};

enum service_event {
    SERVICE_PROGRAM_NEW,  /* a build made another program, now in place */
    SERVICE_PROGRAM_SAME, /* a build succeeded and left the program as it is */
    SERVICE_EXITED,       /* its process ended, or could not be started */
    SERVICE_GRACE_OVER,   /* it did not end within the grace time */
    SERVICE_REST_OVER,
    SERVICE_STOP, /* we were told to stop; may come again */
    SERVICE_EVENTS
};

enum service_action {
    SERVICE_NOTHING,
    SERVICE_START,
    SERVICE_TERMINATE, /* SIGTERM, and the grace time begins */
    SERVICE_PASS_ON,   /* SIGTERM once more; the grace time goes on */
    SERVICE_KILL,      /* SIGKILL */
    SERVICE_REST,      /* the rest begins */
    SERVICE_FINISH     /* there will be no process any more */
};

struct service_step {
    enum service_state state;
    enum service_action action;
};

/* Every pair of state and event has an answer; none is refused. */
struct service_step service_next(enum service_state state,
                                 enum service_event event);

enum {
    SERVICE_REST_MS_MIN = 500,   /* a crash at start must not fill the log */
    SERVICE_REST_MS_MAX = 10000, /* a broker that comes back is soon found */
    SERVICE_STEADY_MS = 10000,   /* who ran so long begins at the minimum */
};

/*
 * How long to rest after a process that ran `ran_ms`, when the rest before was
 * `last_rest_ms` (0: none).
 */
uint64_t service_rest_ms(uint64_t last_rest_ms, uint64_t ran_ms);

#endif
