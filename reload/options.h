#ifndef FLIXTUBE_RELOAD_OPTIONS_H
#define FLIXTUBE_RELOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reason.h"

enum {
    OPTIONS_WATCHES_MAX = 64, /* a scan visits each of them */
    OPTIONS_IGNORES_MAX = 64, /* each name is matched against each pattern */
};

/* The command line. All text is borrowed from argv. */
struct options {
    const char *watches[OPTIONS_WATCHES_MAX];
    size_t watches_count;
    const char *ignores[OPTIONS_IGNORES_MAX];
    size_t ignores_count;
    const char *build;
    const char *const *run;    /* the program and its arguments, NULL last */
    uint64_t poll_ms;          /* between two scans */
    uint64_t settle_ms;        /* of quiet before a build */
    uint64_t grace_ms;         /* between SIGTERM and SIGKILL */
    uint64_t build_timeout_ms; /* a longer build is killed and has failed */
    bool help;
    bool version;
};

/*
 * Reads the command line into *ret. With --help or --version nothing else is
 * asked for. False: wrong usage, *ret is then unspecified.
 */
bool options_read(int argc, char *const argv[], struct options *ret,
                  struct reason *reason);

extern const char options_help[];

#endif
