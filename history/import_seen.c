#include "import_seen.h"

#include <stdlib.h>
#include <string.h>

enum {
    CAPACITY_MIN = 1024, /* a power of two, as all of them */
};

struct import_seen {
    uint64_t *slots; /* 0: free */
    size_t capacity;
    size_t count;
    size_t most;
};

enum result import_seen_make(size_t most, struct import_seen **ret,
                             struct fault *fault)
{
    struct import_seen *seen = calloc(1, sizeof *seen);
    if (seen != NULL)
        seen->slots = calloc(CAPACITY_MIN, sizeof *seen->slots);
    if (seen == NULL || seen->slots == NULL) {
        import_seen_free(seen);
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    seen->capacity = CAPACITY_MIN;
    seen->most = most;
    *ret = seen;
    return RESULT_OK;
}

void import_seen_free(struct import_seen *seen)
{
    if (seen == NULL)
        return;
    free(seen->slots);
    free(seen);
}

/* Ids of version 7 begin with a time: their bits are mixed. */
static uint64_t mix(const struct uuid *id)
{
    uint64_t halves[2];
    memcpy(halves, id->bytes, sizeof halves);
    uint64_t mixed = halves[0] * UINT64_C(0x9e3779b97f4a7c15) ^ halves[1];
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93);
    mixed ^= mixed >> 32;
    return mixed != 0 ? mixed : 1;
}

static uint64_t *slot_of(uint64_t *slots, size_t capacity, uint64_t number)
{
    size_t at = (size_t)number & (capacity - 1);
    while (slots[at] != 0 && slots[at] != number)
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

static bool grow(struct import_seen *seen)
{
    size_t capacity = seen->capacity * 2;
    uint64_t *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < seen->capacity; i++)
        if (seen->slots[i] != 0)
            *slot_of(slots, capacity, seen->slots[i]) = seen->slots[i];
    free(seen->slots);
    seen->slots = slots;
    seen->capacity = capacity;
    return true;
}

bool import_seen_add(struct import_seen *seen, const struct uuid *id,
                     bool *ret_full)
{
    uint64_t number = mix(id);
    uint64_t *slot = slot_of(seen->slots, seen->capacity, number);
    if (*slot != 0)
        return true;
    bool has_room = seen->count < seen->most &&
                    (seen->count < seen->capacity / 2 || grow(seen));
    if (!has_room) {
        *ret_full = true;
        return false;
    }
    *slot_of(seen->slots, seen->capacity, number) = number;
    seen->count++;
    return false;
}
