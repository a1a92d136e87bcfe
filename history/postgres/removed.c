#include "store_removed.h"

#include <string.h>

#include "clock.h"
#include "postgres_parts.h"

enum {
    FORGET_ROWS = 200, /* of a step */
};

int64_t postgres_store_removed_count(const struct store *base)
{
    return postgres_const_store_of(base)->removed_count;
}

/* --- to remove ------------------------------------------------------------ */

/* Its user was erased, and it is about to go: what it says is not to be kept.
 */
static bool is_going(const struct postgres_store *store,
                     const struct erased_user *user, int64_t viewed_at_ms)
{
    const struct erased_entry *entry =
        erased_set_find(&store->erased, user, ERASED_FROM_EVER);
    return entry != NULL && viewed_at_ms <= entry->until_ms;
}

static enum result read_view(struct postgres_store *store,
                             const struct uuid *id, struct removed_view *ret,
                             struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    struct store_row row;
    postgres_uuid(&values, id);
    enum result r =
        postgres_db_ask(store->db, postgres_find_sql, &values, &rows, fault);
    if (r != RESULT_OK)
        return r;
    if (rows.count == 0)
        return fault_set(fault, RESULT_NOT_FOUND, "no view has that id");
    postgres_row_read(&rows, 0, &row);
    ret->user_given = row.user_id_bytes > 0;
    if (ret->user_given)
        ret->user = erased_user_of(row.user_id, row.user_id_bytes);
    if (ret->user_given && is_going(store, &ret->user, row.place.viewed_at_ms))
        return fault_set(fault, RESULT_NOT_FOUND, "no view has that id");
    if (row.place.viewed_at_ms > ret->removed_ms)
        ret->ahead_ms = row.place.viewed_at_ms;
    return RESULT_OK;
}

#define KEPT                                                                   \
    "viewed_at_ms, flags, user_id, video_id, video_path, received_ms,"         \
    " position_ms, duration_ms, session_id, rule, trace"

/* The view goes, and what it said is kept beside the note. In the transaction
 * that is open. */
static enum result move(struct postgres_store *store,
                        const struct removed_view *view, struct fault *fault)
{
    struct postgres_values values = {0};
    postgres_uuid(&values, &view->id);
    postgres_integer(&values, view->removed_ms);
    postgres_bytes(&values, view->user_given ? view->user.hash : NULL,
                   sizeof view->user.hash);
    postgres_integer(&values, view->ahead_ms);
    return postgres_do(
        store,
        "WITH gone AS (DELETE FROM views WHERE id = $1"
        " AND (user_id, viewed_at_ms) ="
        " (SELECT user_id, viewed_at_ms FROM ids WHERE id = $1)"
        " RETURNING id, " KEPT ")"
        " INSERT INTO removed (id, place, removed_ms, user_hash, ahead_ms,"
        " " KEPT ") SELECT id, nextval('places'), $2, $3, nullif($4, 0), " KEPT
        " FROM gone",
        &values, fault);
}

/* From then on the id is known, and is nobody's. */
static enum result unname(struct postgres_store *store, const struct uuid *id,
                          struct fault *fault)
{
    struct postgres_values values = {0};
    postgres_uuid(&values, id);
    return postgres_do(store,
                       "UPDATE ids SET user_id = '', viewed_at_ms = 0"
                       " WHERE id = $1",
                       &values, fault);
}

/* One more or less; and everybody is to know. */
static enum result end_one(struct postgres_store *store, int64_t views,
                           enum result r, struct fault *fault)
{
    if (r == RESULT_OK)
        r = postgres_count(store, views, fault);
    if (r == RESULT_OK)
        r = postgres_raise_gone(store, fault);
    r = postgres_end(store, r, fault);
    return r == RESULT_OK ? postgres_refresh(store, fault) : r;
}

enum result postgres_store_remove(struct store *base, const struct uuid *id,
                                  int64_t now_ms, struct removed_view *ret,
                                  struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    struct removed_view view = {.id = *id, .removed_ms = now_ms};
    enum result r = postgres_begin(store, POSTGRES_WRITE, fault);
    if (r != RESULT_OK)
        return r;
    r = read_view(store, id, &view, fault);
    if (r == RESULT_OK)
        r = move(store, &view, fault);
    if (r == RESULT_OK)
        r = unname(store, id, fault);
    r = end_one(store, -1, r, fault);
    if (r == RESULT_OK)
        *ret = view;
    return r;
}

/* --- to restore ----------------------------------------------------------- */

static const char restorable[] =
    "SELECT place, viewed_at_ms, id, flags, user_id, video_id, video_path,"
    " received_ms, position_ms, duration_ms, session_id, rule, trace"
    " FROM removed WHERE id = $1 AND flags IS NOT NULL AND removed_ms > $2";

static enum result find(struct postgres_db *db, const struct uuid *id,
                        int64_t now_ms, struct postgres_rows *ret,
                        struct fault *fault)
{
    struct postgres_values values = {0};
    postgres_uuid(&values, id);
    postgres_integer(&values, now_ms - STORE_UNDO_MS);
    enum result r = postgres_db_ask(db, restorable, &values, ret, fault);
    return r == RESULT_OK && ret->count == 0
               ? fault_set(fault, RESULT_NOT_FOUND,
                           "no view of that id can be restored")
               : r;
}

enum result postgres_store_restorable(struct store *base, const struct uuid *id,
                                      int64_t now_ms, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    return find(postgres_store_of(base)->db, id, now_ms, &rows, fault);
}

enum result postgres_store_find_removed(
    struct store *base, const struct uuid *id, int64_t now_ms,
    void (*row)(void *context, const struct store_row *row), void *context,
    struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_reader *reader = NULL;
    enum result r = postgres_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    r = find(reader->db, id, now_ms, &rows, fault);
    postgres_readers_give(&store->readers, reader);
    if (r != RESULT_OK)
        return r;
    struct store_row found;
    postgres_row_read(&rows, 0, &found);
    row(context, &found);
    return RESULT_OK;
}

/* In the transaction that is open. */
static enum result put_back(struct postgres_store *store, const struct uuid *id,
                            struct fault *fault)
{
    static const char move_id[] =
        "UPDATE ids SET user_id = removed.user_id,"
        " viewed_at_ms = removed.viewed_at_ms"
        " FROM removed WHERE removed.id = $1 AND ids.id = $1";
    static const char move_view[] =
        "WITH back AS (DELETE FROM removed WHERE id = $1 RETURNING *)"
        " INSERT INTO views (seq, id, viewed_at_ms, flags, user_id, video_id,"
        " video_path, received_ms, position_ms, duration_ms, session_id, rule,"
        " trace) SELECT nextval('places'), id, viewed_at_ms, flags | 4,"
        " user_id, video_id, video_path, received_ms, position_ms,"
        " duration_ms, session_id, rule, trace FROM back";
    struct postgres_values values = {0};
    postgres_uuid(&values, id);
    enum result r = postgres_do(store, move_id, &values, fault);
    return r == RESULT_OK ? postgres_do(store, move_view, &values, fault) : r;
}

_Static_assert(POSTGRES_FLAG_RESTORED == 4, "as the statement has it");

enum result postgres_store_restore_removed(struct store *base,
                                           const struct uuid *id,
                                           int64_t now_ms, struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    enum result r = postgres_begin(store, POSTGRES_WRITE, fault);
    if (r != RESULT_OK)
        return r;
    r = postgres_store_restorable(base, id, now_ms, fault);
    if (r == RESULT_OK)
        r = put_back(store, id, fault);
    return end_one(store, 1, r, fault);
}

/* --- what can be restored no more ------------------------------------------
 */

enum result postgres_forget_removed(struct postgres_store *store,
                                    bool *ret_more, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    postgres_integer(&values, clock_now_ms() - STORE_UNDO_MS);
    postgres_integer(&values, FORGET_ROWS);
    enum result r = postgres_db_ask(
        store->db,
        "UPDATE removed SET viewed_at_ms = NULL, flags = NULL, user_id = NULL,"
        " video_id = NULL, video_path = NULL, received_ms = NULL,"
        " position_ms = NULL, duration_ms = NULL, session_id = NULL,"
        " rule = NULL, trace = NULL WHERE id IN (SELECT id FROM removed"
        " WHERE flags IS NOT NULL AND removed_ms <= $1 ORDER BY removed_ms"
        " LIMIT $2) RETURNING 1",
        &values, &rows, fault);
    *ret_more = r == RESULT_OK && rows.count == FORGET_ROWS;
    return r;
}

/* --- from and for files -----------------------------------------------------
 */

enum result postgres_read_removals(struct postgres_db *db,
                                   struct removed_set *set, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = postgres_db_ask(
        db, "SELECT id, user_hash, removed_ms, ahead_ms FROM removed", NULL,
        &rows, fault);
    for (int i = 0; i < rows.count && r == RESULT_OK; i++) {
        size_t bytes;
        const char *hash = postgres_text_at(&rows, i, 1, &bytes);
        struct removed_view view = {
            .user_given = bytes == sizeof view.user.hash,
            .removed_ms = postgres_integer_at(&rows, i, 2),
            .ahead_ms = postgres_integer_at(&rows, i, 3),
        };
        (void)postgres_uuid_at(&rows, i, 0, &view.id);
        if (view.user_given)
            memcpy(view.user.hash, hash, sizeof view.user.hash);
        if (!removed_set_add(set, &view))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    return r;
}

enum result postgres_store_removed_all(struct store *base,
                                       struct removed_set *set,
                                       struct fault *fault)
{
    return postgres_read_removals(postgres_store_of(base)->db, set, fault);
}

static bool is_erased(const struct postgres_store *store,
                      const struct removed_view *view)
{
    const struct erased_entry *entry =
        view->user_given
            ? erased_set_find(&store->erased, &view->user, ERASED_FROM_EVER)
            : NULL;
    return entry != NULL && view->removed_ms <= entry->until_ms;
}

/* In the transaction that is open; *views: one more where it was there. */
static enum result import_one(struct postgres_store *store,
                              const struct removed_view *view, int64_t *views,
                              struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    struct postgres_values note = {0};
    postgres_uuid(&values, &view->id);
    enum result r = postgres_db_ask(
        store->db,
        "DELETE FROM views WHERE id = $1 AND (user_id, viewed_at_ms) ="
        " (SELECT user_id, viewed_at_ms FROM ids WHERE id = $1) RETURNING 1",
        &values, &rows, fault);
    if (r == RESULT_OK)
        r = postgres_do(store,
                        "INSERT INTO ids (id, user_id, viewed_at_ms)"
                        " VALUES ($1, '', 0) ON CONFLICT (id) DO UPDATE"
                        " SET user_id = '', viewed_at_ms = 0",
                        &values, fault);
    postgres_uuid(&note, &view->id);
    postgres_integer(&note, view->removed_ms);
    postgres_bytes(&note, view->user_given ? view->user.hash : NULL,
                   sizeof view->user.hash);
    postgres_integer(&note, view->ahead_ms);
    if (r == RESULT_OK)
        r = postgres_do(store,
                        "INSERT INTO removed (id, place, removed_ms, user_hash,"
                        " ahead_ms) VALUES ($1, nextval('places'), $2, $3,"
                        " nullif($4, 0)) ON CONFLICT (id) DO NOTHING",
                        &note, fault);
    *views += rows.count;
    return r;
}

static enum result find_new(struct postgres_store *store,
                            const struct removed_set *set,
                            struct removed_set *ret_new, struct fault *fault)
{
    CLEANUP(removed_set_done) struct removed_set known = {0};
    enum result r = RESULT_OK;
    if (store->removed_count > 0)
        r = postgres_read_removals(store->db, &known, fault);
    removed_set_sort(&known); /* by id */
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++) {
        if (is_erased(store, &set->views[i]) ||
            removed_set_has(&known, &set->views[i].id))
            continue;
        if (!removed_set_add(ret_new, &set->views[i]))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    removed_set_sort(ret_new);
    return r;
}

enum result postgres_store_removed_import(struct store *base,
                                          const struct removed_set *set,
                                          int64_t *ret_views,
                                          struct fault *fault)
{
    CLEANUP(removed_set_done) struct removed_set new_ones = {0};
    struct postgres_store *store = postgres_store_of(base);
    int64_t views = 0;
    *ret_views = 0;
    enum result r = find_new(store, set, &new_ones, fault);
    if (r != RESULT_OK || new_ones.count == 0)
        return r;
    r = postgres_begin(store, POSTGRES_WRITE, fault);
    if (r != RESULT_OK)
        return r;
    for (size_t i = 0; i < new_ones.count && r == RESULT_OK; i++)
        r = import_one(store, &new_ones.views[i], &views, fault);
    r = end_one(store, -views, r, fault);
    if (r == RESULT_OK)
        *ret_views = views;
    return r;
}
