#ifndef FLIXTUBE_HISTORY_REPLAY_H
#define FLIXTUBE_HISTORY_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp_link.h"
#include "erased_set.h"
#include "removed_set.h"
#include "result.h"

/*
 * Brings the views of the stream viewed.log into a store. What the store has
 * stays as it is, so a replay can be repeated, stopped, and overlap.
 *
 * A store that no service has open is written to, in batches, each with the
 * offset that it reached in the same transaction, where the replay leaves no
 * gap behind what the store contained before.
 *
 * A store that a service has open has one writer, the service. There each view
 * is looked up, and what is missing is published to the queue history.viewed,
 * and to no other, with confirms: the service stores it as any view.
 *
 * It ends at what was the end of the stream when it began.
 */
struct replay_progress {
    int64_t first; /* offset, -1 before any */
    int64_t last;
    int64_t end;
    int64_t read;    /* messages */
    int64_t added;   /* new to the store, or published to be */
    int64_t known;   /* its id was there */
    int64_t refused; /* cannot be a view */
    int64_t erased;  /* of an erased user, or removed */
    int64_t without_id;
    int64_t elapsed_ms;
    bool by_queue; /* a service has the store open */
    bool noted;    /* the store contains the stream up to `last` */
};

struct replay_options {
    const struct amqp_options *amqp;
    const char *path;
    const char *from; /* first, checkpoint, an offset, an RFC 3339 time */
    const char *to;   /* NULL, an offset (inclusive), a time (exclusive) */
    /* Tombstones of another store, for a file that may not have them; NULL:
     * none. */
    bool keep_all; /* drops what the file says of how long to keep */
    const struct erased_set *erased;
    const struct removed_set *removed; /* likewise */
    bool dry_run; /* looks, writes nothing; the file may be missing */
    /* Called now and then, between messages. True ends it: RESULT_STOPPED. */
    bool (*progress)(void *context, const struct replay_progress *progress);
    void *context;
};

/*
 * *ret tells how far it came, after an error too: go on from ret->last.
 * Errors: RESULT_MALFORMED (from or to cannot be read; the checkpoint is of
 * another stream), RESULT_UNAVAILABLE, RESULT_UNUSABLE, RESULT_STOPPED.
 */
enum result replay(const struct replay_options *options,
                   struct replay_progress *ret, struct fault *fault);

#endif
