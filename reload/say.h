#ifndef FLIXTUBE_RELOAD_SAY_H
#define FLIXTUBE_RELOAD_SAY_H

enum {
    SAY_LINE_BYTES = 1024, /* longer lines are cut */
};

/*
 * One line for the developer on standard error, behind "reload: ", in a single
 * write(), so that it never mixes with a line of a service or a compiler.
 */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
