#ifndef FLIXTUBE_HISTORY_STORE_VERIFY_H
#define FLIXTUBE_HISTORY_STORE_VERIFY_H

#include <stdint.h>

#include "result.h"
#include "store_digest.h"

/* What a look at a whole store found. */
struct store_report {
    char problem[FAULT_TEXT_BYTES]; /* the first one; "" when it is good */
    int64_t version;
    int64_t views;
    int64_t views_without_id;
    int64_t mark;            /* views up to this seq have their entries */
    int64_t entries;         /* of those, in the index on disk */
    int64_t contained;       /* offset of the stream; -1: not known */
    int64_t first_viewed_ms; /* these are 0 where there are no views */
    int64_t last_viewed_ms;
    int64_t last_received_ms;
    struct store_digest digest;
};

/*
 * Reads the store through, at one moment of it: the engine's own check of its
 * files, whose they are and of which version, whether the count that is kept is
 * the count of the rows, whether each view has its entries in the index or
 * lies beyond the mark; and the digest. The file may be in use by a service,
 * whose WAL then grows meanwhile. Memory is bounded; the time grows with the
 * file's size. Of a file that nobody has open nothing stays behind.
 * A file that is damaged, or no store at all, is no error but a problem in the
 * report, and the numbers are those found so far.
 * Errors: RESULT_NOT_FOUND (no such file), RESULT_UNAVAILABLE.
 */
enum result store_verify(const char *path, struct store_report *ret,
                         struct fault *fault);

#endif
