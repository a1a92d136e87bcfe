#ifndef FLIXTUBE_COMMON_PROGRAM_H
#define FLIXTUBE_COMMON_PROGRAM_H

#include "result.h"

/* What a program's exit code says; the same for all of ours. */
enum program_exit {
    PROGRAM_DONE = 0,
    PROGRAM_FAILED = 1,       /* while it ran */
    PROGRAM_MISUSED = 2,      /* wrong usage or setting */
    PROGRAM_CANNOT_START = 3, /* port taken, file not writable, ... */
};

/* MALFORMED is misuse, everything else a start that cannot work. */
enum program_exit program_exit_of(enum result result);

/* "history: cannot listen on ...", one line on standard error. */
void program_complain(const char *program, const char *words);

#endif
