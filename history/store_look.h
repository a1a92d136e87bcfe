#ifndef FLIXTUBE_HISTORY_STORE_LOOK_H
#define FLIXTUBE_HISTORY_STORE_LOOK_H

#include <stdbool.h>

#include "erased_set.h"
#include "removed_set.h"
#include "store.h"

/*
 * A look at a store that another process may be writing to: each call sees
 * what is committed when it is made. Read-only. One thread.
 */
struct store_look;

/* Errors: RESULT_NOT_FOUND (no such file), RESULT_UNAVAILABLE,
 * RESULT_UNUSABLE. On success the caller owns *ret. */
enum result store_look_open(const char *path, struct store_look **ret,
                            struct fault *fault);
void store_look_close(struct store_look *look); /* NULL is fine */

enum result store_look_has(struct store_look *look, const struct uuid *id,
                           bool *ret, struct fault *fault);
/* Whether a view of that id was removed. */
enum result store_look_removed(struct store_look *look, const struct uuid *id,
                               bool *ret, struct fault *fault);
enum result store_look_contained(struct store_look *look,
                                 struct store_contained *ret,
                                 struct fault *fault);

/* Adds the store's tombstones. */
enum result store_look_erased(struct store_look *look, struct erased_set *set,
                              struct fault *fault);

/* Adds what was removed from it. */
enum result store_look_removals(struct store_look *look,
                                struct removed_set *set, struct fault *fault);

/* Whether the store would not take the view, received now, for its age. */
enum result store_look_expired(struct store_look *look,
                               const struct viewed *viewed, bool *ret,
                               struct fault *fault);

/* Whether the file is there and its lock cannot be had, since a service has it
 * open. */
bool store_is_open(const char *path);

#endif
