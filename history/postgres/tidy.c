#include "clock.h"
#include "postgres_parts.h"

enum {
    ASK_EVERY_MS = 500,
    END_EVERY_MS = 5 * 1000,
    SIZE_EVERY_MS = 30 * 1000,
};

/*
 * One of all that share the store does what is to be done once. Who has the
 * lock keeps it as long as its session lives; when that ends, however it ends,
 * the next one that asks has it.
 */
static enum result ask_to_lead(struct postgres_store *store, int64_t now_ms,
                               struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    if (store->led_by == postgres_db_connections(store->db))
        return RESULT_OK;
    store->led_by = 0;
    atomic_store(&store->leads, false);
    if (now_ms < store->next_ask_ms)
        return RESULT_OK;
    store->next_ask_ms = now_ms + ASK_EVERY_MS;
    enum result r = postgres_db_ask(
        store->db,
        "SELECT pg_try_advisory_lock('places'::regclass::oid::integer, 2)",
        NULL, &rows, fault);
    /* Asking may have made another connection. */
    bool has = r == RESULT_OK && postgres_bool_at(&rows, 0, 0);
    store->led_by = has ? postgres_db_connections(store->db) : 0;
    atomic_store(&store->leads, has);
    return r;
}

/*
 * Ends who has announced places and has been in the middle of a COPY for ten
 * seconds, with the server waiting for more of it: he stands still, and all who
 * follow the log wait for him. No time-out of the server's is looked at there.
 */
static const char end_stopped[] =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user"
    " AND state = 'active' AND wait_event = 'ClientRead'"
    " AND state_change < now() - interval '10 seconds'"
    " AND pid <> pg_backend_pid() AND pid IN (SELECT pid FROM pg_locks"
    " WHERE locktype = 'advisory' AND objsubid = 1"
    " AND classid::bigint >> 16 = place_lock_class() >> 48)";

static enum result end_who_stands_still(struct postgres_store *store,
                                        int64_t now_ms, struct fault *fault)
{
    if (now_ms < store->next_end_ms)
        return RESULT_OK;
    store->next_end_ms = now_ms + END_EVERY_MS;
    return postgres_do(store, end_stopped, NULL, fault);
}

enum result postgres_look_around(struct postgres_store *store,
                                 struct fault *fault)
{
    int64_t now_ms = clock_monotonic_ms();
    enum result r = ask_to_lead(store, now_ms, fault);
    return r == RESULT_OK ? end_who_stands_still(store, now_ms, fault) : r;
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
    bool erases = false;
    (void)quiet; /* there is no index in memory to be moved */
    enum result r = postgres_refresh(store, fault);
    if (r == RESULT_OK)
        r = postgres_look_around(store, fault);
    if (r == RESULT_OK)
        r = ask_size(store, fault);
    if (r == RESULT_OK && atomic_load(&store->leads))
        r = postgres_forget_removed(store, &forgets, fault);
    if (r == RESULT_OK && atomic_load(&store->leads))
        r = postgres_expire(store, &expires, fault);
    if (r == RESULT_OK && atomic_load(&store->leads))
        r = postgres_end_erasures(store, &erases, fault);
    if (r != RESULT_OK) {
        store->led_by = 0;
        atomic_store(&store->leads, false);
    }
    *ret_more = forgets || expires || erases;
    return r;
}
