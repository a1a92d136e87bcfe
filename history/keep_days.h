#ifndef FLIXTUBE_HISTORY_KEEP_DAYS_H
#define FLIXTUBE_HISTORY_KEEP_DAYS_H

#include "erased_set.h"
#include "viewed_message.h"

/*
 * For how many days views are kept, everybody's and those of users who have
 * days of their own, as an engine holds it in memory: store_expire.h says what
 * it is for. Users are known by their hash. Not for two threads at once.
 */
struct keep_days_user {
    struct erased_user user;
    int64_t keep_ms;
};

struct keep_days {
    int64_t keep_ms;              /* everybody's; 0: for ever */
    struct keep_days_user *users; /* sorted */
    size_t count;
    size_t capacity;
};

void keep_days_done(struct keep_days *days);

/* Everything is kept for ever, and the memory stays. */
void keep_days_clear(struct keep_days *days);

/* So that the next keep_days_set() cannot fail. False without memory. */
bool keep_days_reserve(struct keep_days *days);

/* `user_id` "": everybody's. 0: no limit. There is room. */
void keep_days_set(struct keep_days *days, const char *user_id, uint32_t value);

/* 0: none of its own. */
uint32_t keep_days_of(const struct keep_days *days, const char *user_id);

/* The same by the hash: whether there are any; to take them out. */
bool keep_days_has(const struct keep_days *days,
                   const struct erased_user *user);
void keep_days_forget(struct keep_days *days, const struct erased_user *user);

/* Whether a view that comes at that time is too old to be kept. */
bool keep_days_expired(const struct keep_days *days,
                       const struct viewed *viewed, int64_t received_ms);

bool keep_days_any(const struct keep_days *days);

#endif
