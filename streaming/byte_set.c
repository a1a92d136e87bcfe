#include "byte_set.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    INTERVALS_AT_FIRST = 2, /* most clients fetch one piece, or two */
};

/* The first interval that ends at or behind `place`; count if none does. */
static uint32_t find_ending_at(const struct byte_set *set, uint64_t place)
{
    uint32_t low = 0;
    uint32_t high = set->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (set->intervals[middle].last < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(struct byte_set *set)
{
    if (set->count < set->capacity)
        return true;
    if (set->count == BYTE_SET_INTERVALS_MAX)
        return false;
    uint32_t capacity =
        set->capacity == 0 ? INTERVALS_AT_FIRST : 2 * set->capacity;
    if (capacity > BYTE_SET_INTERVALS_MAX)
        capacity = BYTE_SET_INTERVALS_MAX;
    struct byte_interval *larger =
        realloc(set->intervals, capacity * sizeof *larger);
    if (larger == NULL)
        return false;
    set->intervals = larger;
    set->capacity = capacity;
    return true;
}

static void move(struct byte_set *set, uint32_t to, uint32_t from)
{
    memmove(set->intervals + to, set->intervals + from,
            (set->count - from) * sizeof *set->intervals);
}

static bool insert(struct byte_set *set, uint32_t at,
                   struct byte_interval added)
{
    if (!make_room(set))
        return false;
    move(set, at + 1, at);
    set->intervals[at] = added;
    set->count++;
    set->bytes += added.last - added.first + 1;
    return true;
}

/* Puts one interval in the place of those from `at` that it touches. */
static void merge(struct byte_set *set, uint32_t at, struct byte_interval added)
{
    uint32_t end = at;
    while (end < set->count && set->intervals[end].first <= added.last + 1) {
        const struct byte_interval *old = &set->intervals[end++];
        set->bytes -= old->last - old->first + 1;
        if (old->first < added.first)
            added.first = old->first;
        if (old->last > added.last)
            added.last = old->last;
    }
    set->intervals[at] = added;
    set->bytes += added.last - added.first + 1;
    move(set, at + 1, end);
    set->count -= end - at - 1;
}

bool byte_set_add(struct byte_set *set, uint64_t first, uint64_t last)
{
    assert(first <= last);
    assert(last <= INT64_MAX);
    struct byte_interval added = {first, last};

    /* Neighbours touch: 0-4 and 5-9 are one interval. */
    uint32_t at = find_ending_at(set, first == 0 ? 0 : first - 1);
    if (at == set->count || set->intervals[at].first > last + 1)
        return insert(set, at, added);
    merge(set, at, added);
    return true;
}

void byte_set_done(struct byte_set *set)
{
    free(set->intervals);
    *set = (struct byte_set){0};
}
