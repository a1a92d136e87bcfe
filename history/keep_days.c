#include "keep_days.h"

#include <stdlib.h>
#include <string.h>

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    CAPACITY_MIN = 16,
};

static struct erased_user user_of(const char *user_id)
{
    return erased_user_of(user_id, strlen(user_id));
}

static size_t place_of(const struct keep_days *days,
                       const struct erased_user *user)
{
    size_t low = 0;
    size_t high = days->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(days->users[middle].user.hash, user->hash,
                   sizeof user->hash) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct keep_days_user *find(const struct keep_days *days,
                                         const struct erased_user *user)
{
    size_t at = place_of(days, user);
    bool found = at < days->count && memcmp(days->users[at].user.hash,
                                            user->hash, sizeof user->hash) == 0;
    return found ? &days->users[at] : NULL;
}

void keep_days_done(struct keep_days *days)
{
    free(days->users);
    *days = (struct keep_days){.keep_ms = 0};
}

void keep_days_clear(struct keep_days *days)
{
    days->keep_ms = 0;
    days->count = 0;
}

bool keep_days_reserve(struct keep_days *days)
{
    if (days->count < days->capacity)
        return true;
    size_t capacity = days->capacity > 0 ? days->capacity * 2 : CAPACITY_MIN;
    struct keep_days_user *users =
        reallocarray(days->users, capacity, sizeof *users);
    if (users == NULL)
        return false;
    days->users = users;
    days->capacity = capacity;
    return true;
}

static void take_out(struct keep_days *days, size_t at)
{
    days->count--;
    memmove(&days->users[at], &days->users[at + 1],
            (days->count - at) * sizeof *days->users);
}

static void set_user(struct keep_days *days, const struct erased_user *user,
                     uint32_t value)
{
    size_t at = place_of(days, user);
    bool is_there = find(days, user) != NULL;
    if (value == 0 && is_there)
        take_out(days, at);
    if (value == 0)
        return;
    struct keep_days_user *here = &days->users[at];
    if (!is_there) {
        memmove(here + 1, here, (days->count - at) * sizeof *here);
        days->count++;
    }
    *here = (struct keep_days_user){*user, (int64_t)value * DAY_MS};
}

void keep_days_set(struct keep_days *days, const char *user_id, uint32_t value)
{
    struct erased_user user = user_of(user_id);
    if (user_id[0] != '\0')
        set_user(days, &user, value);
    else
        days->keep_ms = (int64_t)value * DAY_MS;
}

uint32_t keep_days_of(const struct keep_days *days, const char *user_id)
{
    if (user_id[0] == '\0')
        return (uint32_t)(days->keep_ms / DAY_MS);
    struct erased_user user = user_of(user_id);
    const struct keep_days_user *keep = find(days, &user);
    return keep != NULL ? (uint32_t)(keep->keep_ms / DAY_MS) : 0;
}

bool keep_days_has(const struct keep_days *days, const struct erased_user *user)
{
    return find(days, user) != NULL;
}

void keep_days_forget(struct keep_days *days, const struct erased_user *user)
{
    set_user(days, user, 0);
}

bool keep_days_any(const struct keep_days *days)
{
    return days->keep_ms > 0 || days->count > 0;
}

bool keep_days_expired(const struct keep_days *days,
                       const struct viewed *viewed, int64_t received_ms)
{
    int64_t age_ms = received_ms - viewed->viewed_at_ms;
    if (days->keep_ms > 0 && age_ms > days->keep_ms)
        return true;
    /* No user's days are fewer than one. */
    if (days->count == 0 || viewed->user_id[0] == '\0' || age_ms <= DAY_MS)
        return false;
    struct erased_user user = user_of(viewed->user_id);
    const struct keep_days_user *keep = find(days, &user);
    return keep != NULL && age_ms > keep->keep_ms;
}
