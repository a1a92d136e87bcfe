#include <string.h>

#include "clock.h"
#include "postgres_parts.h"

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    EVERY_MS = 10 * 60 * 1000, /* short beside a day */
};

void postgres_expire_now(struct postgres_store *store)
{
    store->expiry.phase = POSTGRES_EXPIRY_WAIT;
    store->expiry.next_ms = 0;
}

/* The rules one by one, everybody's ('') first. */
static enum result next_rule(struct postgres_store *store, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_expiry *expiry = &store->expiry;
    struct postgres_values values = {0};
    postgres_text(&values, expiry->any_rule ? expiry->user_id : NULL);
    enum result r = postgres_db_ask(
        store->db,
        "SELECT user_id, keep_days FROM retention"
        " WHERE $1::text IS NULL OR user_id > $1 ORDER BY user_id LIMIT 1",
        &values, &rows, fault);
    if (r != RESULT_OK)
        return r;
    if (rows.count == 0) {
        expiry->phase = POSTGRES_EXPIRY_WAIT;
        expiry->next_ms = clock_monotonic_ms() + EVERY_MS;
        return RESULT_OK;
    }
    memset(expiry->user_id, 0, sizeof expiry->user_id);
    strncpy(expiry->user_id, postgres_text_at(&rows, 0, 0, NULL),
            sizeof expiry->user_id - 1);
    expiry->rule_ms = postgres_integer_at(&rows, 0, 1) * DAY_MS;
    expiry->any_rule = true;
    expiry->phase = POSTGRES_EXPIRY_DELETE;
    return RESULT_OK;
}

static enum result delete_old(struct postgres_store *store, struct fault *fault)
{
    struct postgres_expiry *expiry = &store->expiry;
    int64_t views = 0;
    bool more = false;
    enum result r = postgres_delete_some(
        store, expiry->user_id[0] != '\0' ? expiry->user_id : NULL,
        clock_now_ms() - expiry->rule_ms - 1, &views, &more, fault);
    if (r == RESULT_OK && !more)
        expiry->phase = POSTGRES_EXPIRY_NEXT_RULE;
    return r;
}

enum result postgres_expire(struct postgres_store *store, bool *ret_more,
                            struct fault *fault)
{
    struct postgres_expiry *expiry = &store->expiry;
    enum result r = RESULT_OK;
    if (expiry->phase == POSTGRES_EXPIRY_WAIT && keep_days_any(&store->keep) &&
        clock_monotonic_ms() >= expiry->next_ms) {
        expiry->any_rule = false;
        expiry->phase = POSTGRES_EXPIRY_NEXT_RULE;
    } else if (expiry->phase == POSTGRES_EXPIRY_NEXT_RULE) {
        r = next_rule(store, fault);
    } else if (expiry->phase == POSTGRES_EXPIRY_DELETE) {
        r = delete_old(store, fault);
    }
    *ret_more = r == RESULT_OK && expiry->phase != POSTGRES_EXPIRY_WAIT;
    return r;
}
