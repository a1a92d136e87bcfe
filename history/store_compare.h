#ifndef FLIXTUBE_HISTORY_STORE_COMPARE_H
#define FLIXTUBE_HISTORY_STORE_COMPARE_H

#include <stdbool.h>

#include "store_digest.h"

/*
 * Compares a store with one that was rebuilt, by whatever engine: row by row,
 * in the order of users and ids, by the digest of each, to say what is wrong.
 * Views without an id cannot be told apart, and are stored at least once: they
 * are counted and not compared.
 */
enum {
    STORE_COMPARE_NAMED = 100, /* users that are named; all are counted */
};

struct store_difference {
    char user_id[VIEWED_USER_BYTES_MAX + 1]; /* "": views without a user */
    int64_t lost;    /* views that only the live store has */
    int64_t missing; /* that only the rebuilt one has */
    int64_t altered; /* of the same id, that say something else */
};

struct store_comparison {
    struct store_digest live; /* views with an id, without `since` */
    struct store_digest rebuilt;
    int64_t live_without_id;
    int64_t rebuilt_without_id;
    int64_t users;
    int64_t since; /* views that the live store got after since_ms */
    int64_t lost;  /* in all; so below */
    int64_t missing;
    int64_t altered;
    int64_t oldest_lost_ms; /* received; 0: nothing is lost */
    int64_t users_differing;
    size_t named;
    struct store_difference differences[STORE_COMPARE_NAMED];
};

/*
 * The live store may be in use; one moment of it is read. What it received at
 * since_ms or later may be missing from the rebuilt one, and views that are
 * older than it keeps them, or were not to be recorded, are nobody's loss. Some
 * 6 s for a million views. Memory is bounded. Errors: RESULT_NOT_FOUND (no such
 * store), RESULT_UNAVAILABLE, RESULT_UNUSABLE.
 */
enum result store_compare(const char *live, const char *rebuilt,
                          int64_t since_ms, struct store_comparison *ret,
                          struct fault *fault);

/* Whether every view that should be in both is in both and says the same. */
bool store_comparison_is_equal(const struct store_comparison *comparison);

#endif
