#ifndef FLIXTUBE_HISTORY_VIEWED_BATCH_H
#define FLIXTUBE_HISTORY_VIEWED_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "ingest.h"

/*
 * Many views of one request: a JSON array, or NDJSON, one view a line. Each
 * view stands for itself: one that is refused keeps no other from being
 * stored, and the answer tells each by its index. Sent again, a view with an
 * id is known.
 */
enum {
    VIEWED_BATCH_VIEWS_MAX = 500,
    VIEWED_BATCH_BYTES_MAX = 256 << 10,
};

/*
 * The next element of an array that json_check() has passed, or the next line
 * that is not empty. *at begins at 0. False at the end. Pure.
 */
bool viewed_batch_element(const char *array, size_t bytes, size_t *at,
                          const char **ret, size_t *ret_bytes);
bool viewed_batch_line(const char *text, size_t bytes, size_t *at,
                       const char **ret, size_t *ret_bytes);

/* A request, as it came. */
struct viewed_batch_input {
    const char *body;
    size_t bytes;
    bool lines;              /* NDJSON */
    const char *traceparent; /* of views that say none; NULL: none */
};

/*
 * Stores what can be stored, waits for the commit, and writes
 * {"stored":…,"known":…,"refused":…,"views":[…]}. Errors: RESULT_MALFORMED (no
 * JSON array, none or too many views: nothing is stored), RESULT_UNAVAILABLE
 * (none could be stored now).
 */
enum result viewed_batch_store(struct ingest *ingest,
                               const struct viewed_batch_input *input,
                               struct buffer *answer, struct fault *fault);

#endif
