#include "clock.h"
#include "sqlite_parts.h"

/*
 * Moves entries from the tail to `listed`: the tail is frozen into one sorted
 * run, which is inserted slice by slice, and when all of it is there the mark
 * moves. After a crash in between the run is built again from the log, and
 * what is in `listed` already is passed over.
 */
enum {
    /* Views of a merge. On disk the entries of users go all over the index,
     * up to a page each, and a page is written twice (WAL, checkpoint): the
     * longer the run, the fewer pages an entry. More would cost memory (100
     * bytes a view) and time at start-up (2 us a view). */
    MERGE_RUN_VIEWS = 100000,
    MERGE_QUIET_VIEWS = 2000, /* less is found in memory in no time */
    /* A load that never lets store_tidy() run: from here on store_write()
     * merges two entries for each that it adds, so the tail stays below one
     * and a half times this, 200,000 views and 20 MB. It gets slower and
     * refuses nothing. */
    MERGE_OWED_VIEWS = 130000,
    OWED_ENTRIES = 2 * TAIL_LISTS_MAX, /* for each view that is added */
    SLICE_ENTRIES = 8000,              /* of a tidy, and */
    SLICE_MS = 15, /* what its inserts may take, whichever is first */
    /* A run this short was frozen in a quiet time, when somebody waits for
     * each view: rather more commits than a wait that can be noticed. */
    SHORT_RUN_ENTRIES = 10 * MERGE_QUIET_VIEWS * TAIL_LISTS_MAX,
    SHORT_RUN_SLICE_MS = 4,
};

int64_t sqlite_store_tail_views(const struct sqlite_store *store)
{
    int64_t mark = atomic_load_explicit(&store->mark, memory_order_relaxed);
    return store->last_seq > mark ? store->last_seq - mark : 0;
}

/* Inserts `count` entries, STORE_ENTRIES_AT_ONCE of them or one. */
static enum result insert_entries(struct sqlite_store *store,
                                  const struct tail_entry *entries,
                                  size_t count, struct fault *fault)
{
    sqlite3_stmt *insert =
        count == 1 ? store->insert_listed : store->insert_listed_many;
    int parameter = 1;
    for (size_t i = 0; i < count; i++) {
        const struct tail_entry *entry = &entries[i];
        sqlite3_bind_int64(insert, parameter++, entry->list);
        sqlite3_bind_int64(insert, parameter++, entry->place.viewed_at_ms);
        sqlite3_bind_int64(insert, parameter++, entry->place.seq);
    }
    return sqlite_store_step(store, insert, "cannot index", fault);
}

static enum result insert_slice(struct sqlite_store *store, size_t most,
                                int64_t stop_ms, size_t *ret_merged,
                                struct fault *fault)
{
    const struct tail_run *run = tail_frozen(store->tail);
    size_t at = store->merged;
    size_t end = run->count - at > most ? at + most : run->count;
    while (at < end) {
        size_t count =
            end - at < STORE_ENTRIES_AT_ONCE ? 1 : STORE_ENTRIES_AT_ONCE;
        enum result result =
            insert_entries(store, run->entries + at, count, fault);
        if (result != RESULT_OK)
            return result;
        at += count;
        if (clock_monotonic_ms() >= stop_ms)
            break;
    }
    *ret_merged = at;
    return RESULT_OK;
}

static enum result move_mark(struct sqlite_store *store, int64_t mark,
                             struct fault *fault)
{
    if (!tail_stage_drop_frozen(store->tail))
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    sqlite3_bind_int64(store->move_mark, 1, mark);
    return sqlite_store_step(store, store->move_mark, "cannot move the mark",
                             fault);
}

/* One transaction: some entries, and the mark when they were the last. */
static enum result merge_slice(struct sqlite_store *store, size_t most,
                               int64_t stop_ms, struct fault *fault)
{
    const struct tail_run *run = tail_frozen(store->tail);
    int64_t mark = run->last_seq;
    size_t merged = 0;
    enum result result = sqlite_store_begin(store, fault);
    if (result == RESULT_OK)
        result = insert_slice(store, most, stop_ms, &merged, fault);
    bool last = result == RESULT_OK && merged == run->count;
    if (last)
        result = move_mark(store, mark, fault);
    if (result == RESULT_OK)
        result = sqlite_store_commit(store, fault);
    if (result != RESULT_OK) {
        sqlite_store_rollback(store);
        tail_unstage(store->tail);
        return result;
    }
    store->merged = merged;
    if (last) {
        atomic_store_explicit(&store->mark, mark, memory_order_relaxed);
        tail_publish(store->tail); /* `run` may be gone now */
        store->merged = 0;
    }
    return RESULT_OK;
}

/* What was beyond the mark has been removed. */
static enum result skip_to_end(struct sqlite_store *store, struct fault *fault)
{
    sqlite3_bind_int64(store->move_mark, 1, store->last_seq);
    enum result result = sqlite_store_step(store, store->move_mark,
                                           "cannot move the mark", fault);
    if (result == RESULT_OK)
        atomic_store_explicit(&store->mark, store->last_seq,
                              memory_order_relaxed);
    return result;
}

/* None is frozen after it where the tail is empty. */
static enum result freeze(struct sqlite_store *store, struct fault *fault)
{
    if (tail_is_empty(store->tail))
        return skip_to_end(store, fault);
    if (!tail_stage_freeze(store->tail))
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    tail_publish(store->tail);
    store->merged = 0;
    return RESULT_OK;
}

static bool is_owed(const struct sqlite_store *store)
{
    return sqlite_store_tail_views(store) >= MERGE_OWED_VIEWS;
}

enum result sqlite_store_merge_prepare(struct sqlite_store *store,
                                       struct fault *fault)
{
    if (!is_owed(store))
        return RESULT_OK;
    const struct tail_run *run = tail_frozen(store->tail);
    if (run == NULL)
        return freeze(store, fault);
    return store->merged == run->count ? merge_slice(store, 0, 0, fault)
                                       : RESULT_OK;
}

enum result sqlite_store_merge_owed(struct sqlite_store *store, size_t added,
                                    size_t *ret_merged, struct fault *fault)
{
    *ret_merged = store->merged;
    if (!is_owed(store) || tail_frozen(store->tail) == NULL)
        return RESULT_OK;
    return insert_slice(store, added * OWED_ENTRIES, INT64_MAX, ret_merged,
                        fault);
}

static bool is_due(const struct sqlite_store *store, int64_t from_views)
{
    return tail_frozen(store->tail) != NULL ||
           sqlite_store_tail_views(store) >= from_views;
}

static enum result tidy_tail(struct sqlite_store *store, struct fault *fault)
{
    enum result result = RESULT_OK;
    if (tail_frozen(store->tail) == NULL)
        result = freeze(store, fault);
    if (result != RESULT_OK || tail_frozen(store->tail) == NULL)
        return result;
    bool is_short = tail_frozen(store->tail)->count <= SHORT_RUN_ENTRIES;
    int64_t slice_ms = is_short ? SHORT_RUN_SLICE_MS : SLICE_MS;
    return merge_slice(store, SLICE_ENTRIES, clock_monotonic_ms() + slice_ms,
                       fault);
}

enum result sqlite_store_merge_step(struct sqlite_store *store,
                                    struct fault *fault)
{
    return tidy_tail(store, fault);
}

enum result sqlite_store_tidy(struct store *base, bool quiet, bool *ret_more,
                              struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    int64_t from_views = quiet ? MERGE_QUIET_VIEWS : MERGE_RUN_VIEWS;
    enum result result = RESULT_OK;
    if (sqlite_store_checkpoint_due(store))
        result = sqlite_store_checkpoint(store, fault);
    else if (sqlite_store_removed_due(store))
        result = sqlite_store_removed_forget(store, fault);
    else if (is_due(store, from_views))
        result = tidy_tail(store, fault);
    else if (sqlite_store_expiry_due(store))
        result = sqlite_store_expire_step(store, fault);
    *ret_more = result == RESULT_OK &&
                (sqlite_store_checkpoint_due(store) ||
                 sqlite_store_removed_due(store) || is_due(store, from_views) ||
                 sqlite_store_expiry_due(store));
    return result;
}
