#include "store_dismissed.h"

#include <string.h>

#include "postgres_parts.h"

enum result postgres_store_dismiss(struct store *base, const char *user_id,
                                   const char *video, int64_t until_ms,
                                   struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    struct erased_user user = erased_user_of(user_id, strlen(user_id));
    struct postgres_values values = {0};
    enum result r = postgres_begin(store, POSTGRES_WRITE, fault);
    if (r != RESULT_OK)
        return r;
    postgres_bytes(&values, user.hash, sizeof user.hash);
    postgres_text(&values, video);
    postgres_integer(&values, until_ms);
    r = postgres_do(store,
                    "INSERT INTO dismissed (user_hash, video, until_ms)"
                    " VALUES ($1, $2, $3) ON CONFLICT (user_hash, video)"
                    " DO UPDATE SET until_ms ="
                    " greatest(dismissed.until_ms, excluded.until_ms)",
                    &values, fault);
    struct postgres_values oldest = {0};
    postgres_bytes(&oldest, user.hash, sizeof user.hash);
    postgres_integer(&oldest, STORE_DISMISSED_MAX);
    if (r == RESULT_OK)
        r = postgres_do(store,
                        "DELETE FROM dismissed WHERE user_hash = $1 AND video"
                        " IN (SELECT video FROM dismissed WHERE user_hash = $1"
                        " ORDER BY until_ms DESC OFFSET $2)",
                        &oldest, fault);
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
