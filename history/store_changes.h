#ifndef FLIXTUBE_HISTORY_STORE_CHANGES_H
#define FLIXTUBE_HISTORY_STORE_CHANGES_H

#include "store.h"

/*
 * What has changed, in the order in which it did: views that came, or were
 * restored, and views that were removed one by one (store_removed.h) or taken
 * back with their import (store_import.h). A change has a place; one order
 * holds for all. A view that was removed is told only as that; one that was
 * restored only as a view, at the later place; one that was taken back and came
 * again as both, in that order. What was erased with its user is not told,
 * neither as a view nor as removed before.
 */
enum {
    STORE_CHANGES_LOOKED_MAX = 50000, /* places a call looks at: some 40 ms */
};

struct store_changes_query {
    const char *user_id; /* NULL: all */
    /* NULL: all. Of removals all: what was seen is not kept. */
    const char *video_id;
    /* Received, or removed, at this time or later; restored: all. */
    int64_t since_ms;
    bool after_given;
    int64_t after; /* changes beyond this place, exclusive */
    /* Made of the id that had the place, 0: none. Tells another history
     * (after a restore) from this one, where that id is still there. */
    uint64_t after_check;
    uint32_t limit; /* 1 to STORE_PAGE_ROWS_MAX */
};

struct store_removal {
    struct uuid id;
    int64_t removed_ms;
};

struct store_changes_page {
    bool more;    /* there are changes beyond `last`, or may be */
    int64_t last; /* where the page ends */
    uint64_t last_check;
};

struct store_changes_taker {
    void (*view)(void *context, const struct store_row *row);
    void (*removal)(void *context, const struct store_removal *removal);
    void *context;
};

/* One moment of the store. Any thread; waits for a reader as store_query().
 * Errors: its, and RESULT_NOT_FOUND: the place is not of this history. */
enum result store_changes(struct store *store,
                          const struct store_changes_query *query,
                          const struct store_changes_taker *taker,
                          struct store_changes_page *ret, struct fault *fault);

#endif
