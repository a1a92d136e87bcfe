#include "list_changes.h"

#include <stddef.h>

/* A list is a SipHash already: any of its bits will do. */
static size_t counter_of(int64_t list)
{
    return (uint64_t)list % LIST_CHANGES_COUNTERS;
}

void list_changes_begin(struct list_changes *changes)
{
    atomic_store(&changes->changing, true);
}

void list_changes_raise(struct list_changes *changes, int64_t list)
{
    /* One writer: no need for an atomic addition. */
    _Atomic uint64_t *of_list = &changes->lists[counter_of(list)];
    uint64_t count = atomic_load_explicit(of_list, memory_order_relaxed);
    atomic_store_explicit(of_list, count + 1, memory_order_release);
}

void list_changes_raise_all(struct list_changes *changes)
{
    atomic_fetch_add(&changes->all, 1);
}

void list_changes_end(struct list_changes *changes)
{
    atomic_store(&changes->changing, false);
}

bool list_changes_version(const struct list_changes *changes, int64_t list,
                          uint64_t *ret)
{
    if (atomic_load(&changes->changing))
        return false;
    *ret = atomic_load(&changes->all) +
           atomic_load(&changes->lists[counter_of(list)]);
    return true;
}
