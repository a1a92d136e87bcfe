#ifndef FLIXTUBE_RELOAD_CHILD_H
#define FLIXTUBE_RELOAD_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "reason.h"

/*
 * Processes, by fork and exec rather than by libuv: as process 1 of a
 * container we must wait for every orphan too, and libuv waits only for its
 * own. Each child leads a session of its own, so a Ctrl-C at the terminal
 * reaches us alone and is passed on once, and a kill reaches what it started.
 * Its standard input is empty, its signals are at their defaults, and it gets
 * SIGTERM when we die.
 */

/*
 * Starts `path` with `arguments` (as argv). False: it could not be executed.
 * A true result means that exec succeeded.
 */
bool child_start(const char *path, const char *const arguments[],
                 pid_t *ret_pid, struct reason *reason);

/* `pid` is a child that was not reaped yet. */
void child_signal(pid_t pid, int signal);       /* the process alone */
void child_signal_group(pid_t pid, int signal); /* and all that it started */

/*
 * Reaps one process that has ended, ours or an orphan, and kills what is left
 * of its group. False: none has.
 */
bool child_reap(pid_t *ret_pid, int *ret_status);

/* True when a wait status says: ended by itself, with code 0. */
bool child_ended_well(int status);

enum {
    CHILD_STATUS_BYTES = 48, /* "killed by signal 11 (Segmentation fault)" */
};

/* The wait status in words. */
void child_describe(int status, char text[CHILD_STATUS_BYTES]);

#endif
