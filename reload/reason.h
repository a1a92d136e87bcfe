#ifndef FLIXTUBE_RELOAD_REASON_H
#define FLIXTUBE_RELOAD_REASON_H

#include <stdbool.h>

enum {
    REASON_TEXT_BYTES = 512, /* one printed line; longer ones are cut */
};

/* Why a call failed, in one line for people. Owned by the caller. */
struct reason {
    char text[REASON_TEXT_BYTES];
};

/* Writes the line and returns false: `return reason_set(why, "...");`. */
bool reason_set(struct reason *reason, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
