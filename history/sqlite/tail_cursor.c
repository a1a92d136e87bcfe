#include "tail_cursor.h"

/* The first entry beyond (list, place), or at it when `at`. */
static const struct tail_entry *search(const struct tail_entry *first,
                                       const struct tail_entry *end,
                                       int64_t list, struct store_place place,
                                       bool at)
{
    struct tail_entry key = {list, place};
    while (first < end) {
        const struct tail_entry *middle = first + (end - first) / 2;
        int order = tail_entry_compare(middle, &key);
        if (order < 0 || (order == 0 && !at))
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

void tail_cursor_open(struct tail_cursor *cursor,
                      const struct tail_snapshot *snapshot, int64_t mark,
                      int64_t list, const struct place_range *range,
                      bool oldest_first)
{
    cursor->oldest_first = oldest_first;
    cursor->count = 0;
    for (size_t i = 0; i < snapshot->count; i++) {
        const struct tail_run *run = snapshot->runs[i];
        if (run->last_seq <= mark)
            continue;
        const struct tail_entry *run_end = run->entries + run->count;
        struct tail_slice slice;
        slice.first = search(run->entries, run_end, list, range->low, false);
        slice.end = search(slice.first, run_end, list, range->high, true);
        if (slice.first < slice.end)
            cursor->slices[cursor->count++] = slice;
    }
}

static struct store_place slice_head(const struct tail_cursor *cursor,
                                     const struct tail_slice *slice)
{
    return cursor->oldest_first ? slice->first->place : slice->end[-1].place;
}

bool tail_cursor_peek(const struct tail_cursor *cursor, struct store_place *ret)
{
    if (cursor->count == 0)
        return false;
    struct store_place best = slice_head(cursor, &cursor->slices[0]);
    for (size_t i = 1; i < cursor->count; i++) {
        struct store_place head = slice_head(cursor, &cursor->slices[i]);
        int order = store_place_compare(head, best);
        if (cursor->oldest_first ? order < 0 : order > 0)
            best = head;
    }
    *ret = best;
    return true;
}

/* Whether the slice's next entry lies beyond `place`. */
static bool slice_is_beyond(const struct tail_cursor *cursor,
                            const struct tail_slice *slice,
                            struct store_place place)
{
    int order = store_place_compare(slice_head(cursor, slice), place);
    return cursor->oldest_first ? order > 0 : order < 0;
}

/* Parts the slice into what lies up to `place` and what lies beyond. */
static void slice_part(const struct tail_cursor *cursor,
                       const struct tail_slice *slice, struct store_place place,
                       struct tail_slice *ret_near, struct tail_slice *ret_far)
{
    const struct tail_entry *middle =
        search(slice->first, slice->end, slice->first->list, place,
               !cursor->oldest_first);
    struct tail_slice low = {slice->first, middle};
    struct tail_slice high = {middle, slice->end};
    *ret_near = cursor->oldest_first ? low : high;
    *ret_far = cursor->oldest_first ? high : low;
}

static size_t slice_count(const struct tail_slice *slice)
{
    return (size_t)(slice->end - slice->first);
}

/* A step mostly passes over one entry of one run: look before searching. */
static size_t slice_pass(const struct tail_cursor *cursor,
                         struct tail_slice *slice, struct store_place place)
{
    if (slice_is_beyond(cursor, slice, place))
        return 0;
    struct tail_slice near;
    struct tail_slice far = *slice;
    if (cursor->oldest_first)
        far.first++;
    else
        far.end--;
    if (slice_count(&far) > 0 && !slice_is_beyond(cursor, &far, place))
        slice_part(cursor, slice, place, &near, &far);
    size_t passed = slice_count(slice) - slice_count(&far);
    *slice = far;
    return passed;
}

size_t tail_cursor_pass(struct tail_cursor *cursor, struct store_place place)
{
    size_t passed = 0;
    size_t kept = 0;
    for (size_t i = 0; i < cursor->count; i++) {
        struct tail_slice slice = cursor->slices[i];
        passed += slice_pass(cursor, &slice, place);
        if (slice_count(&slice) > 0)
            cursor->slices[kept++] = slice;
    }
    cursor->count = kept;
    return passed;
}

/* Leaves only the places up to this one. */
static void cut(struct tail_cursor *cursor, struct store_place place)
{
    size_t kept = 0;
    for (size_t i = 0; i < cursor->count; i++) {
        struct tail_slice near;
        struct tail_slice far;
        slice_part(cursor, &cursor->slices[i], place, &near, &far);
        if (slice_count(&near) > 0)
            cursor->slices[kept++] = near;
    }
    cursor->count = kept;
}

static const struct tail_slice *longest(const struct tail_cursor *cursor)
{
    const struct tail_slice *best = &cursor->slices[0];
    for (size_t i = 1; i < cursor->count; i++)
        if (slice_count(&cursor->slices[i]) > slice_count(best))
            best = &cursor->slices[i];
    return best;
}

bool tail_cursor_nth(const struct tail_cursor *cursor, size_t nth,
                     struct store_place *ret)
{
    if (nth == 0 || nth > tail_cursor_left(cursor))
        return false;
    struct tail_cursor rest = *cursor;
    /* Each turn halves the longest slice, until all are one entry long. */
    while (slice_count(longest(&rest)) > 1) {
        const struct tail_slice *slice = longest(&rest);
        struct store_place middle = slice->first[slice_count(slice) / 2].place;
        if (rest.oldest_first)
            middle = slice->first[(slice_count(slice) - 1) / 2].place;
        size_t up_to = tail_cursor_count(&rest, middle);
        if (up_to >= nth)
            cut(&rest, middle);
        else
            nth -= tail_cursor_pass(&rest, middle);
    }
    /* No two entries of a list share a place, so a step is an entry. */
    (void)tail_cursor_peek(&rest, ret);
    while (--nth > 0) {
        (void)tail_cursor_pass(&rest, *ret);
        (void)tail_cursor_peek(&rest, ret);
    }
    return true;
}

size_t tail_cursor_count(const struct tail_cursor *cursor,
                         struct store_place place)
{
    struct tail_cursor copy = *cursor;
    return tail_cursor_pass(&copy, place);
}

size_t tail_cursor_left(const struct tail_cursor *cursor)
{
    size_t left = 0;
    for (size_t i = 0; i < cursor->count; i++)
        left += slice_count(&cursor->slices[i]);
    return left;
}
