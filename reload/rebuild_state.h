#ifndef FLIXTUBE_RELOAD_REBUILD_STATE_H
#define FLIXTUBE_RELOAD_REBUILD_STATE_H

/*
 * When to build: a pure state machine, without clock, files or processes. The
 * supervisor tells it what happened and does what it answers.
 *
 *   files change ─▶ settle until quiet ─▶ build ─▶ offer the program
 *
 * A change during a build queues one more build, however many changes come.
 * What that first build made is not offered: it may mix old text with new.
 */
enum rebuild_state {
    REBUILD_IDLE,
    REBUILD_SETTLING, /* something changed: waiting until it is quiet */
    REBUILD_BUILDING,
    REBUILD_STALE, /* building, and something changed since it began */
    REBUILD_STOPPING,
    REBUILD_STATES
};

enum rebuild_event {
    REBUILD_CHANGED,  /* the files differ from the last look at them */
    REBUILD_QUIET,    /* no change for the settle time */
    REBUILD_REVERTED, /* the same, and all is as it was at the last build */
    REBUILD_BUILT,    /* the build succeeded */
    REBUILD_FAILED,   /* the build failed, or could not be started */
    REBUILD_STOP,
    REBUILD_EVENTS
};

enum rebuild_action {
    REBUILD_NOTHING,
    REBUILD_SETTLE,          /* wait for quiet, anew */
    REBUILD_BUILD,           /* start the build */
    REBUILD_OFFER,           /* give what was built to the service */
    REBUILD_COMPLAIN,        /* say that the build failed */
    REBUILD_COMPLAIN_SETTLE, /* both */
    REBUILD_ABANDON          /* kill the build */
};

struct rebuild_step {
    enum rebuild_state state;
    enum rebuild_action action;
};

/* Every pair of state and event has an answer; none is refused. */
struct rebuild_step rebuild_next(enum rebuild_state state,
                                 enum rebuild_event event);

#endif
