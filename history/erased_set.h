#ifndef FLIXTUBE_HISTORY_ERASED_SET_H
#define FLIXTUBE_HISTORY_ERASED_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"
#include "viewed_message.h"

/*
 * Tombstones: which users were erased, and until when their views are refused.
 * A user is known by a hash alone (128 bits, under keys that never change), so
 * that the note about an erased user does not name him; who has the id can
 * still find it there.
 */
struct erased_user {
    uint8_t hash[16];
};

struct erased_entry {
    struct erased_user user;
    int64_t until_ms; /* inclusive */
};

/* Sorted by user. Zero it before, erased_set_done() after. */
struct erased_set {
    struct erased_entry *entries;
    size_t count;
    size_t capacity;
};

struct erased_user erased_user_of(const char *user_id, size_t bytes);

void erased_set_done(struct erased_set *set);

/* Where the user is there already the later time stays. False without memory,
 * and nothing has changed. */
bool erased_set_add(struct erased_set *set, const struct erased_entry *entry);

/* So that the next erased_set_add() cannot fail. False without memory. */
bool erased_set_reserve(struct erased_set *set);

/* NULL where the user is not in it. */
const struct erased_entry *erased_set_find(const struct erased_set *set,
                                           const struct erased_user *user);

/*
 * Whether the view is one of an erased user, from before. A view that does not
 * tell its time cannot show that it is from later: it is one.
 */
bool erased_set_has(const struct erased_set *set, const struct viewed *viewed);

/* Adds what the file has; one that is not there has nothing. A line each: 32
 * hexadecimal digits, a space, milliseconds. Errors: RESULT_UNUSABLE,
 * RESULT_UNAVAILABLE. */
enum result erased_set_read(struct erased_set *set, const char *path,
                            struct fault *fault);

/* Makes the file this set, as a whole, on disk. Errors: RESULT_UNAVAILABLE. */
enum result erased_set_write(const struct erased_set *set, const char *path,
                             struct fault *fault);

#endif
