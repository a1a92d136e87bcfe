#include "service_state.h"

#include <assert.h>

#define STEP(state, action)                                                    \
    {                                                                          \
        SERVICE_##state, SERVICE_##action                                      \
    }

/* clang-format off */
static const struct service_step steps[SERVICE_STATES][SERVICE_EVENTS] = {
    [SERVICE_WAITING] = {
        [SERVICE_PROGRAM_NEW]  = STEP(RUNNING,   START),
        [SERVICE_PROGRAM_SAME] = STEP(RUNNING,   START),
        [SERVICE_EXITED]       = STEP(WAITING,   NOTHING),
        [SERVICE_GRACE_OVER]   = STEP(WAITING,   NOTHING),
        [SERVICE_REST_OVER]    = STEP(WAITING,   NOTHING),
        [SERVICE_STOP]         = STEP(ENDED,     FINISH),
    },
    [SERVICE_RUNNING] = {
        [SERVICE_PROGRAM_NEW]  = STEP(REPLACING, TERMINATE),
        [SERVICE_PROGRAM_SAME] = STEP(RUNNING,   NOTHING),
        [SERVICE_EXITED]       = STEP(RESTING,   REST),
        [SERVICE_GRACE_OVER]   = STEP(RUNNING,   NOTHING),
        [SERVICE_REST_OVER]    = STEP(RUNNING,   NOTHING),
        [SERVICE_STOP]         = STEP(ENDING,    TERMINATE),
    },
    [SERVICE_REPLACING] = {
        [SERVICE_PROGRAM_NEW]  = STEP(REPLACING, NOTHING),
        [SERVICE_PROGRAM_SAME] = STEP(REPLACING, NOTHING),
        [SERVICE_EXITED]       = STEP(RUNNING,   START),
        [SERVICE_GRACE_OVER]   = STEP(REPLACING, KILL),
        [SERVICE_REST_OVER]    = STEP(REPLACING, NOTHING),
        /* Its SIGTERM is sent: a second would cut its drain short. */
        [SERVICE_STOP]         = STEP(ENDING,    NOTHING),
    },
    [SERVICE_RESTING] = {
        [SERVICE_PROGRAM_NEW]  = STEP(RUNNING,   START),
        [SERVICE_PROGRAM_SAME] = STEP(RUNNING,   START),
        [SERVICE_EXITED]       = STEP(RESTING,   NOTHING),
        [SERVICE_GRACE_OVER]   = STEP(RESTING,   NOTHING),
        [SERVICE_REST_OVER]    = STEP(RUNNING,   START),
        [SERVICE_STOP]         = STEP(ENDED,     FINISH),
    },
    [SERVICE_ENDING] = {
        [SERVICE_PROGRAM_NEW]  = STEP(ENDING,    NOTHING),
        [SERVICE_PROGRAM_SAME] = STEP(ENDING,    NOTHING),
        [SERVICE_EXITED]       = STEP(ENDED,     FINISH),
        [SERVICE_GRACE_OVER]   = STEP(ENDING,    KILL),
        [SERVICE_REST_OVER]    = STEP(ENDING,    NOTHING),
        [SERVICE_STOP]         = STEP(ENDING,    PASS_ON),
    },
    [SERVICE_ENDED] = {
        [SERVICE_PROGRAM_NEW]  = STEP(ENDED,     NOTHING),
        [SERVICE_PROGRAM_SAME] = STEP(ENDED,     NOTHING),
        [SERVICE_EXITED]       = STEP(ENDED,     NOTHING),
        [SERVICE_GRACE_OVER]   = STEP(ENDED,     NOTHING),
        [SERVICE_REST_OVER]    = STEP(ENDED,     NOTHING),
        [SERVICE_STOP]         = STEP(ENDED,     NOTHING),
    },
};
/* clang-format on */

struct service_step service_next(enum service_state state,
                                 enum service_event event)
{
    assert(state < SERVICE_STATES);
    assert(event < SERVICE_EVENTS);
    return steps[state][event];
}

uint64_t service_rest_ms(uint64_t last_rest_ms, uint64_t ran_ms)
{
    if (last_rest_ms == 0 || ran_ms >= SERVICE_STEADY_MS)
        return SERVICE_REST_MS_MIN;
    if (last_rest_ms >= SERVICE_REST_MS_MAX / 2)
        return SERVICE_REST_MS_MAX;
    return last_rest_ms * 2;
}
