#ifndef FLIXTUBE_HISTORY_TAIL_CURSOR_H
#define FLIXTUBE_HISTORY_TAIL_CURSOR_H

#include "tail.h"

/* Between two places, both exclusive. */
struct place_range {
    struct store_place low;
    struct store_place high;
};

/*
 * Walks one list in a snapshot of the tail, which must outlive it. Opening
 * costs a binary search a run, a step a comparison a run. Allocates nothing.
 */
struct tail_cursor {
    bool oldest_first;
    size_t count; /* of runs that still have entries */
    struct tail_slice {
        const struct tail_entry *first;
        const struct tail_entry *end;
    } slices[TAIL_RUNS_MAX];
};

/* Runs whose views are all merged, up to `mark`, are passed over. */
void tail_cursor_open(struct tail_cursor *cursor,
                      const struct tail_snapshot *snapshot, int64_t mark,
                      int64_t list, const struct place_range *range,
                      bool oldest_first);

/* The next place; false at the end. */
bool tail_cursor_peek(const struct tail_cursor *cursor,
                      struct store_place *ret);

/* Passes over the places up to this one and returns how many they were. */
size_t tail_cursor_pass(struct tail_cursor *cursor, struct store_place place);

/* How many there would be up to this one. */
size_t tail_cursor_count(const struct tail_cursor *cursor,
                         struct store_place place);

/* The place of the nth entry from here, counted from 1; false when there are
 * fewer. */
bool tail_cursor_nth(const struct tail_cursor *cursor, size_t nth,
                     struct store_place *ret);

size_t tail_cursor_left(const struct tail_cursor *cursor);

#endif
