#ifndef FLIXTUBE_HISTORY_ERASED_SET_H
#define FLIXTUBE_HISTORY_ERASED_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"

/*
 * Whose views of which times are refused: tombstones, of users who were erased,
 * and pauses, in which a user did not want to be recorded. A user is known by a
 * hash alone (128 bits, under keys that never change), so that the note about
 * an erased user does not name him; who has the id can still find it there.
 */
struct erased_user {
    uint8_t hash[16];
};

#define ERASED_FROM_EVER INT64_MIN /* a tombstone; else it is a pause */
#define ERASED_OPEN      INT64_MAX /* a pause that has not ended */

struct erased_entry {
    struct erased_user user;
    int64_t from_ms;  /* both are inclusive */
    int64_t until_ms; /* of the time when a view says it was */
};

enum erased_why { ERASED_NOT, ERASED_USER, ERASED_PAUSE };

/* Sorted by user, then by from_ms, which are an entry's name. Zero it before,
 * erased_set_done() after. */
struct erased_set {
    struct erased_entry *entries;
    size_t count;
    size_t capacity;
};

struct erased_user erased_user_of(const char *user_id, size_t bytes);

void erased_set_done(struct erased_set *set);

/* Where the entry is there already the later time of two tombstones stays, and
 * the earlier end of two pauses: a pause can only be ended. False without
 * memory, and nothing has changed. */
bool erased_set_add(struct erased_set *set, const struct erased_entry *entry);

/* Whether erased_set_add() would change nothing. */
bool erased_set_covers(const struct erased_set *set,
                       const struct erased_entry *entry);

bool erased_is_pause(const struct erased_entry *entry); /* or a tombstone */

/* So that the next erased_set_add() cannot fail. False without memory. */
bool erased_set_reserve(struct erased_set *set);

/* The user's tombstone, or the pause that began then; NULL: there is none. */
const struct erased_entry *erased_set_find(const struct erased_set *set,
                                           const struct erased_user *user,
                                           int64_t from_ms);

/* What of a view is asked; a tombstone takes in any view that does not tell
 * its time, as it cannot show that it is from later. */
struct erased_question {
    const char *user_id;
    size_t user_id_bytes;
    bool time_given;
    int64_t viewed_at_ms; /* where it is not given, the time of arrival */
};

enum erased_why erased_set_why(const struct erased_set *set,
                               const struct erased_question *question);

/* How many pauses of the user there are; *ret_open: the one
 * that has not ended, or NULL. */
size_t erased_set_pauses(const struct erased_set *set,
                         const struct erased_user *user,
                         const struct erased_entry **ret_open);

bool erased_set_is_same(const struct erased_set *a, const struct erased_set *b);

/* Adds what the file has; one that is not there has nothing. A line each: 32
 * hexadecimal digits, a space, the milliseconds until when; of a pause those
 * from when before them, and another space. Errors: RESULT_UNUSABLE,
 * RESULT_UNAVAILABLE. */
enum result erased_set_read(struct erased_set *set, const char *path,
                            struct fault *fault);

/* Makes the file this set, as a whole, on disk. Errors: RESULT_UNAVAILABLE. */
enum result erased_set_write(const struct erased_set *set, const char *path,
                             struct fault *fault);

#endif
