#ifndef FLIXTUBE_COMMON_DECIMAL_H
#define FLIXTUBE_COMMON_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Takes a decimal integer, with a minus before it perhaps, and one space or
 * line's end after it where there is one; *text then stands behind. False,
 * and nothing has changed, where there is none or it does not fit. Pure; any
 * thread.
 */
bool decimal_take(const char **text, int64_t *ret);

#endif
