#ifndef FLIXTUBE_HISTORY_STORE_REMOVED_H
#define FLIXTUBE_HISTORY_STORE_REMOVED_H

#include "removed_set.h"
#include "store.h"

/*
 * Removes one view, and keeps it from coming back: from then on store_write()
 * refuses (STORE_REMOVED) whatever has its id. For STORE_UNDO_MS what it said
 * is kept beside the history, and it can be restored; then that is overwritten
 * (by store_tidy(), soon after), and what stays is the id, when it was removed,
 * and a hash of its user, until the user is erased. A view whose id was made
 * on arrival has another one when it arrives again.
 */
enum {
    STORE_UNDO_MS = 10 * 60 * 1000,
};

/* Row, entries and count are gone when it returns. *ret is what it was, for
 * the files. The writer's thread. Errors: RESULT_NOT_FOUND (no such view),
 * RESULT_UNAVAILABLE, RESULT_UNUSABLE: nothing has changed then. */
enum result store_remove(struct store *store, const struct uuid *id,
                         int64_t now_ms, struct removed_view *ret,
                         struct fault *fault);

/* The row as it was, but in the order of arrival, where it is the last now.
 * The writer's thread. Errors: RESULT_NOT_FOUND (it was not removed, or too
 * long ago), and as above. */
enum result store_restore_removed(struct store *store, const struct uuid *id,
                                  int64_t now_ms, struct fault *fault);

/* Whether that would find it. The writer's thread. Errors: likewise. */
enum result store_restorable(struct store *store, const struct uuid *id,
                             int64_t now_ms, struct fault *fault);

/* What may be restored, as it was. Any thread. Errors: likewise. */
enum result
store_find_removed(struct store *store, const struct uuid *id, int64_t now_ms,
                   void (*row)(void *context, const struct store_row *row),
                   void *context, struct fault *fault);

/* How many are remembered. The writer's thread. */
int64_t store_removed_count(const struct store *store);

/* Adds them all. The writer's thread. Errors: RESULT_UNAVAILABLE,
 * RESULT_UNUSABLE. */
enum result store_removed_all(struct store *store, struct removed_set *set,
                              struct fault *fault);

/*
 * Takes over what was removed from another store, and removes it, for good;
 * but what a user removed who was erased since. Before the store is served.
 * *ret_views: how many were there. Errors: likewise.
 */
enum result store_removed_import(struct store *store,
                                 const struct removed_set *set,
                                 int64_t *ret_views, struct fault *fault);

#endif
