#ifndef FLIXTUBE_HISTORY_STORE_LOOK_H
#define FLIXTUBE_HISTORY_STORE_LOOK_H

#include <stdbool.h>

#include "erased_set.h"
#include "removed_set.h"
#include "store.h"
#include "store_dismissed.h"

/*
 * A look at a store that another process may be writing to: each call sees
 * what is committed when it is made, or, after store_look_hold(), what was
 * committed then. Read-only. One thread.
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

/* The days that views of the user are kept, his own or everybody's; 0: for
 * ever. */
enum result store_look_keep_days(struct store_look *look, const char *user_id,
                                 uint32_t *ret, struct fault *fault);

/* Each rule about days to keep, everybody's ("") first, until `each` says that
 * it is enough (false). The texts are valid in the call. */
enum result store_look_keep_rules(struct store_look *look,
                                  bool (*each)(void *context,
                                               const char *user_id,
                                               uint32_t days),
                                  void *context, struct fault *fault);

/* What is dismissed, of all users, likewise; those of a user one after the
 * other. */
enum result store_look_dismissed(
    struct store_look *look,
    bool (*each)(void *context, const struct store_dismissal *dismissal),
    void *context, struct fault *fault);

/* Whether a view of that id was taken back with its import. */
enum result store_look_taken_back(struct store_look *look,
                                  const struct uuid *id, bool *ret,
                                  struct fault *fault);

/* All that follows is of one moment. At most once. */
enum result store_look_hold(struct store_look *look, struct fault *fault);

/*
 * The next row in the order of users ("" first, then by their bytes), and of
 * a user by id, by its bytes. After store_look_hold(). Memory is bounded. Its
 * texts are the look's until the next call of this. RESULT_NOT_FOUND: there
 * are no more.
 */
enum result store_look_next(struct store_look *look, struct store_row *ret,
                            struct fault *fault);

/* The same for the view of that id; RESULT_NOT_FOUND. */
enum result store_look_find(struct store_look *look, const struct uuid *id,
                            struct store_row *ret, struct fault *fault);

/* Whether the file is there and its lock cannot be had, since a service has it
 * open. */
bool store_is_open(const char *path);

#endif
