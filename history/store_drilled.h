#ifndef FLIXTUBE_HISTORY_STORE_DRILLED_H
#define FLIXTUBE_HISTORY_STORE_DRILLED_H

#include "store.h"

/*
 * What the last recovery drill of a store found, a line of text that lies
 * beside its views: a command writes it, and the service shows it.
 */
enum {
    STORE_DRILLED_BYTES = 128, /* with its NUL */
};

/* Replaces the line of the store at that path, which a service may have open.
 * Errors: RESULT_UNAVAILABLE, RESULT_UNUSABLE. */
enum result store_note_drilled(const char *path, const char *line,
                               struct fault *fault);

/* The line; a longer one is cut. Any thread, waits for no server: where one has
 * the store it is the line as of the last write or store_tidy(). Errors:
 * RESULT_NOT_FOUND (there was no drill), RESULT_UNAVAILABLE. */
enum result store_drilled(struct store *store, char ret[STORE_DRILLED_BYTES],
                          struct fault *fault);

#endif
