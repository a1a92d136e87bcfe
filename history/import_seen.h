#ifndef FLIXTUBE_HISTORY_IMPORT_SEEN_H
#define FLIXTUBE_HISTORY_IMPORT_SEEN_H

#include <stdbool.h>
#include <stddef.h>

#include "result.h"
#include "uuid.h"

/*
 * Which ids a file has had, so that a dry run tells those that it has twice. An
 * id is 64 bits of it: two of four million are taken for one with a chance of
 * 1 in 2 million. One thread.
 */
struct import_seen;

/* At most `most` ids are kept, at 16 bytes each when it is full. On success the
 * caller owns *ret. Errors: RESULT_UNAVAILABLE. */
enum result import_seen_make(size_t most, struct import_seen **ret,
                             struct fault *fault);
void import_seen_free(struct import_seen *seen); /* NULL is fine */

/* Whether it was there before. One that is over the limit, or for which there
 * is no memory, is not kept: *ret_full becomes true. */
bool import_seen_add(struct import_seen *seen, const struct uuid *id,
                     bool *ret_full);

#endif
