#include "postgres_parts.h"

enum {
    DELETE_ROWS = 1000, /* of a transaction: some 30 ms */
};

/* Locked in their order first, so that two who delete the same views neither
 * wait for each other in a circle nor take what the other one deletes for all
 * there is: fewer than asked for is the end. With its id, so that a tombstone
 * or an age is what keeps a view out from then on, and nothing of it stays. */
#define DELETE_OLDEST(conditions)                                              \
    "WITH gone AS (DELETE FROM views WHERE (user_id, viewed_at_ms, seq) IN"    \
    " (SELECT user_id, viewed_at_ms, seq FROM views WHERE " conditions         \
    " ORDER BY viewed_at_ms, seq LIMIT $1 FOR UPDATE) RETURNING id),"          \
    " forgotten AS (DELETE FROM ids WHERE id IN (SELECT id FROM gone))"        \
    " SELECT count(*) FROM gone"

static const char of_user[] =
    DELETE_OLDEST("viewed_at_ms <= $2 AND user_id = $3");
static const char of_all[] = DELETE_OLDEST("viewed_at_ms <= $2");

static enum result delete_rows(struct postgres_store *store,
                               const char *user_id, int64_t until_ms,
                               int64_t *ret, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    postgres_integer(&values, DELETE_ROWS);
    postgres_integer(&values, until_ms);
    if (user_id != NULL)
        postgres_text(&values, user_id);
    enum result r = postgres_db_ask(
        store->db, user_id != NULL ? of_user : of_all, &values, &rows, fault);
    if (r == RESULT_OK)
        *ret = postgres_integer_at(&rows, 0, 0);
    return r;
}

enum result postgres_delete_some(struct postgres_store *store,
                                 const char *user_id, int64_t until_ms,
                                 int64_t *views, bool *ret_more,
                                 struct fault *fault)
{
    int64_t gone = 0;
    enum result r = postgres_begin(store, POSTGRES_WRITE, fault);
    if (r != RESULT_OK)
        return r;
    r = delete_rows(store, user_id, until_ms, &gone, fault);
    if (r == RESULT_OK && gone > 0)
        r = postgres_count(store, -gone, fault);
    if (r == RESULT_OK && gone > 0)
        r = postgres_raise_gone(store, fault);
    r = postgres_end(store, r, fault);
    if (r != RESULT_OK)
        return r;
    *views += gone;
    *ret_more = gone == DELETE_ROWS;
    atomic_fetch_sub(&store->views, gone);
    return RESULT_OK;
}
