#ifndef FLIXTUBE_HISTORY_DRILL_H
#define FLIXTUBE_HISTORY_DRILL_H

#include <limits.h>
#include <stdint.h>

#include "amqp_link.h"
#include "replay.h"
#include "store_compare.h"

/*
 * Rebuilds the store from the newest backup and the stream, as after a loss,
 * in a folder of its own, and compares it with the one in use. Nothing of the
 * service is touched.
 */
struct drill_options {
    const struct amqp_options *amqp;
    const char *store;
    const struct erased_set *erased; /* as replay_options', so is the next */
    const struct removed_set *removed;
    const char *backup;  /* NULL: none, the stream alone from its first */
    const char *scratch; /* a folder, with room for a second store */
    /* How long a service may take to store what it has in hand. The time runs
     * while its queue is empty, so that one that is behind may catch up. */
    uint32_t wait_ms;
    bool (*progress)(void *context, const struct replay_progress *progress);
    void *context;
};

struct drill_report {
    int64_t started_ms;
    int64_t restore_ms; /* to copy and verify the backup */
    int64_t replay_ms;
    int64_t read; /* messages of the stream */
    /* Recovery point: everything that was received before it comes back. */
    int64_t point_ms;
    bool passed;
    struct store_comparison comparison;
};

/* Errors: RESULT_STOPPED, RESULT_UNAVAILABLE, RESULT_UNUSABLE: there is no
 * result then. RESULT_NOT_FOUND: there is no store. */
enum result drill(const struct drill_options *options, struct drill_report *ret,
                  struct fault *fault);

#endif
