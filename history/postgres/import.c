#include "store_import.h"

#include <string.h>

#include "clock.h"
#include "postgres_parts.h"

static enum result find_import(struct postgres_store *store,
                               struct store_undo *undo, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    postgres_text(&values, undo->name);
    enum result r =
        postgres_db_ask(store->db, "SELECT number FROM imports WHERE name = $1",
                        &values, &rows, fault);
    if (r == RESULT_OK && rows.count == 0)
        return fault_set(fault, RESULT_NOT_FOUND,
                         "no import named %s has added a view", undo->name);
    if (r == RESULT_OK)
        undo->number = postgres_integer_at(&rows, 0, 0);
    return r;
}

/* The views go with their ids, since the file may come again. */
static const char take_views[] =
    "WITH gone AS (DELETE FROM views WHERE (user_id, viewed_at_ms, seq) IN"
    " (SELECT user_id, viewed_at_ms, seq FROM views WHERE import = $1"
    " ORDER BY seq LIMIT $2) RETURNING id, seq, user_id),"
    " forgotten AS (DELETE FROM ids WHERE id IN (SELECT id FROM gone))"
    " SELECT id, seq, user_id FROM gone ORDER BY seq";

static enum result delete_views(struct postgres_store *store,
                                struct store_undo *undo, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    postgres_integer(&values, undo->number);
    postgres_integer(&values, STORE_UNDO_ROWS);
    enum result r =
        postgres_db_ask(store->db, take_views, &values, &rows, fault);
    for (int i = 0; i < rows.count; i++) {
        struct store_gone *gone = &undo->gone[undo->gone_count++];
        *gone = (struct store_gone){.seq = postgres_integer_at(&rows, i, 1)};
        (void)postgres_uuid_at(&rows, i, 0, &gone->id);
        strncpy(gone->user_id, postgres_text_at(&rows, i, 2, NULL),
                sizeof gone->user_id - 1);
    }
    return r;
}

static enum result note_gone(struct postgres_store *store,
                             const struct store_undo *undo, struct fault *fault)
{
    enum result r = RESULT_OK;
    int64_t now_ms = clock_now_ms();
    for (size_t i = 0; i < undo->gone_count && r == RESULT_OK; i++) {
        const struct store_gone *gone = &undo->gone[i];
        struct erased_user user =
            erased_user_of(gone->user_id, strlen(gone->user_id));
        struct postgres_values values = {0};
        postgres_uuid(&values, &gone->id);
        postgres_integer(&values, now_ms);
        postgres_bytes(&values, gone->user_id[0] != '\0' ? user.hash : NULL,
                       sizeof user.hash);
        r = postgres_do(store,
                        "INSERT INTO taken_back (place, id, removed_ms,"
                        " user_hash) VALUES (nextval('places'), $1, $2, $3)",
                        &values, fault);
    }
    return r;
}

static enum result views_step(struct postgres_store *store,
                              struct store_undo *undo, struct fault *fault)
{
    enum result r = postgres_begin(store, POSTGRES_WRITE, fault);
    if (r != RESULT_OK)
        return r;
    r = delete_views(store, undo, fault);
    int64_t gone = (int64_t)undo->gone_count;
    if (r == RESULT_OK)
        r = note_gone(store, undo, fault);
    if (r == RESULT_OK && gone > 0)
        r = postgres_count(store, -gone, fault);
    if (r == RESULT_OK && gone > 0)
        r = postgres_raise_gone(store, fault);
    r = postgres_end(store, r, fault);
    if (r != RESULT_OK) {
        undo->gone_count = 0;
        return r;
    }
    undo->views += gone;
    atomic_fetch_sub(&store->views, gone);
    if (gone < STORE_UNDO_ROWS)
        undo->phase = STORE_UNDO_END;
    return RESULT_OK;
}

/* Not where it has gone on meanwhile: what it added then goes too. */
static enum result end_step(struct postgres_store *store,
                            struct store_undo *undo, bool *ret_more,
                            struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    postgres_integer(&values, undo->number);
    enum result r =
        postgres_db_ask(store->db,
                        "DELETE FROM imports WHERE number = $1 AND NOT EXISTS"
                        " (SELECT 1 FROM views WHERE import = $1) RETURNING 1",
                        &values, &rows, fault);
    *ret_more = r == RESULT_OK && rows.count == 0;
    if (*ret_more)
        undo->phase = STORE_UNDO_VIEWS;
    return r;
}

enum result postgres_store_import_undo_step(struct store *base,
                                            struct store_undo *undo,
                                            bool *ret_more, struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    enum result r;
    undo->gone_count = 0;
    *ret_more = true;
    switch (undo->phase) {
    case STORE_UNDO_BEGIN:
        r = find_import(store, undo, fault);
        if (r == RESULT_OK)
            undo->phase = STORE_UNDO_VIEWS;
        return r;
    case STORE_UNDO_VIEWS:
        return views_step(store, undo, fault);
    case STORE_UNDO_VIDEOS:
    case STORE_UNDO_END:
    default:
        return end_step(store, undo, ret_more, fault);
    }
}
