#ifndef FLIXTUBE_HISTORY_STORE_ERASE_H
#define FLIXTUBE_HISTORY_STORE_ERASE_H

#include "erased_set.h"
#include "store.h"

/*
 * Removes all views of a user, and keeps them from coming back: from then on
 * store_write() refuses (STORE_ERASED) each view of the user from before.
 *
 * It is done in steps, each short and a transaction of its own, so that views
 * are stored in between. Which of them there are is the engine's; all are
 * needed where the store is a file with an index in memory and a WAL:
 *   1. the index in memory is merged, so that all entries are on disk;
 *   2. the tombstone is written: from here on nothing comes back, whatever
 *      happens to the rest. It reaches to now, or to the user's latest view
 *      where some clock was ahead;
 *   3. rows and entries are deleted, a few at a time, their pages overwritten;
 *   4. videos that nobody else has viewed are forgotten;
 *   5. the WAL, which has the pages as they were, is written back and cut.
 * What a crash leaves undone after 2 is done by store_erase_resume(), and where
 * several services share the store also by the leading one's store_tidy().
 */
enum store_erase_phase {
    STORE_ERASE_MERGE,
    STORE_ERASE_NOTE,
    STORE_ERASE_DELETE,
    STORE_ERASE_VIDEOS,
    STORE_ERASE_OVERWRITE,
};

/* Zero it, and set the user and the time; it is the store's in between. */
struct store_erasure {
    char user_id[VIEWED_USER_BYTES_MAX + 1];
    int64_t until_ms; /* in: at least; out: the tombstone's */
    int64_t views;    /* out: removed */
    bool overwritten; /* out; false: a reader held it, or it is a server's */
    enum store_erase_phase phase;
    struct store_place after;
    char after_video[VIEWED_VIDEO_BYTES_MAX + 1];
    unsigned tries;
};

/* One step. The writer's thread. Errors: RESULT_UNAVAILABLE, RESULT_UNUSABLE;
 * the step may be tried again. */
enum result store_erase_step(struct store *store, struct store_erasure *erasure,
                             bool *ret_more, struct fault *fault);

/* All steps of one erasure. Only where nobody waits for the writer. */
enum result store_erase(struct store *store, struct store_erasure *erasure,
                        struct fault *fault);

/* Ends what a crash left undone. Before the store is served. */
enum result store_erase_resume(struct store *store, struct fault *fault);

/*
 * Takes over the tombstones and the pauses of another store, and removes the
 * views that the tombstones are about; reads all rows where there is a new one.
 * Before the store is served. *ret_views: how many were removed.
 */
enum result store_erase_import(struct store *store,
                               const struct erased_set *set, int64_t *ret_views,
                               struct fault *fault);

/* The store's tombstones and pauses. The writer's thread; the store's, until it
 * changes.
 */
const struct erased_set *store_erased(const struct store *store);

#endif
