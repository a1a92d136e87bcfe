#include "rebuild_state.h"

#include <assert.h>

#define STEP(state, action)                                                    \
    {                                                                          \
        REBUILD_##state, REBUILD_##action                                      \
    }

/* clang-format off */
static const struct rebuild_step steps[REBUILD_STATES][REBUILD_EVENTS] = {
    [REBUILD_IDLE] = {
        [REBUILD_CHANGED]  = STEP(SETTLING, SETTLE),
        [REBUILD_QUIET]    = STEP(IDLE,     NOTHING),
        [REBUILD_REVERTED] = STEP(IDLE,     NOTHING),
        [REBUILD_BUILT]    = STEP(IDLE,     NOTHING),
        [REBUILD_FAILED]   = STEP(IDLE,     NOTHING),
        [REBUILD_STOP]     = STEP(STOPPING, NOTHING),
    },
    [REBUILD_SETTLING] = {
        [REBUILD_CHANGED]  = STEP(SETTLING, SETTLE),
        [REBUILD_QUIET]    = STEP(BUILDING, BUILD),
        [REBUILD_REVERTED] = STEP(IDLE,     NOTHING),
        [REBUILD_BUILT]    = STEP(SETTLING, NOTHING),
        [REBUILD_FAILED]   = STEP(SETTLING, NOTHING),
        [REBUILD_STOP]     = STEP(STOPPING, NOTHING),
    },
    [REBUILD_BUILDING] = {
        [REBUILD_CHANGED]  = STEP(STALE,    NOTHING),
        [REBUILD_QUIET]    = STEP(BUILDING, NOTHING),
        [REBUILD_REVERTED] = STEP(BUILDING, NOTHING),
        [REBUILD_BUILT]    = STEP(IDLE,     OFFER),
        [REBUILD_FAILED]   = STEP(IDLE,     COMPLAIN),
        [REBUILD_STOP]     = STEP(STOPPING, ABANDON),
    },
    [REBUILD_STALE] = {
        [REBUILD_CHANGED]  = STEP(STALE,    NOTHING),
        [REBUILD_QUIET]    = STEP(STALE,    NOTHING),
        [REBUILD_REVERTED] = STEP(STALE,    NOTHING),
        [REBUILD_BUILT]    = STEP(SETTLING, SETTLE),
        [REBUILD_FAILED]   = STEP(SETTLING, COMPLAIN_SETTLE),
        [REBUILD_STOP]     = STEP(STOPPING, ABANDON),
    },
    [REBUILD_STOPPING] = {
        [REBUILD_CHANGED]  = STEP(STOPPING, NOTHING),
        [REBUILD_QUIET]    = STEP(STOPPING, NOTHING),
        [REBUILD_REVERTED] = STEP(STOPPING, NOTHING),
        [REBUILD_BUILT]    = STEP(STOPPING, NOTHING),
        [REBUILD_FAILED]   = STEP(STOPPING, NOTHING),
        [REBUILD_STOP]     = STEP(STOPPING, NOTHING),
    },
};
/* clang-format on */

struct rebuild_step rebuild_next(enum rebuild_state state,
                                 enum rebuild_event event)
{
    assert(state < REBUILD_STATES);
    assert(event < REBUILD_EVENTS);
    return steps[state][event];
}
