#ifndef FLIXTUBE_HISTORY_TERMINAL_TEXT_H
#define FLIXTUBE_HISTORY_TERMINAL_TEXT_H

#include <stddef.h>

#include "buffer.h"

/*
 * Writes text of unknown origin for a terminal: control characters (C0, DEL,
 * C1), backslashes and what is not UTF-8 become \xNN, so that it cannot move
 * the cursor or forge a line. Beyond bytes_max it is cut, with "…". Pure.
 */
void terminal_text(struct buffer *buffer, const char *text, size_t bytes,
                   size_t bytes_max);

#endif
