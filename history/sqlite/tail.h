#ifndef FLIXTUBE_HISTORY_TAIL_H
#define FLIXTUBE_HISTORY_TAIL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

/*
 * The index in memory of the views that `listed` does not have yet.
 *
 * It is a row of runs, each sorted by (list, viewed_at_ms, seq). A batch
 * becomes a run; a run that is less than twice as long as what follows it is
 * merged with it, so that lengths at least halve from one to the next: there
 * are few runs, and an entry is copied about log2(tail) times in its life.
 * The first run may be frozen: it is being written to `listed`, and stays
 * apart until it is dropped.
 *
 * Runs never change once made, and a snapshot is a list of them. The writer
 * makes the next snapshot beside the present one and swaps the two; a reader
 * keeps the one that it took for as long as it likes. Neither waits for the
 * other. A run lives until the last snapshot that has it is released.
 */
struct tail_entry {
    int64_t list;
    struct store_place place;
};

enum {
    /* Lengths halve, so this is enough for 2^32 entries and a frozen run. */
    TAIL_RUNS_MAX = 34,
    TAIL_LISTS_MAX = 4, /* lists that one view is in */
};

struct tail_run {
    atomic_size_t references;
    int64_t last_seq; /* the greatest */
    size_t count;
    struct tail_entry entries[];
};

struct tail_snapshot {
    atomic_size_t references;
    int64_t last_seq; /* of all views when it was made, merged or not */
    size_t frozen;    /* 1 when runs[0] is frozen, else 0 */
    size_t count;
    struct tail_run *runs[TAIL_RUNS_MAX];
};

struct tail;

/* Empty, with all views up to last_seq merged. False without memory. On
 * success the caller owns *ret and ends it with tail_free(). */
bool tail_make(int64_t last_seq, struct tail **ret);

/* Snapshots that are still held stay usable. NULL is fine. */
void tail_free(struct tail *tail);

/*
 * The writer's side, one thread. Each tail_stage_…() makes a next snapshot
 * that nobody sees, or returns false without memory and changes nothing.
 * Then tail_publish(), which cannot fail, or tail_unstage(). At most one is
 * staged at a time.
 */

/* Sorts entries[0..count) in place and adds them; views up to last_seq. */
bool tail_stage_add(struct tail *tail, struct tail_entry *entries, size_t count,
                    int64_t last_seq);

/* All runs become one frozen run. None may be frozen; there must be one. */
bool tail_stage_freeze(struct tail *tail);

/* Without the frozen run, which must be there. */
bool tail_stage_drop_frozen(struct tail *tail);

/* Without these entries, which are sorted in place, in whichever runs they are
 * or not; a frozen run may become empty. *frozen_at, a place in the frozen run,
 * becomes the same place in the new one. */
bool tail_stage_remove(struct tail *tail, struct tail_entry *entries,
                       size_t count, int64_t last_seq, size_t *frozen_at);

void tail_publish(struct tail *tail);
void tail_unstage(struct tail *tail); /* nothing staged is fine */

bool tail_is_empty(const struct tail *tail); /* it has no runs */

/* NULL when none is frozen. Valid until the drop is published. */
const struct tail_run *tail_frozen(const struct tail *tail);

/* Any thread. The caller gives it back by tail_release(). */
const struct tail_snapshot *tail_take(struct tail *tail);
void tail_release(const struct tail_snapshot *snapshot);

static inline int store_place_compare(struct store_place a,
                                      struct store_place b)
{
    if (a.viewed_at_ms != b.viewed_at_ms)
        return a.viewed_at_ms < b.viewed_at_ms ? -1 : 1;
    return a.seq == b.seq ? 0 : a.seq < b.seq ? -1 : 1;
}

static inline int tail_entry_compare(const struct tail_entry *a,
                                     const struct tail_entry *b)
{
    if (a->list != b->list)
        return a->list < b->list ? -1 : 1;
    return store_place_compare(a->place, b->place);
}

#endif
