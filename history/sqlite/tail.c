#include "tail.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tail {
    pthread_mutex_t lock; /* guards `now`, for the moment of a swap or take */
    struct tail_snapshot *now;
    struct tail_snapshot *next; /* staged; the writer's alone */
};

static struct tail_run *run_make(size_t count)
{
    struct tail_run *run = malloc(sizeof *run + count * sizeof run->entries[0]);
    if (run == NULL)
        return NULL;
    atomic_init(&run->references, 1);
    run->count = count;
    run->last_seq = INT64_MIN;
    return run;
}

static void run_release(struct tail_run *run)
{
    if (atomic_fetch_sub(&run->references, 1) == 1)
        free(run);
}

static struct tail_snapshot *snapshot_make(int64_t last_seq)
{
    struct tail_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL)
        return NULL;
    atomic_init(&snapshot->references, 1);
    snapshot->last_seq = last_seq;
    return snapshot;
}

static void snapshot_release(struct tail_snapshot *snapshot)
{
    if (atomic_fetch_sub(&snapshot->references, 1) != 1)
        return;
    for (size_t i = 0; i < snapshot->count; i++)
        run_release(snapshot->runs[i]);
    free(snapshot);
}

/* Takes over the caller's reference to the run. */
static void snapshot_push(struct tail_snapshot *snapshot, struct tail_run *run)
{
    assert(snapshot->count < TAIL_RUNS_MAX);
    snapshot->runs[snapshot->count++] = run;
}

static void snapshot_push_shared(struct tail_snapshot *snapshot,
                                 struct tail_run *run)
{
    atomic_fetch_add(&run->references, 1);
    snapshot_push(snapshot, run);
}

bool tail_make(int64_t last_seq, struct tail **ret)
{
    struct tail *tail = calloc(1, sizeof *tail);
    struct tail_snapshot *empty = snapshot_make(last_seq);
    if (tail == NULL || empty == NULL ||
        pthread_mutex_init(&tail->lock, NULL) != 0) {
        free(tail);
        free(empty);
        return false;
    }
    tail->now = empty;
    *ret = tail;
    return true;
}

void tail_free(struct tail *tail)
{
    if (tail == NULL)
        return;
    tail_unstage(tail);
    snapshot_release(tail->now);
    pthread_mutex_destroy(&tail->lock);
    free(tail);
}

static int entry_compare(const void *a, const void *b)
{
    return tail_entry_compare(a, b);
}

/*
 * `into` holds a sorted part of `count` entries at its end, and room before
 * it. Puts `older` there too, in order, and returns the new length. The part
 * is read before it is written over: as many places lie free in front of it
 * as `older` has entries.
 */
static size_t merge_down(struct tail_run *into, size_t count,
                         const struct tail_run *older)
{
    assert(count + older->count <= into->count);
    const struct tail_entry *a = older->entries;
    const struct tail_entry *a_end = a + older->count;
    const struct tail_entry *b = into->entries + into->count - count;
    const struct tail_entry *b_end = into->entries + into->count;
    struct tail_entry *out = into->entries + into->count - count - older->count;
    while (a < a_end && b < b_end)
        *out++ = tail_entry_compare(b, a) < 0 ? *b++ : *a++;
    while (a < a_end)
        *out++ = *a++;
    return count + older->count;
}

/* One run of runs[first..count) and `added` sorted entries. NULL without
 * memory. */
static struct tail_run *runs_merge(const struct tail_snapshot *from,
                                   size_t first, const struct tail_entry *added,
                                   size_t added_count, int64_t last_seq)
{
    size_t total = added_count;
    for (size_t i = first; i < from->count; i++)
        total += from->runs[i]->count;
    struct tail_run *run = run_make(total);
    if (run == NULL)
        return NULL;
    run->last_seq = last_seq;
    if (added_count > 0)
        memcpy(run->entries + total - added_count, added,
               added_count * sizeof *added);
    /* From the newest, which is the shortest: so the copies add up to little
     * more than the total. */
    size_t done = added_count;
    for (size_t i = from->count; i-- > first;)
        done = merge_down(run, done, from->runs[i]);
    assert(done == total);
    return run;
}

/* How many of the older runs stay as they are when `added` entries come. */
static size_t runs_kept(const struct tail_snapshot *now, size_t added)
{
    size_t kept = now->count;
    size_t total = added;
    while (kept > now->frozen && now->runs[kept - 1]->count < 2 * total)
        total += now->runs[--kept]->count;
    return kept;
}

static bool stage(struct tail *tail, size_t first_kept, size_t kept_end,
                  struct tail_run *last, int64_t last_seq, size_t frozen)
{
    assert(tail->next == NULL);
    struct tail_snapshot *next = snapshot_make(last_seq);
    if (next == NULL) {
        if (last != NULL)
            run_release(last);
        return false;
    }
    for (size_t i = first_kept; i < kept_end; i++)
        snapshot_push_shared(next, tail->now->runs[i]);
    if (last != NULL)
        snapshot_push(next, last);
    next->frozen = frozen;
    tail->next = next;
    return true;
}

bool tail_stage_add(struct tail *tail, struct tail_entry *entries, size_t count,
                    int64_t last_seq)
{
    const struct tail_snapshot *now = tail->now;
    if (count == 0)
        return stage(tail, 0, now->count, NULL, last_seq, now->frozen);
    qsort(entries, count, sizeof *entries, entry_compare);
    size_t kept = runs_kept(now, count);
    struct tail_run *run = runs_merge(now, kept, entries, count, last_seq);
    return run != NULL && stage(tail, 0, kept, run, last_seq, now->frozen);
}

bool tail_stage_freeze(struct tail *tail)
{
    const struct tail_snapshot *now = tail->now;
    assert(now->frozen == 0 && now->count > 0);
    if (now->count == 1)
        return stage(tail, 0, 1, NULL, now->last_seq, 1);
    struct tail_run *run = runs_merge(now, 0, NULL, 0, now->last_seq);
    return run != NULL && stage(tail, 0, 0, run, now->last_seq, 1);
}

bool tail_stage_drop_frozen(struct tail *tail)
{
    const struct tail_snapshot *now = tail->now;
    assert(now->frozen == 1);
    return stage(tail, 1, now->count, NULL, now->last_seq, 0);
}

static bool is_among(const struct tail_entry *entry,
                     const struct tail_entry *entries, size_t count)
{
    return bsearch(entry, entries, count, sizeof *entries, entry_compare) !=
           NULL;
}

static size_t count_among(const struct tail_run *run, size_t end,
                          const struct tail_entry *entries, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tail_entry *at = bsearch(
            &entries[i], run->entries, run->count, sizeof *at, entry_compare);
        if (at != NULL && (size_t)(at - run->entries) < end)
            found++;
    }
    return found;
}

/* The run without them. NULL without memory. */
static struct tail_run *run_without(const struct tail_run *run, size_t found,
                                    const struct tail_entry *entries,
                                    size_t count)
{
    struct tail_run *made = run_make(run->count - found);
    if (made == NULL)
        return NULL;
    struct tail_entry *to = made->entries;
    for (size_t i = 0; i < run->count; i++)
        if (!is_among(&run->entries[i], entries, count))
            *to++ = run->entries[i];
    made->last_seq = run->last_seq;
    return made;
}

bool tail_stage_remove(struct tail *tail, struct tail_entry *entries,
                       size_t count, int64_t last_seq, size_t *frozen_at)
{
    const struct tail_snapshot *now = tail->now;
    qsort(entries, count, sizeof *entries, entry_compare);
    if (!stage(tail, 0, 0, NULL, last_seq, now->frozen))
        return false;
    for (size_t i = 0; i < now->count; i++) {
        struct tail_run *run = now->runs[i];
        bool is_frozen = i < now->frozen;
        size_t found = count_among(run, run->count, entries, count);
        if (is_frozen)
            *frozen_at -= count_among(run, *frozen_at, entries, count);
        if (found == run->count && found > 0 && !is_frozen)
            continue;
        if (found == 0) {
            snapshot_push_shared(tail->next, run);
            continue;
        }
        struct tail_run *made = run_without(run, found, entries, count);
        if (made == NULL) {
            tail_unstage(tail);
            return false;
        }
        snapshot_push(tail->next, made);
    }
    return true;
}

bool tail_is_empty(const struct tail *tail)
{
    return tail->now->count == 0;
}

void tail_publish(struct tail *tail)
{
    assert(tail->next != NULL);
    struct tail_snapshot *old = tail->now;
    pthread_mutex_lock(&tail->lock);
    tail->now = tail->next;
    pthread_mutex_unlock(&tail->lock);
    tail->next = NULL;
    snapshot_release(old);
}

void tail_unstage(struct tail *tail)
{
    if (tail->next != NULL)
        snapshot_release(tail->next);
    tail->next = NULL;
}

const struct tail_run *tail_frozen(const struct tail *tail)
{
    return tail->now->frozen == 1 ? tail->now->runs[0] : NULL;
}

const struct tail_snapshot *tail_take(struct tail *tail)
{
    pthread_mutex_lock(&tail->lock);
    struct tail_snapshot *snapshot = tail->now;
    atomic_fetch_add(&snapshot->references, 1);
    pthread_mutex_unlock(&tail->lock);
    return snapshot;
}

void tail_release(const struct tail_snapshot *snapshot)
{
    /* Const is for what the reader may do with it; the count is ours. */
    snapshot_release((struct tail_snapshot *)snapshot);
}
