#ifndef FLIXTUBE_RELOAD_SWAP_H
#define FLIXTUBE_RELOAD_SWAP_H

#include <stdbool.h>

#include "reason.h"

enum {
    SWAP_PATH_BYTES = 4096, /* of PROGRAM.running; a longer one is refused */
};

/*
 * A service runs from a copy of its program, PROGRAM.running, beside it. So a
 * linker that fails half-way cannot take the program from a service that has
 * to start again, and a build that changes nothing is told from one that does.
 */

/* Writes the copy's path. False: it does not fit. */
bool swap_path(const char *program, char path[SWAP_PATH_BYTES],
               struct reason *reason);

/*
 * Makes the copy hold what the program holds now, by writing another file and
 * renaming it, so that a process that runs the old copy keeps it. *ret_changed:
 * whether they differed. False: the program cannot be read, or the copy not
 * written; then the copy is as it was.
 */
bool swap_take(const char *program, const char *copy, bool *ret_changed,
               struct reason *reason);

#endif
