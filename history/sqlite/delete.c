#include <string.h>

#include "sqlite_parts.h"

enum {
    DELETE_ROWS = 200, /* of a step: some 10 ms */
};

struct statements {
    sqlite3_stmt *places;
    sqlite3_stmt *row;
    sqlite3_stmt *delete_row;
    sqlite3_stmt *delete_entry;
};

/* What one transaction takes away. */
struct step {
    struct statements with;
    struct store_place places[DELETE_ROWS];
    size_t places_count;
    int64_t lists[DELETE_ROWS * TAIL_LISTS_MAX]; /* that have changed */
    size_t lists_count;
    int64_t views;
};

static void done(struct statements *with)
{
    (void)sqlite3_finalize(with->places); /* repeats the last step's error */
    (void)sqlite3_finalize(with->row);
    (void)sqlite3_finalize(with->delete_row);
    (void)sqlite3_finalize(with->delete_entry);
}

/* Of an entry beyond the mark the view's others may be in memory alone. */
static enum result prepare(struct sqlite_store *store, struct statements *with,
                           struct fault *fault)
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } wanted[] = {
        {&with->places,
         "SELECT viewed_at_ms, seq FROM listed WHERE list = ?1"
         " AND (viewed_at_ms, seq) > (?2, ?3) AND viewed_at_ms <= ?4"
         " AND seq <= ?5 ORDER BY viewed_at_ms, seq LIMIT ?6"},
        {&with->row, "SELECT " STORE_ROW_COLUMNS " FROM views WHERE seq = ?1"},
        {&with->delete_row, "DELETE FROM views WHERE seq = ?1"},
        {&with->delete_entry,
         "DELETE FROM listed WHERE list = ?1 AND viewed_at_ms = ?2"
         " AND seq = ?3"},
    };
    enum result r = RESULT_OK;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && r == RESULT_OK;
         i++)
        r = sqlite_db_prepare(store->db, wanted[i].sql, wanted[i].statement,
                              fault);
    return r;
}

static enum result delete_entries(struct sqlite_store *store,
                                  struct statements *with,
                                  const struct tail_entry *entries,
                                  size_t count, struct fault *fault)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        sqlite3_bind_int64(with->delete_entry, 1, entries[i].list);
        sqlite3_bind_int64(with->delete_entry, 2,
                           entries[i].place.viewed_at_ms);
        sqlite3_bind_int64(with->delete_entry, 3, entries[i].place.seq);
        r = sqlite_store_step(store, with->delete_entry,
                              "cannot delete an entry", fault);
    }
    return r;
}

static enum result delete_row(struct sqlite_store *store,
                              struct statements *with, int64_t seq,
                              const struct tail_entry *entries, size_t count,
                              struct fault *fault)
{
    sqlite3_bind_int64(with->delete_row, 1, seq);
    enum result r = sqlite_store_step(store, with->delete_row,
                                      "cannot delete a view", fault);
    return r == RESULT_OK ? delete_entries(store, with, entries, count, fault)
                          : r;
}

enum result sqlite_store_delete_view(struct sqlite_store *store, int64_t seq,
                                     const struct tail_entry *entries,
                                     size_t count, struct fault *fault)
{
    CLEANUP(done) struct statements with = {0};
    enum result r = prepare(store, &with, fault);
    return r == RESULT_OK ? delete_row(store, &with, seq, entries, count, fault)
                          : r;
}

enum result sqlite_store_delete_views(struct sqlite_store *store,
                                      const struct store_deleted *views,
                                      size_t count, struct fault *fault)
{
    CLEANUP(done) struct statements with = {0};
    enum result r = prepare(store, &with, fault);
    for (size_t i = 0; i < count && r == RESULT_OK; i++)
        r = delete_row(store, &with, views[i].seq, views[i].entries,
                       views[i].count, fault);
    return r;
}

static bool is_wanted(const struct store_deletion *deletion,
                      const struct store_row *row)
{
    return deletion->user_id == NULL ||
           (strlen(deletion->user_id) == row->user_id_bytes &&
            memcmp(deletion->user_id, row->user_id, row->user_id_bytes) == 0);
}

/* The row of the place, where it is one of those. */
static enum result delete_view(struct sqlite_store *store, struct step *step,
                               const struct store_deletion *deletion,
                               int64_t seq, struct fault *fault)
{
    sqlite3_stmt *find = step->with.row;
    struct tail_entry entries[TAIL_LISTS_MAX];
    size_t count = 0;
    struct store_row row;
    sqlite3_bind_int64(find, 1, seq);
    int code = sqlite3_step(find);
    if (code == SQLITE_ROW) {
        sqlite_store_row_read(find, &row);
        if (is_wanted(deletion, &row))
            count = sqlite_store_entries(&store->list_key, row.user_id,
                                         row.video_id, row.place, entries);
    }
    enum result r = code == SQLITE_ROW || code == SQLITE_DONE
                        ? RESULT_OK
                        : sqlite_store_fault(store, "cannot read", fault);
    sqlite3_reset(find);
    if (r != RESULT_OK || count == 0)
        return r;
    for (size_t i = 0; i < count; i++)
        step->lists[step->lists_count++] = entries[i].list;
    step->views++;
    return delete_row(store, &step->with, seq, entries, count, fault);
}

static enum result read_places(struct sqlite_store *store, struct step *step,
                               const struct store_deletion *deletion,
                               struct fault *fault)
{
    sqlite3_stmt *places = step->with.places;
    sqlite3_bind_int64(places, 1, deletion->list);
    sqlite3_bind_int64(places, 2, deletion->after.viewed_at_ms);
    sqlite3_bind_int64(places, 3, deletion->after.seq);
    sqlite3_bind_int64(places, 4, deletion->until_ms);
    sqlite3_bind_int64(places, 5, atomic_load(&store->mark));
    sqlite3_bind_int64(places, 6, DELETE_ROWS);
    int code;
    while ((code = sqlite3_step(places)) == SQLITE_ROW)
        step->places[step->places_count++] = (struct store_place){
            sqlite3_column_int64(places, 0), sqlite3_column_int64(places, 1)};
    enum result r = code == SQLITE_DONE
                        ? RESULT_OK
                        : sqlite_store_fault(store, "cannot read", fault);
    sqlite3_reset(places);
    return r;
}

static enum result delete_places(struct sqlite_store *store, struct step *step,
                                 const struct store_deletion *deletion,
                                 struct fault *fault)
{
    enum result r = sqlite_store_begin(store, fault);
    for (size_t i = 0; i < step->places_count && r == RESULT_OK; i++)
        r = delete_view(store, step, deletion, step->places[i].seq, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(store->add_views, 1, -step->views);
    return sqlite_store_step(store, store->add_views, "cannot count", fault);
}

/* Whoever sees the lists otherwise knows that they have changed. */
static enum result commit(struct sqlite_store *store, const struct step *step,
                          enum result r, struct fault *fault)
{
    list_changes_begin(&store->changes);
    if (r == RESULT_OK)
        r = sqlite_store_commit(store, fault);
    if (r != RESULT_OK)
        sqlite_store_rollback(store);
    for (size_t i = 0; i < step->lists_count; i++)
        list_changes_raise(&store->changes, step->lists[i]);
    list_changes_end(&store->changes);
    return r;
}

enum result sqlite_store_delete_some(struct sqlite_store *store,
                                     struct store_deletion *deletion,
                                     bool *ret_more, struct fault *fault)
{
    struct step step = {.views = 0};
    *ret_more = false;
    enum result r = prepare(store, &step.with, fault);
    if (r == RESULT_OK)
        r = read_places(store, &step, deletion, fault);
    if (r == RESULT_OK && step.places_count > 0) {
        r = delete_places(store, &step, deletion, fault);
        r = commit(store, &step, r, fault);
    }
    done(&step.with);
    if (r != RESULT_OK || step.places_count == 0)
        return r;
    atomic_fetch_sub(&store->views, step.views);
    deletion->views += step.views;
    deletion->after = step.places[step.places_count - 1];
    *ret_more = true;
    return RESULT_OK;
}
