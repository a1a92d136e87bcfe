#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sqlite_parts.h"

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

/* --- to note what an import has added ------------------------------------- */

static enum result prepare(struct sqlite_store *store, const char *sql,
                           sqlite3_stmt **ret, struct fault *fault)
{
    return sqlite_db_prepare(store->db, sql, ret, fault);
}

static enum result find_number(struct sqlite_store *store, const char *name,
                               int64_t *ret, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *find = NULL;
    enum result r = prepare(store, "SELECT number FROM imports WHERE name = ?1",
                            &find, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_text(find, 1, name, -1, SQLITE_STATIC);
    int code = sqlite3_step(find);
    if (code == SQLITE_DONE)
        return fault_set(fault, RESULT_NOT_FOUND,
                         "no import named %s has added a view", name);
    if (code != SQLITE_ROW)
        return sqlite_store_fault(store, "cannot read", fault);
    *ret = sqlite3_column_int64(find, 0);
    return RESULT_OK;
}

static enum result make_import(struct sqlite_store *store, const char *name,
                               struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *make = NULL;
    enum result r = prepare(store,
                            "INSERT INTO imports (name, began_ms)"
                            " VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                            &make, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_text(make, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(make, 2, clock_now_ms());
    return sqlite_store_step(store, make, "cannot note an import", fault);
}

static enum result write_places(struct sqlite_store *store, const char *sql,
                                int64_t number, int64_t first_seq,
                                int64_t last_seq, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *write = NULL;
    enum result r = prepare(store, sql, &write, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(write, 1, number);
    sqlite3_bind_int64(write, 2, first_seq);
    sqlite3_bind_int64(write, 3, last_seq);
    return sqlite_store_step(store, write, "cannot note an import", fault);
}

/* Where nothing came in between, the places before grow. */
static enum result note_places(struct sqlite_store *store, int64_t number,
                               int64_t first_seq, int64_t last_seq,
                               struct fault *fault)
{
    enum result r =
        write_places(store,
                     "UPDATE imported SET last_seq = ?3 WHERE import = ?1"
                     " AND first_seq = (SELECT max(first_seq) FROM imported"
                     " WHERE import = ?1) AND last_seq = ?2 - 1",
                     number, first_seq, last_seq, fault);
    if (r != RESULT_OK || sqlite3_changes(sqlite_db_handle(store->db)) > 0)
        return r;
    return write_places(store,
                        "INSERT INTO imported (import, first_seq, last_seq)"
                        " VALUES (?1, ?2, ?3)",
                        number, first_seq, last_seq, fault);
}

enum result sqlite_store_import_note(struct sqlite_store *store,
                                     const char *name, int64_t first_seq,
                                     int64_t last_seq, struct fault *fault)
{
    int64_t number = 0;
    enum result r = make_import(store, name, fault);
    if (r == RESULT_OK)
        r = find_number(store, name, &number, fault);
    return r == RESULT_OK
               ? note_places(store, number, first_seq, last_seq, fault)
               : r;
}

enum result sqlite_store_import_write(struct store *base, const char *name,
                                      struct store_view *views, size_t count,
                                      struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    return sqlite_store_write_imported(store, name, views, count, fault);
}

/* --- to take it back ------------------------------------------------------ */

struct places {
    int64_t first_seq;
    int64_t last_seq;
    bool any;
};

static enum result read_places(struct sqlite_store *store, int64_t number,
                               struct places *ret, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *read = NULL;
    enum result r = prepare(store,
                            "SELECT first_seq, last_seq FROM imported"
                            " WHERE import = ?1 ORDER BY first_seq LIMIT 1",
                            &read, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(read, 1, number);
    int code = sqlite3_step(read);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return sqlite_store_fault(store, "cannot read", fault);
    ret->any = code == SQLITE_ROW;
    if (ret->any) {
        ret->first_seq = sqlite3_column_int64(read, 0);
        ret->last_seq = sqlite3_column_int64(read, 1);
    }
    return RESULT_OK;
}

/* What one transaction takes away. */
struct step {
    struct store_deleted views[STORE_UNDO_ROWS];
    size_t count;
};

static void take(struct sqlite_store *store, struct step *step,
                 struct store_undo *undo, const struct store_row *row)
{
    struct store_deleted *view = &step->views[step->count++];
    struct store_gone *gone = &undo->gone[undo->gone_count++];
    view->seq = row->place.seq;
    view->count =
        sqlite_store_entries(&store->list_key, row->user_id, row->video_id,
                             row->place, view->entries);
    *gone = (struct store_gone){.id = row->id, .seq = row->place.seq};
    strncpy(gone->user_id, row->user_id, sizeof gone->user_id - 1);
}

static enum result read_views(struct sqlite_store *store,
                              const struct places *places, struct step *step,
                              struct store_undo *undo, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *read = NULL;
    enum result r = prepare(store,
                            "SELECT " STORE_ROW_COLUMNS " FROM views"
                            " WHERE seq >= ?1 AND seq <= ?2 ORDER BY seq"
                            " LIMIT ?3",
                            &read, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(read, 1, places->first_seq);
    sqlite3_bind_int64(read, 2, places->last_seq);
    sqlite3_bind_int64(read, 3, STORE_UNDO_ROWS);
    int code;
    while ((code = sqlite3_step(read)) == SQLITE_ROW) {
        struct store_row row;
        sqlite_store_row_read(read, &row);
        take(store, step, undo, &row);
    }
    return code == SQLITE_DONE
               ? RESULT_OK
               : sqlite_store_fault(store, "cannot read", fault);
}

static enum result note_gone(struct sqlite_store *store,
                             const struct store_undo *undo, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *note = NULL;
    int64_t now_ms = clock_now_ms();
    enum result r = prepare(store,
                            "INSERT INTO taken_back (place, id, removed_ms,"
                            " user) VALUES (?1, ?2, ?3, ?4)",
                            &note, fault);
    for (size_t i = 0; i < undo->gone_count && r == RESULT_OK; i++) {
        const struct store_gone *gone = &undo->gone[i];
        struct erased_user user =
            erased_user_of(gone->user_id, strlen(gone->user_id));
        sqlite3_bind_int64(note, 1, store->last_seq + 1 + (int64_t)i);
        sqlite3_bind_blob(note, 2, gone->id.bytes, sizeof gone->id.bytes,
                          SQLITE_STATIC);
        sqlite3_bind_int64(note, 3, now_ms);
        if (gone->user_id[0] != '\0')
            sqlite3_bind_blob(note, 4, user.hash, sizeof user.hash,
                              SQLITE_STATIC);
        else
            sqlite3_bind_null(note, 4);
        r = sqlite_store_step(store, note, "cannot note what was taken back",
                              fault);
    }
    return r;
}

/* A range of which all is gone is forgotten; of another the next step finds
 * what is left. */
static enum result delete_views(struct sqlite_store *store,
                                const struct places *places,
                                const struct step *step,
                                const struct store_undo *undo,
                                struct fault *fault)
{
    enum result r =
        sqlite_store_delete_views(store, step->views, step->count, fault);
    if (r == RESULT_OK)
        r = note_gone(store, undo, fault);
    if (r == RESULT_OK && step->count < STORE_UNDO_ROWS)
        r = write_places(store,
                         "DELETE FROM imported WHERE import = ?1"
                         " AND first_seq = ?2 AND last_seq = ?3",
                         undo->number, places->first_seq, places->last_seq,
                         fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(store->add_views, 1, -(int64_t)step->count);
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
    for (size_t i = 0; i < step->count; i++)
        for (size_t j = 0; j < step->views[i].count; j++)
            list_changes_raise(&store->changes, step->views[i].entries[j].list);
    list_changes_end(&store->changes);
    return r;
}

static enum result take_some(struct sqlite_store *store,
                             const struct places *places,
                             struct store_undo *undo, struct step *step,
                             struct fault *fault)
{
    enum result r = sqlite_store_begin(store, fault);
    if (r == RESULT_OK)
        r = read_views(store, places, step, undo, fault);
    if (r == RESULT_OK)
        r = delete_views(store, places, step, undo, fault);
    r = commit(store, step, r, fault);
    if (r != RESULT_OK) {
        undo->gone_count = 0;
        return r;
    }
    store->last_seq += (int64_t)step->count;
    atomic_store(&store->shown_seq, store->last_seq);
    atomic_fetch_sub(&store->views, (int64_t)step->count);
    undo->views += (int64_t)step->count;
    return RESULT_OK;
}

/* The entries of what is taken must all be in `listed`. */
static enum result views_step(struct sqlite_store *store,
                              struct store_undo *undo, struct fault *fault)
{
    struct places places = {0};
    enum result r = read_places(store, undo->number, &places, fault);
    if (r != RESULT_OK)
        return r;
    if (!places.any) {
        undo->phase = STORE_UNDO_VIDEOS;
        return RESULT_OK;
    }
    if (atomic_load(&store->mark) < places.last_seq)
        return sqlite_store_merge_step(store, fault);
    struct step *step = calloc(1, sizeof *step);
    if (step == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    r = take_some(store, &places, undo, step, fault);
    free(step);
    return r;
}

static enum result videos_step(struct sqlite_store *store,
                               struct store_undo *undo, struct fault *fault)
{
    bool more = false;
    enum result r =
        sqlite_store_videos_forget_step(store, undo->after_video, &more, fault);
    if (r == RESULT_OK && !more)
        undo->phase = STORE_UNDO_END;
    return r;
}

static enum result delete_import(struct sqlite_store *store, int64_t number,
                                 struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *forget = NULL;
    enum result r =
        prepare(store, "DELETE FROM imports WHERE number = ?1", &forget, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(forget, 1, number);
    return sqlite_store_step(store, forget, "cannot forget an import", fault);
}

/* Where it has gone on meanwhile, what it added then goes too. */
static enum result end_step(struct sqlite_store *store, struct store_undo *undo,
                            bool *ret_more, struct fault *fault)
{
    struct places places = {0};
    enum result r = read_places(store, undo->number, &places, fault);
    if (r != RESULT_OK)
        return r;
    *ret_more = places.any;
    undo->after_video[0] = '\0';
    if (!places.any)
        return delete_import(store, undo->number, fault);
    undo->phase = STORE_UNDO_VIEWS;
    return RESULT_OK;
}

enum result sqlite_store_import_undo_step(struct store *base,
                                          struct store_undo *undo,
                                          bool *ret_more, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    undo->gone_count = 0;
    enum result r = RESULT_OK;
    *ret_more = true;
    switch (undo->phase) {
    case STORE_UNDO_BEGIN:
        r = find_number(store, undo->name, &undo->number, fault);
        if (r == RESULT_OK)
            undo->phase = STORE_UNDO_VIEWS;
        return r;
    case STORE_UNDO_VIEWS:
        return views_step(store, undo, fault);
    case STORE_UNDO_VIDEOS:
        return videos_step(store, undo, fault);
    case STORE_UNDO_END:
    default:
        return end_step(store, undo, ret_more, fault);
    }
}
