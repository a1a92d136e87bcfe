#include "postgres_parts.h"

/*
 * The rules' lock is (the store's number, 1), the leader's (…, 2): a database
 * may have several stores, in schemas.
 */
#define NUMBER "'places'::regclass::oid::integer"

/* Each statement sees what was committed before it: what is read once a lock
 * is had is as new as the lock. */
static const char begin_write[] =
    "BEGIN ISOLATION LEVEL READ COMMITTED;"
    "SELECT pg_advisory_xact_lock_shared(" NUMBER ", 1);"
    "SELECT announce_places()";

static const char begin_rule[] = "BEGIN ISOLATION LEVEL READ COMMITTED;"
                                 "SELECT pg_advisory_xact_lock(" NUMBER ", 1);"
                                 "SELECT announce_places()";

static const char read_state[] =
    "SELECT rules_version, gone_version, stream_offset, stream_hash,"
    " (SELECT sum(views)::bigint FROM counts),"
    " (SELECT last_value FROM places), drilled FROM store";

/* What is in memory stays as it was where not all could be read. */
static enum result read_rules(struct postgres_store *store, int64_t version,
                              struct fault *fault)
{
    struct erased_set erased = {0};
    enum result r = postgres_read_refused(store->db, &erased, fault);
    if (r == RESULT_OK)
        r = postgres_read_keep(store->db, &store->keep, fault);
    if (r != RESULT_OK) {
        erased_set_done(&erased);
        store->rules_read = false;
        return r;
    }
    erased_set_done(&store->erased);
    store->erased = erased;
    store->rules_version = version;
    store->rules_read = true;
    return RESULT_OK;
}

static enum result read_removed_count(struct postgres_store *store,
                                      int64_t version, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = postgres_db_ask(store->db, "SELECT count(*) FROM removed",
                                    NULL, &rows, fault);
    if (r == RESULT_OK) {
        store->removed_count = postgres_integer_at(&rows, 0, 0);
        store->gone_version = version;
    }
    return r;
}

static void show(struct postgres_store *store, const struct postgres_rows *rows)
{
    store->contained.offset = postgres_integer_at(rows, 0, 2);
    store->contained.hash = postgres_integer_at(rows, 0, 3);
    atomic_store(&store->shown_offset, store->contained.offset);
    atomic_store(&store->views, postgres_integer_at(rows, 0, 4));
    atomic_store(&store->shown_place, postgres_integer_at(rows, 0, 5));
    postgres_show_drilled(store, postgres_text_at(rows, 0, 6, NULL));
}

static enum result take_state(struct postgres_store *store, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = postgres_db_ask(store->db, read_state, NULL, &rows, fault);
    if (r == RESULT_OK && rows.count != 1)
        r = fault_set(fault, RESULT_UNUSABLE,
                      "the database has no row in table store");
    if (r != RESULT_OK)
        return r;
    int64_t rules = postgres_integer_at(&rows, 0, 0);
    int64_t gone = postgres_integer_at(&rows, 0, 1);
    if (!store->rules_read || rules != store->rules_version)
        r = read_rules(store, rules, fault);
    if (r == RESULT_OK &&
        (gone != store->gone_version || rules != store->rules_version))
        r = read_removed_count(store, gone, fault);
    if (r == RESULT_OK)
        show(store, &rows);
    return r;
}

enum result postgres_begin(struct postgres_store *store,
                           enum postgres_purpose purpose, struct fault *fault)
{
    enum result r = postgres_db_begin(
        store->db, purpose == POSTGRES_RULE ? begin_rule : begin_write, fault);
    if (r == RESULT_OK)
        r = take_state(store, fault);
    if (r != RESULT_OK)
        postgres_db_rollback(store->db);
    return r;
}

enum result postgres_end(struct postgres_store *store, enum result r,
                         struct fault *fault)
{
    if (r == RESULT_OK)
        r = postgres_db_commit(store->db, fault);
    if (r != RESULT_OK)
        postgres_db_rollback(store->db);
    return r;
}

enum result postgres_refresh(struct postgres_store *store, struct fault *fault)
{
    return take_state(store, fault);
}

enum result postgres_do(struct postgres_store *store, const char *sql,
                        const struct postgres_values *values,
                        struct fault *fault)
{
    return postgres_db_ask(store->db, sql, values, NULL, fault);
}

enum result postgres_raise_rules(struct postgres_store *store,
                                 struct fault *fault)
{
    return postgres_do(store,
                       "UPDATE store SET rules_version = rules_version + 1",
                       NULL, fault);
}

enum result postgres_raise_gone(struct postgres_store *store,
                                struct fault *fault)
{
    return postgres_do(
        store, "UPDATE store SET gone_version = gone_version + 1", NULL, fault);
}

enum result postgres_count(struct postgres_store *store, int64_t views,
                           struct fault *fault)
{
    struct postgres_values values = {0};
    postgres_integer(&values, views);
    postgres_integer(&values, store->part);
    return postgres_do(store,
                       "UPDATE counts SET views = views + $1"
                       " WHERE part = $2::bigint",
                       &values, fault);
}
