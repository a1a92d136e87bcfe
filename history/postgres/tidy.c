#include "clock.h"
#include "postgres_parts.h"

enum {
    SIZE_EVERY_MS = 30 * 1000,
};

/*
 * One of all that share the store does what is to be done once. Who has the
 * lock keeps it as long as its session lives; when that ends, however it ends,
 * the next one that asks has it.
 */
static enum result ask_to_lead(struct postgres_store *store,
                               struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    uint64_t connection = postgres_db_connections(store->db);
    enum result r = RESULT_OK;
    if (store->led_by == connection)
        return RESULT_OK;
    r = postgres_db_ask(
        store->db,
        "SELECT pg_try_advisory_lock('places'::regclass::oid::integer, 2)",
        NULL, &rows, fault);
    /* Asking may have made another connection. */
    bool has = r == RESULT_OK && postgres_bool_at(&rows, 0, 0);
    store->led_by = has ? postgres_db_connections(store->db) : 0;
    atomic_store(&store->leads, has);
    return r;
}

static enum result ask_size(struct postgres_store *store, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < store->next_look_ms)
        return RESULT_OK;
    enum result r = postgres_db_ask(store->db,
                                    "SELECT pg_total_relation_size('views')"
                                    " + pg_total_relation_size('ids')",
                                    NULL, &rows, fault);
    if (r == RESULT_OK) {
        atomic_store(&store->bytes, postgres_integer_at(&rows, 0, 0));
        store->next_look_ms = now_ms + SIZE_EVERY_MS;
    }
    return r;
}

enum result postgres_store_tidy(struct store *base, bool quiet, bool *ret_more,
                                struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    bool forgets = false;
    bool expires = false;
    (void)quiet; /* there is no index in memory to be moved */
    enum result r = postgres_refresh(store, fault);
    if (r == RESULT_OK)
        r = ask_to_lead(store, fault);
    if (r == RESULT_OK)
        r = ask_size(store, fault);
    if (r == RESULT_OK && atomic_load(&store->leads))
        r = postgres_forget_removed(store, &forgets, fault);
    if (r == RESULT_OK && atomic_load(&store->leads))
        r = postgres_expire(store, &expires, fault);
    if (r != RESULT_OK) {
        store->led_by = 0;
        atomic_store(&store->leads, false);
    }
    *ret_more = forgets || expires;
    return r;
}
