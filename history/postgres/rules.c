#include <string.h>

#include "pauses.h"
#include "postgres_parts.h"
#include "store_expire.h"

static bool hash_at(const struct postgres_rows *rows, int row, int column,
                    struct erased_user *ret)
{
    size_t bytes;
    const char *hash = postgres_text_at(rows, row, column, &bytes);
    if (bytes != sizeof ret->hash)
        return false; /* the tables check it */
    memcpy(ret->hash, hash, sizeof ret->hash);
    return true;
}

enum result postgres_read_refused(struct postgres_db *db,
                                  struct erased_set *set, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r =
        postgres_db_ask(db,
                        "SELECT user_hash, NULL::bigint, until_ms FROM erased"
                        " UNION ALL SELECT user_hash, from_ms, until_ms"
                        " FROM paused",
                        NULL, &rows, fault);
    for (int i = 0; i < rows.count && r == RESULT_OK; i++) {
        struct erased_entry entry = {
            .from_ms = postgres_is_null(&rows, i, 1)
                           ? ERASED_FROM_EVER
                           : postgres_integer_at(&rows, i, 1),
            .until_ms = postgres_integer_at(&rows, i, 2),
        };
        if (hash_at(&rows, i, 0, &entry.user) && !erased_set_add(set, &entry))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    return r;
}

enum result postgres_read_keep(struct postgres_db *db, struct keep_days *keep,
                               struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = postgres_db_ask(
        db, "SELECT user_id, keep_days FROM retention", NULL, &rows, fault);
    if (r != RESULT_OK)
        return r;
    keep_days_clear(keep);
    for (int i = 0; i < rows.count; i++) {
        if (!keep_days_reserve(keep))
            return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
        keep_days_set(keep, postgres_text_at(&rows, i, 0, NULL),
                      (uint32_t)postgres_integer_at(&rows, i, 1));
    }
    return RESULT_OK;
}

/* A rule is in force once it is committed, for all who write; here it is read
 * again. */
static enum result end_rule(struct postgres_store *store, enum result r,
                            struct fault *fault)
{
    if (r == RESULT_OK)
        r = postgres_raise_rules(store, fault);
    r = postgres_end(store, r, fault);
    return r == RESULT_OK ? postgres_refresh(store, fault) : r;
}

/* --- pauses --------------------------------------------------------------- */

enum result postgres_write_pause(struct postgres_store *store,
                                 const struct erased_entry *entry,
                                 struct fault *fault)
{
    struct postgres_values values = {0};
    postgres_bytes(&values, entry->user.hash, sizeof entry->user.hash);
    postgres_integer(&values, entry->from_ms);
    postgres_integer(&values, entry->until_ms);
    return postgres_do(store,
                       "INSERT INTO paused (user_hash, from_ms, until_ms)"
                       " VALUES ($1, $2, $3) ON CONFLICT (user_hash, from_ms)"
                       " DO UPDATE SET until_ms ="
                       " least(paused.until_ms, excluded.until_ms)",
                       &values, fault);
}

struct store_recording postgres_store_recording(const struct store *base,
                                                const char *user_id)
{
    return pauses_recording(&postgres_const_store_of(base)->erased, user_id);
}

enum result postgres_store_set_paused(struct store *base, const char *user_id,
                                      bool paused, int64_t now_ms,
                                      struct store_recording *ret,
                                      struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    struct erased_entry entry;
    bool changes;
    enum result r = postgres_begin(store, POSTGRES_RULE, fault);
    if (r != RESULT_OK)
        return r;
    r = pauses_change(&store->erased, user_id, paused, now_ms, &entry, &changes,
                      fault);
    if (r == RESULT_OK && changes)
        r = postgres_write_pause(store, &entry, fault);
    r = end_rule(store, r, fault);
    if (r == RESULT_OK)
        *ret = postgres_store_recording(base, user_id);
    return r;
}

/* --- days to keep --------------------------------------------------------- */

uint32_t postgres_store_keep_days(const struct store *base, const char *user_id)
{
    return keep_days_of(&postgres_const_store_of(base)->keep, user_id);
}

/* In the transaction that is open. */
static enum result set_days(struct postgres_store *store, const char *user_id,
                            uint32_t days, struct fault *fault)
{
    struct postgres_values values = {0};
    postgres_text(&values, user_id);
    if (days == 0)
        return postgres_do(store, "DELETE FROM retention WHERE user_id = $1",
                           &values, fault);
    if (user_id[0] != '\0' && keep_days_of(&store->keep, user_id) == 0 &&
        store->keep.count >= STORE_KEEP_USERS_MAX)
        return fault_set(fault, RESULT_LIMIT,
                         "%d users have days of their own already",
                         STORE_KEEP_USERS_MAX);
    postgres_integer(&values, days);
    return postgres_do(store,
                       "INSERT INTO retention (user_id, keep_days)"
                       " VALUES ($1, $2::bigint) ON CONFLICT (user_id)"
                       " DO UPDATE SET keep_days = excluded.keep_days",
                       &values, fault);
}

enum result postgres_store_set_keep_days(struct store *base,
                                         const char *user_id, uint32_t days,
                                         struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    if (days > STORE_KEEP_DAYS_MAX)
        return fault_set(fault, RESULT_MALFORMED, "days are 1 to %d",
                         STORE_KEEP_DAYS_MAX);
    if (keep_days_of(&store->keep, user_id) == days)
        return RESULT_OK;
    enum result r = postgres_begin(store, POSTGRES_RULE, fault);
    if (r != RESULT_OK)
        return r;
    r = set_days(store, user_id, days, fault);
    r = end_rule(store, r, fault);
    if (r == RESULT_OK)
        postgres_expire_now(store);
    return r;
}

enum result postgres_store_keep_all(struct store *base, struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    enum result r = postgres_begin(store, POSTGRES_RULE, fault);
    if (r != RESULT_OK)
        return r;
    r = postgres_do(store, "DELETE FROM retention", NULL, fault);
    return end_rule(store, r, fault);
}
