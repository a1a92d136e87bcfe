#include "changes_place.h"

#include <string.h>

enum {
    /* Times of arrival are nearly in the order of arrival; a clock that is set
     * back by so much, or less, hides nothing. */
    CLOCK_SET_BACK_MS = 60 * 1000,
};

uint64_t changes_check(const struct uuid *id)
{
    uint64_t halves[2];
    memcpy(halves, id->bytes, sizeof halves);
    return halves[0] ^ halves[1];
}

/* The place before the first change of that time, by halves. */
static enum result find_time(const struct changes_reader *reader,
                             int64_t since_ms, int64_t *ret)
{
    int64_t low = 0;
    int64_t high = reader->end + 1;
    enum result r = RESULT_OK;
    while (r == RESULT_OK && low < high) {
        int64_t middle = low + (high - low) / 2;
        struct changes_arrival arrival = {0};
        bool found = false;
        r = reader->arrival(reader->context, middle, &arrival, &found);
        if (found && arrival.received_ms < since_ms)
            low = arrival.place + 1;
        else
            high = middle;
    }
    *ret = low - 1;
    return r;
}

enum result changes_begin(const struct changes_reader *reader,
                          const struct store_changes_query *query, int64_t *ret,
                          struct fault *fault)
{
    uint64_t check = 0;
    if (!query->after_given)
        return find_time(reader, query->since_ms - CLOCK_SET_BACK_MS, ret);
    enum result r = reader->check(reader->context, query->after, &check);
    if (r != RESULT_OK)
        return r;
    *ret = query->after;
    bool is_other =
        query->after > reader->reach ||
        (check != 0 && query->after_check != 0 && check != query->after_check);
    return is_other ? fault_set(fault, RESULT_NOT_FOUND,
                                "the place is of another history")
                    : RESULT_OK;
}

int64_t changes_look_to(const struct changes_reader *reader, int64_t after)
{
    return reader->end - after > STORE_CHANGES_LOOKED_MAX
               ? after + STORE_CHANGES_LOOKED_MAX
               : reader->end;
}

void changes_end(const struct changes_reader *reader,
                 const struct store_changes_query *query, int64_t after,
                 uint32_t given, struct store_changes_page *page)
{
    int64_t looked_to = changes_look_to(reader, after);
    if (given < query->limit && looked_to > after)
        page->last = looked_to;
    page->more = page->last < reader->end;
}
