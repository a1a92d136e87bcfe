#ifndef FLIXTUBE_HISTORY_STORE_EXPIRE_H
#define FLIXTUBE_HISTORY_STORE_EXPIRE_H

#include "store.h"

/*
 * For how many days views are kept: everybody's, and a user's who wants it
 * shorter. Older ones are deleted by store_tidy(), a few at a time, at the
 * latest some minutes after their time when the store is quiet, and
 * store_write() refuses them (STORE_EXPIRED), so that no replay brings them
 * back. What the days are is part of the file and of its backups.
 */
enum {
    STORE_KEEP_DAYS_MAX = 36500,
    STORE_KEEP_USERS_MAX = 100000, /* who have days of their own: 3 MB */
};

/*
 * `user_id` "": everybody's. 0 days: no such limit. It is in force at once, and
 * deleting begins. The writer's thread. Errors: RESULT_LIMIT
 * (STORE_KEEP_USERS_MAX), RESULT_MALFORMED (days), RESULT_UNAVAILABLE,
 * RESULT_UNUSABLE.
 */
enum result store_set_keep_days(struct store *store, const char *user_id,
                                uint32_t days, struct fault *fault);

/* 0: none. The writer's thread. */
uint32_t store_keep_days(const struct store *store, const char *user_id);

/* Drops every limit: for a store that is to be compared with another. The
 * writer's thread. Errors: RESULT_UNAVAILABLE, RESULT_UNUSABLE. */
enum result store_keep_all(struct store *store, struct fault *fault);

#endif
