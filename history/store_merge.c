#include <assert.h>

#include "clock.h"
#include "store_parts.h"

/*
 * Moves entries from the tail to `listed`: the tail is frozen into one sorted
 * run, which is inserted slice by slice, a transaction each; the last one
 * moves the mark. After a crash in between the run is built again from the
 * log, and what is there already is passed over.
 */
enum {
    /* Views of a merge. The index on disk is touched at random, about a page
     * for each entry until the run is as long as the index has pages: the
     * longer the run, the fewer. More would cost memory (100 bytes a view) and
     * start-up time (a second for a million). */
    MERGE_RUN_VIEWS = 50000,
    MERGE_QUIET_VIEWS = 2000, /* less is found in memory in no time */
    /* A load that never lets store_tidy() run: from here on store_write()
     * merges two entries for each that it adds, so the tail stays below one
     * and a half times this, 15 MB. It gets slower, it refuses nothing. */
    MERGE_OWED_VIEWS = 100000,
    SLICE_ENTRIES = 4000, /* of a tidy, and */
    SLICE_MS = 15,        /* what its inserts may take, whichever is first */
    CLOCK_EVERY = 128,    /* entries between two looks at the clock */
};

int64_t store_tail_views(const struct store *store)
{
    int64_t mark = atomic_load_explicit(&store->mark, memory_order_relaxed);
    return store->last_seq > mark ? store->last_seq - mark : 0;
}

static enum result insert_entry(struct store *store,
                                const struct tail_entry *entry,
                                struct fault *fault)
{
    sqlite3_stmt *insert = store->insert_listed;
    sqlite3_bind_int64(insert, 1, entry->list);
    sqlite3_bind_int64(insert, 2, entry->place.viewed_at_ms);
    sqlite3_bind_int64(insert, 3, entry->place.seq);
    return store_step(store, insert, "cannot index", fault);
}

/* Inserts from store->merged on; *ret_end is where it stopped. */
static enum result insert_entries(struct store *store,
                                  const struct tail_run *run, size_t most,
                                  int64_t stop_ms, size_t *ret_end,
                                  struct fault *fault)
{
    size_t end =
        run->count - store->merged > most ? store->merged + most : run->count;
    size_t i = store->merged;
    for (; i < end; i++) {
        if ((i - store->merged) % CLOCK_EVERY == CLOCK_EVERY - 1 &&
            clock_monotonic_ms() >= stop_ms)
            break;
        enum result result = insert_entry(store, &run->entries[i], fault);
        if (result != RESULT_OK)
            return result;
    }
    *ret_end = i;
    return RESULT_OK;
}

static enum result move_mark(struct store *store, int64_t mark,
                             struct fault *fault)
{
    if (!tail_stage_drop_frozen(store->tail))
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    sqlite3_bind_int64(store->move_mark, 1, mark);
    return store_step(store, store->move_mark, "cannot move the mark", fault);
}

static enum result merge_slice(struct store *store, size_t most,
                               int64_t stop_ms, struct fault *fault)
{
    const struct tail_run *run = tail_frozen(store->tail);
    int64_t mark = run->last_seq;
    size_t end = 0;
    enum result result = store_begin(store, fault);
    if (result == RESULT_OK)
        result = insert_entries(store, run, most, stop_ms, &end, fault);
    bool last = result == RESULT_OK && end == run->count;
    if (last)
        result = move_mark(store, mark, fault);
    if (result == RESULT_OK)
        result = store_commit(store, fault);
    if (result != RESULT_OK) {
        store_rollback(store);
        tail_unstage(store->tail);
        return result;
    }
    store->merged = last ? 0 : end;
    if (last) {
        atomic_store_explicit(&store->mark, mark, memory_order_relaxed);
        tail_publish(store->tail); /* `run` may be gone now */
    }
    return RESULT_OK;
}

static enum result freeze(struct store *store, struct fault *fault)
{
    if (!tail_stage_freeze(store->tail))
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    tail_publish(store->tail);
    store->merged = 0;
    return RESULT_OK;
}

static bool merge_is_due(const struct store *store, int64_t from_views)
{
    return tail_frozen(store->tail) != NULL ||
           store_tail_views(store) >= from_views;
}

static enum result merge(struct store *store, size_t most, int64_t stop_ms,
                         struct fault *fault)
{
    enum result result = RESULT_OK;
    if (tail_frozen(store->tail) == NULL)
        result = freeze(store, fault);
    return result == RESULT_OK ? merge_slice(store, most, stop_ms, fault)
                               : result;
}

enum result store_merge_owed(struct store *store, size_t count,
                             struct fault *fault)
{
    if (store_tail_views(store) < MERGE_OWED_VIEWS)
        return RESULT_OK;
    return merge(store, count * TAIL_LISTS_MAX * 2, INT64_MAX, fault);
}

enum result store_tidy(struct store *store, bool quiet, bool *ret_more,
                       struct fault *fault)
{
    int64_t from_views = quiet ? MERGE_QUIET_VIEWS : MERGE_RUN_VIEWS;
    enum result result = RESULT_OK;
    if (store_checkpoint_due(store))
        result = store_checkpoint(store, fault);
    else if (merge_is_due(store, from_views))
        result =
            merge(store, SLICE_ENTRIES, clock_monotonic_ms() + SLICE_MS, fault);
    *ret_more = result == RESULT_OK && (store_checkpoint_due(store) ||
                                        merge_is_due(store, from_views));
    return result;
}
