#ifndef FLIXTUBE_COMMON_PROGRAM_H
#define FLIXTUBE_COMMON_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "result.h"

enum {
    PROGRAM_BIND_BYTES = 64, /* a numeric address of either family */
};

/* What a program's exit code says; the same for all of ours. */
enum program_exit {
    PROGRAM_DONE = 0,
    PROGRAM_FAILED = 1,       /* while it ran */
    PROGRAM_MISUSED = 2,      /* wrong usage or setting */
    PROGRAM_CANNOT_START = 3, /* port taken, file not writable, ... */
};

/* MALFORMED is misuse, everything else a start that cannot work. */
enum program_exit program_exit_of(enum result result);

/* "history: cannot listen on ...", one line on standard error; returns the
 * code that goes with the result. */
enum program_exit program_complain(const char *program, enum result result,
                                   const char *words);

/* A command of one program's own, with the words behind it. */
struct program_command {
    const char *name;
    enum program_exit (*run)(int words_count, char **words);
};

/* What all of ours know: serve (also without a word), --healthcheck,
 * --routes, --version, --help; and what one knows besides. */
struct program {
    const char *name;
    const char *help;
    enum program_exit (*serve)(void);
    /* Where the service would listen, from its settings. */
    enum result (*address)(char bind[PROGRAM_BIND_BYTES], uint16_t *ret_port,
                           struct fault *fault);
    void (*routes)(struct buffer *text);    /* as JSON */
    const struct program_command *commands; /* may be NULL */
    size_t commands_count;
};

/* Runs the command that argv names. */
enum program_exit program_run(const struct program *program, int argc,
                              char **argv);

/* Prints what was written to standard output. */
enum program_exit program_print(const struct buffer *text);

#endif
