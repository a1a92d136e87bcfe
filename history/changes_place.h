#ifndef FLIXTUBE_HISTORY_CHANGES_PLACE_H
#define FLIXTUBE_HISTORY_CHANGES_PLACE_H

#include "store_changes.h"

/*
 * Where a page of changes begins and ends (store_changes.h), whichever engine
 * has them. Pure but for what the engine reads.
 */
struct changes_arrival {
    int64_t place;
    int64_t received_ms;
};

/* What an engine reads for it, in the moment that the page is of. */
struct changes_reader {
    /* The first view from the place on that was not restored: those have the
     * time at which they came first. *ret_found: whether there is one. */
    enum result (*arrival)(void *context, int64_t from,
                           struct changes_arrival *ret, bool *ret_found);
    /* The changes_check() of what has the place, 0: nothing has it. */
    enum result (*check)(void *context, int64_t place, uint64_t *ret);
    void *context;
    int64_t end;   /* the last place that may be told */
    int64_t reach; /* the last one that was given out */
};

/* Of the id that has a place: never 0 but by chance, where nothing is checked.
 */
uint64_t changes_check(const struct uuid *id);

/* *ret: the changes beyond this place are asked for. Errors: the reader's, and
 * RESULT_NOT_FOUND: the query's place is not of this history. */
enum result changes_begin(const struct changes_reader *reader,
                          const struct store_changes_query *query, int64_t *ret,
                          struct fault *fault);

/* How far one call looks that begins there. */
int64_t changes_look_to(const struct changes_reader *reader, int64_t after);

/* Sets the page's `more`, and its `last` to where it was looked to, where that
 * is beyond: `given` is how many were found, the last of them at page->last. */
void changes_end(const struct changes_reader *reader,
                 const struct store_changes_query *query, int64_t after,
                 uint32_t given, struct store_changes_page *page);

#endif
