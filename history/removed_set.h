#ifndef FLIXTUBE_HISTORY_REMOVED_SET_H
#define FLIXTUBE_HISTORY_REMOVED_SET_H

#include "erased_set.h"
#include "uuid.h"

/*
 * Which views were removed one by one, as the files beside the store have it:
 * by id, with a hash of the user, so that an erasure takes them along. What
 * was seen is not in it.
 */
struct removed_view {
    struct uuid id;
    bool user_given;
    struct erased_user user;
    int64_t removed_ms;
    int64_t ahead_ms; /* when it was viewed, if after removed_ms; else 0 */
};

/* In no order, each id once after removed_set_read(). Zero it before,
 * removed_set_done() after. */
struct removed_set {
    struct removed_view *views;
    size_t count;
    size_t capacity;
};

void removed_set_done(struct removed_set *set);

/* Does not look whether it is there. False without memory. */
bool removed_set_add(struct removed_set *set, const struct removed_view *view);

/* Each id once, in their order. */
void removed_set_sort(struct removed_set *set);

/* After removed_set_sort(). */
bool removed_set_has(const struct removed_set *set, const struct uuid *id);

/*
 * Adds what the file has; one that is not there has nothing. A line a removal
 * ("+ id user removed_ms ahead_ms"), or that it was undone ("- id"), in the
 * order in which they came; a last line without its end was not written whole,
 * and is none. *ret_tidy becomes false where the file should be written anew.
 * Errors: RESULT_UNUSABLE, RESULT_UNAVAILABLE.
 */
enum result removed_set_read(struct removed_set *set, const char *path,
                             bool *ret_tidy, struct fault *fault);

/* Makes the file this set, as a whole, on disk. Errors: RESULT_UNAVAILABLE. */
enum result removed_set_write(const struct removed_set *set, const char *path,
                              struct fault *fault);

/* Adds one line, on disk, whole or not at all. Errors: RESULT_UNAVAILABLE. */
enum result removed_set_append(const char *path,
                               const struct removed_view *view, bool undone,
                               struct fault *fault);

#endif
