#ifndef FLIXTUBE_HISTORY_COPY_H
#define FLIXTUBE_HISTORY_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "result.h"

/*
 * Brings all that a store has into another, of whatever engine: its views, in
 * the order in which they came, what keeps views out (who was erased, what was
 * removed, pauses, days to keep), and what users do not want to continue. Days
 * to keep that the other has already stay. The store that is copied may
 * be in use; what is done meanwhile is copied too, as far as it is done before
 * the end. The other may have views already: those are known. So it can be
 * stopped, and done again.
 *
 * What is noted at the end is the offset of the stream that the first one was
 * sure of at the beginning: a service that starts on the other brings what came
 * since from the stream, by itself.
 *
 * Not copied: which view came by which import.
 */
struct copy_progress {
    int64_t read;
    int64_t added;
    int64_t known;
    int64_t refused; /* of erased users, removed, too old */
    int64_t reach;   /* the first store's last place, as far as it is known */
    int64_t at;      /* and where the copy is */
    int64_t elapsed_ms;
};

struct copy_options {
    const char *from;
    const char *to;
    /* Called after each batch; true: stop here. */
    bool (*progress)(void *context, const struct copy_progress *progress);
    void *context;
};

/* *done is set on any end. Errors: RESULT_NOT_FOUND (no such store),
 * RESULT_MALFORMED (from and to are one), RESULT_STOPPED, and the stores'. */
enum result copy_store(const struct copy_options *options,
                       struct copy_progress *done, struct fault *fault);

#endif
