#ifndef FLIXTUBE_RELOAD_SUPERVISOR_H
#define FLIXTUBE_RELOAD_SUPERVISOR_H

#include "options.h"

enum supervisor_exit {
    SUPERVISOR_ENDED = 0,
    SUPERVISOR_ENDED_BADLY =
        1, /* the program was killed or gave another code */
    SUPERVISOR_USAGE = 2,
    SUPERVISOR_CANNOT_START = 3,
};

/*
 * Builds, runs, watches and rebuilds until SIGTERM, SIGINT or SIGHUP, then
 * ends what it started. Takes over the process's signals. Returns its exit
 * code; when it could not start it has said why.
 */
enum supervisor_exit supervisor_run(const struct options *options);

#endif
