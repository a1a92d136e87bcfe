#include "dismissals.h"

#include <string.h>

#include "postgres_parts.h"

static enum result insert(struct postgres_store *store,
                          const struct store_dismissal *dismissal,
                          struct fault *fault)
{
    struct postgres_values values = {0};
    postgres_bytes(&values, dismissal->user.hash, sizeof dismissal->user.hash);
    postgres_text(&values, dismissal->video);
    postgres_integer(&values, dismissal->until_ms);
    return postgres_do(store,
                       "INSERT INTO dismissed (user_hash, video, until_ms)"
                       " VALUES ($1, $2, $3) ON CONFLICT (user_hash, video)"
                       " DO UPDATE SET until_ms ="
                       " greatest(dismissed.until_ms, excluded.until_ms)",
                       &values, fault);
}

static enum result forget_oldest(struct postgres_store *store,
                                 const struct erased_user *user,
                                 struct fault *fault)
{
    struct postgres_values values = {0};
    postgres_bytes(&values, user->hash, sizeof user->hash);
    postgres_integer(&values, STORE_DISMISSED_MAX);
    return postgres_do(store,
                       "DELETE FROM dismissed WHERE user_hash = $1 AND video"
                       " IN (SELECT video FROM dismissed WHERE user_hash = $1"
                       " ORDER BY until_ms DESC OFFSET $2)",
                       &values, fault);
}

enum result postgres_store_dismiss_all(struct store *base,
                                       const struct store_dismissal *all,
                                       size_t count, struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    enum result r = postgres_begin(store, POSTGRES_WRITE, fault);
    if (r != RESULT_OK)
        return r;
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        r = insert(store, &all[i], fault);
        if (r == RESULT_OK && dismissals_end_user(all, count, i))
            r = forget_oldest(store, &all[i].user, fault);
    }
    return postgres_end(store, r, fault);
}

enum result postgres_store_undismiss(struct store *base, const char *user_id,
                                     const char *video, struct fault *fault)
{
    struct erased_user user = erased_user_of(user_id, strlen(user_id));
    struct postgres_values values = {0};
    postgres_bytes(&values, user.hash, sizeof user.hash);
    postgres_text(&values, video);
    return postgres_do(postgres_store_of(base),
                       "DELETE FROM dismissed WHERE user_hash = $1"
                       " AND video = $2",
                       &values, fault);
}
