#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sqlite_parts.h"

/*
 * Which ids were removed is in the table alone; in memory there is a bit for
 * each of two hashes of an id, so that hardly any other id is looked up.
 */
enum {
    FILTER_BITS = 1 << 20, /* 128 KiB; of 100,000 removed, 3 % look like one */
    FILTER_BYTES = FILTER_BITS / 8,
    FORGET_LATER_MS = 5000, /* several at once: each ends with a checkpoint */
};

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

static void bind_id(sqlite3_stmt *statement, int at, const struct uuid *id)
{
    sqlite3_bind_blob(statement, at, id->bytes, sizeof id->bytes,
                      SQLITE_STATIC);
}

static void bind_user(sqlite3_stmt *statement, int at,
                      const struct erased_user *user)
{
    sqlite3_bind_blob(statement, at, user->hash, sizeof user->hash,
                      SQLITE_STATIC);
}

/* --- the filter ----------------------------------------------------------- */

struct bits {
    uint32_t at[2];
};

static struct bits bits_of(const struct sqlite_store *store,
                           const struct uuid *id)
{
    uint64_t hash = siphash(&store->list_key, id->bytes, sizeof id->bytes);
    return (struct bits){{(uint32_t)(hash % FILTER_BITS),
                          (uint32_t)((hash >> 32) % FILTER_BITS)}};
}

static bool bit_is_set(const struct sqlite_store *store, uint32_t at)
{
    return (store->removed_bits[at / 8] >> (at % 8) & 1) != 0;
}

static void set_bits(struct sqlite_store *store, const struct uuid *id)
{
    struct bits bits = bits_of(store, id);
    for (size_t i = 0; i < 2; i++)
        store->removed_bits[bits.at[i] / 8] |= (uint8_t)(1 << (bits.at[i] % 8));
}

static enum result make_filter(struct sqlite_store *store, struct fault *fault)
{
    if (store->removed_bits == NULL)
        store->removed_bits = calloc(FILTER_BYTES, 1);
    return store->removed_bits != NULL
               ? RESULT_OK
               : fault_set(fault, RESULT_UNAVAILABLE, "no memory");
}

/* SQLITE_ROW or not; the caller resets. */
static enum result look_up(struct sqlite_store *store, const struct uuid *id,
                           bool *ret, struct fault *fault)
{
    bind_id(store->find_removed, 1, id);
    int code = sqlite3_step(store->find_removed);
    enum result r = code == SQLITE_ROW || code == SQLITE_DONE
                        ? RESULT_OK
                        : sqlite_store_fault(store, "cannot read", fault);
    sqlite3_reset(store->find_removed);
    *ret = code == SQLITE_ROW;
    return r;
}

enum result sqlite_store_removed_has(struct sqlite_store *store,
                                     const struct uuid *id, bool *ret,
                                     struct fault *fault)
{
    struct bits bits = bits_of(store, id);
    *ret = false;
    return bit_is_set(store, bits.at[0]) && bit_is_set(store, bits.at[1])
               ? look_up(store, id, ret, fault)
               : RESULT_OK;
}

/* --- open ----------------------------------------------------------------- */

static void take_view(sqlite3_stmt *rows, struct removed_view *ret)
{
    const void *user = sqlite3_column_blob(rows, 1);
    *ret = (struct removed_view){
        .user_given = user != NULL,
        .removed_ms = sqlite3_column_int64(rows, 2),
        .ahead_ms = sqlite3_column_int64(rows, 3), /* 0 for NULL */
    };
    memcpy(ret->id.bytes, sqlite3_column_blob(rows, 0), sizeof ret->id.bytes);
    if (user != NULL) /* the table checks their lengths */
        memcpy(ret->user.hash, user, sizeof ret->user.hash);
}

enum result sqlite_store_removed_rows(struct sqlite_db *db,
                                      struct removed_set *set,
                                      struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    enum result r = sqlite_db_prepare(
        db, "SELECT id, user, removed_ms, ahead_ms FROM removed", &rows, fault);
    int code = SQLITE_DONE;
    while (r == RESULT_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct removed_view view;
        take_view(rows, &view);
        if (!removed_set_add(set, &view))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    if (r == RESULT_OK && code != SQLITE_DONE)
        r = sqlite_db_fault(db, "cannot read what was removed", fault);
    return r;
}

enum result sqlite_store_removed_all(struct store *base,
                                     struct removed_set *set,
                                     struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    return sqlite_store_removed_rows(store->db, set, fault);
}

static enum result read_restorable(struct sqlite_store *store,
                                   struct fault *fault)
{
    int64_t oldest = 0;
    enum result r =
        sqlite_db_integer(store->db,
                          "SELECT coalesce(min(removed_ms), 0) FROM removed"
                          " WHERE flags IS NOT NULL",
                          &oldest, fault);
    if (r == RESULT_OK)
        store->restorable_ms = oldest > 0 ? oldest : INT64_MAX;
    return r;
}

static enum result fill_filter(struct sqlite_store *store, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    enum result r = make_filter(store, fault);
    if (r == RESULT_OK)
        r = sqlite_db_prepare(store->db, "SELECT id FROM removed", &rows,
                              fault);
    int code = SQLITE_DONE;
    while (r == RESULT_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct uuid id;
        memcpy(id.bytes, sqlite3_column_blob(rows, 0), sizeof id.bytes);
        set_bits(store, &id);
    }
    return r == RESULT_OK && code != SQLITE_DONE
               ? sqlite_store_fault(store, "cannot read what was removed",
                                    fault)
               : r;
}

/* Also of what was removed or taken back: no place is given again. */
enum result sqlite_store_removed_open(struct sqlite_store *store,
                                      struct fault *fault)
{
    int64_t last = 0;
    enum result r = sqlite_db_integer(store->db, "SELECT count(*) FROM removed",
                                      &store->removed_count, fault);
    if (r == RESULT_OK)
        r = sqlite_db_integer(store->db,
                              "SELECT max("
                              "coalesce((SELECT max(place) FROM removed), 0),"
                              " coalesce((SELECT max(place) FROM taken_back),"
                              " 0))",
                              &last, fault);
    if (r == RESULT_OK)
        r = read_restorable(store, fault);
    if (r == RESULT_OK && last > store->last_seq)
        store->last_seq = last;
    return r == RESULT_OK && store->removed_count > 0
               ? fill_filter(store, fault)
               : r;
}

void sqlite_store_removed_close(struct sqlite_store *store)
{
    free(store->removed_bits);
}

int64_t sqlite_store_removed_count(const struct store *base)
{
    const struct sqlite_store *store = sqlite_store_of_const(base);
    return store->removed_count;
}

/* --- to remove ------------------------------------------------------------ */

/* One view on its way out. */
struct removal {
    struct uuid id;
    int64_t place; /* of the removal */
    int64_t seq;   /* of the view */
    struct tail_entry entries[TAIL_LISTS_MAX];
    size_t count;
    struct removed_view view;
};

/* Fills in what is known of the view. RESULT_NOT_FOUND. */
static enum result read_view(struct sqlite_store *store,
                             struct removal *removal, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *find = NULL;
    enum result r = sqlite_db_prepare(
        store->db, "SELECT " STORE_ROW_COLUMNS " FROM views WHERE id = ?1",
        &find, fault);
    if (r != RESULT_OK)
        return r;
    bind_id(find, 1, &removal->id);
    int code = sqlite3_step(find);
    if (code == SQLITE_DONE)
        return fault_set(fault, RESULT_NOT_FOUND, "no view has that id");
    if (code != SQLITE_ROW)
        return sqlite_store_fault(store, "cannot read", fault);
    struct store_row row;
    sqlite_store_row_read(find, &row);
    removal->seq = row.place.seq;
    removal->count =
        sqlite_store_entries(&store->list_key, row.user_id, row.video_id,
                             row.place, removal->entries);
    struct removed_view *view = &removal->view;
    view->user_given = row.user_id_bytes > 0;
    if (view->user_given)
        view->user = erased_user_of(row.user_id, row.user_id_bytes);
    if (row.place.viewed_at_ms > view->removed_ms)
        view->ahead_ms = row.place.viewed_at_ms;
    return RESULT_OK;
}

#define KEPT                                                                   \
    "viewed_at_ms, flags, user_id, video_id, video_path, received_ms,"         \
    " position_ms, duration_ms, session_id, rule, trace"

/* With `keep` also what it said. In the transaction that is open. */
static enum result note(struct sqlite_store *store,
                        const struct removal *removal, bool keep,
                        struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *insert = NULL;
    const struct removed_view *view = &removal->view;
    enum result r = sqlite_db_prepare(
        store->db,
        keep ? "INSERT INTO removed (id, place, removed_ms, user, "
               "ahead_ms, " KEPT ") SELECT id, ?2, ?3, ?4, ?5, " KEPT
               " FROM views WHERE id = ?1"
             : "INSERT INTO removed (id, place, removed_ms, user, ahead_ms)"
               " VALUES (?1, ?2, ?3, ?4, ?5)",
        &insert, fault);
    if (r != RESULT_OK)
        return r;
    bind_id(insert, 1, &removal->id);
    sqlite3_bind_int64(insert, 2, removal->place);
    sqlite3_bind_int64(insert, 3, view->removed_ms);
    if (view->user_given)
        bind_user(insert, 4, &view->user);
    if (view->ahead_ms > 0)
        sqlite3_bind_int64(insert, 5, view->ahead_ms);
    return sqlite_store_step(store, insert, "cannot note a removal", fault);
}

/* In the transaction that is open. */
static enum result delete_view(struct sqlite_store *store,
                               const struct removal *removal,
                               struct fault *fault)
{
    enum result r = sqlite_store_delete_view(
        store, removal->seq, removal->entries, removal->count, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(store->add_views, 1, -1);
    return sqlite_store_step(store, store->add_views, "cannot count", fault);
}

static enum result write_removal(struct sqlite_store *store,
                                 struct removal *removal, size_t *merged,
                                 struct fault *fault)
{
    enum result r = sqlite_store_begin(store, fault);
    if (r == RESULT_OK)
        r = read_view(store, removal, fault);
    if (r == RESULT_OK)
        r = note(store, removal, true, fault);
    if (r == RESULT_OK)
        r = delete_view(store, removal, fault);
    if (r == RESULT_OK &&
        !tail_stage_remove(store->tail, removal->entries, removal->count,
                           removal->place, merged))
        r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    return r;
}

static void show_removal(struct sqlite_store *store,
                         const struct removal *removal, size_t merged)
{
    tail_publish(store->tail);
    store->merged = merged;
    store->last_seq = removal->place;
    store->removed_count++;
    set_bits(store, &removal->id);
    if (removal->view.removed_ms < store->restorable_ms)
        store->restorable_ms = removal->view.removed_ms;
    atomic_fetch_sub(&store->views, 1);
    atomic_store(&store->shown_seq, removal->place);
}

enum result sqlite_store_remove(struct store *base, const struct uuid *id,
                                int64_t now_ms, struct removed_view *ret,
                                struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct removal removal = {
        .id = *id,
        .place = store->last_seq + 1,
        .view = {.id = *id, .removed_ms = now_ms},
    };
    size_t merged = store->merged;
    enum result r = make_filter(store, fault);
    if (r == RESULT_OK)
        r = write_removal(store, &removal, &merged, fault);
    list_changes_begin(&store->changes);
    if (r == RESULT_OK)
        r = sqlite_store_commit(store, fault);
    if (r == RESULT_OK) {
        show_removal(store, &removal, merged);
        for (size_t i = 0; i < removal.count; i++)
            list_changes_raise(&store->changes, removal.entries[i].list);
    } else {
        sqlite_store_rollback(store);
        tail_unstage(store->tail);
    }
    list_changes_end(&store->changes);
    if (r == RESULT_OK)
        *ret = removal.view;
    return r;
}

/* --- to restore ----------------------------------------------------------- */

/* The rows of `removed` as sqlite_store_row_read() wants them. */
#define RESTORABLE                                                             \
    "SELECT place, viewed_at_ms, id, flags, user_id, video_id, video_path,"    \
    " received_ms, position_ms, duration_ms, session_id, rule, trace"          \
    " FROM removed"                                                            \
    " WHERE id = ?1 AND flags IS NOT NULL AND removed_ms > ?2"

static enum result find(struct sqlite_db *db, const struct uuid *id,
                        int64_t now_ms,
                        void (*row)(void *context, const struct store_row *row),
                        void *context, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    enum result r = sqlite_db_prepare(db, RESTORABLE, &statement, fault);
    if (r != RESULT_OK)
        return r;
    bind_id(statement, 1, id);
    sqlite3_bind_int64(statement, 2, now_ms - STORE_UNDO_MS);
    int code = sqlite3_step(statement);
    if (code == SQLITE_DONE)
        return fault_set(fault, RESULT_NOT_FOUND,
                         "no view of that id can be restored");
    if (code != SQLITE_ROW)
        return sqlite_db_fault(db, "cannot read", fault);
    struct store_row found;
    sqlite_store_row_read(statement, &found);
    row(context, &found);
    return RESULT_OK;
}

enum result sqlite_store_find_removed(struct store *base, const struct uuid *id,
                                      int64_t now_ms,
                                      void (*row)(void *context,
                                                  const struct store_row *row),
                                      void *context, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct store_reader *reader = NULL;
    enum result r = sqlite_store_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    r = find(reader->db, id, now_ms, row, context, fault);
    sqlite_store_readers_give(&store->readers, reader);
    return r;
}

struct kept_view {
    struct viewed viewed;
    int64_t received_ms;
};

/* What was stored fits: it was a view once. */
static void keep(void *context, const struct store_row *row)
{
    struct kept_view *kept = context;
    struct viewed *viewed = &kept->viewed;
    *kept = (struct kept_view){.received_ms = row->received_ms};
    viewed->id = row->id;
    viewed->id_given = row->id_given;
    viewed->time_given = row->time_given;
    strncpy(viewed->user_id, row->user_id, sizeof viewed->user_id - 1);
    strncpy(viewed->video_id, row->video_id, sizeof viewed->video_id - 1);
    strncpy(viewed->video_path, row->video_path, sizeof viewed->video_path - 1);
    viewed->viewed_at_ms = row->place.viewed_at_ms;
    viewed->position_ms = row->position_ms;
    viewed->duration_ms = row->duration_ms;
    viewed->session_given = row->session_given;
    viewed->session_id = row->session_id;
    viewed->rule = row->rule;
    viewed->trace = row->trace;
}

enum result sqlite_store_removed_drop(struct sqlite_store *store,
                                      const struct uuid *id,
                                      struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *drop = NULL;
    enum result r = sqlite_db_prepare(
        store->db, "DELETE FROM removed WHERE id = ?1", &drop, fault);
    if (r != RESULT_OK)
        return r;
    bind_id(drop, 1, id);
    return sqlite_store_step(store, drop, "cannot restore", fault);
}

static void pass(void *context, const struct store_row *row)
{
    (void)context;
    (void)row;
}

enum result sqlite_store_restorable(struct store *base, const struct uuid *id,
                                    int64_t now_ms, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    return find(store->db, id, now_ms, pass, NULL, fault);
}

enum result sqlite_store_restore_removed(struct store *base,
                                         const struct uuid *id, int64_t now_ms,
                                         struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct kept_view kept;
    enum result r = find(store->db, id, now_ms, keep, &kept, fault);
    if (r != RESULT_OK)
        return r;
    struct store_view view = {.viewed = &kept.viewed,
                              .received_ms = kept.received_ms};
    r = sqlite_store_write_restored(store, &view, fault);
    if (r == RESULT_OK)
        store->removed_count--;
    return r;
}

/* --- what can be restored no more ------------------------------------------
 */

bool sqlite_store_removed_due(const struct sqlite_store *store)
{
    return store->restorable_ms != INT64_MAX &&
           clock_now_ms() >=
               store->restorable_ms + STORE_UNDO_MS + FORGET_LATER_MS;
}

enum {
    FORGET_ROWS = 200, /* of a slice: some 5 ms */
};

#define TO_FORGET                                                              \
    " FROM removed WHERE flags IS NOT NULL AND removed_ms <= ?1"               \
    " ORDER BY removed_ms LIMIT ?2"

/* First, so that what a crash leaves undone is done the next time. */
static enum result forget_videos(struct sqlite_store *store, int64_t until_ms,
                                 struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    enum result r =
        sqlite_db_prepare(store->db, "SELECT video_id" TO_FORGET, &rows, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(rows, 1, until_ms);
    sqlite3_bind_int64(rows, 2, FORGET_ROWS);
    int code;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW && r == RESULT_OK)
        if (sqlite3_column_type(rows, 0) != SQLITE_NULL)
            r = sqlite_store_forget_video(
                store, (const char *)sqlite3_column_text(rows, 0), fault);
    return r == RESULT_OK && code != SQLITE_DONE
               ? sqlite_store_fault(store, "cannot read", fault)
               : r;
}

static enum result overwrite(struct sqlite_store *store, int64_t until_ms,
                             struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *update = NULL;
    enum result r = sqlite_db_prepare(
        store->db,
        "UPDATE removed SET viewed_at_ms = NULL, flags = NULL, user_id = NULL,"
        " video_id = NULL, video_path = NULL, received_ms = NULL,"
        " position_ms = NULL, duration_ms = NULL, session_id = NULL,"
        " rule = NULL, trace = NULL WHERE id IN (SELECT id" TO_FORGET ")",
        &update, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(update, 1, until_ms);
    sqlite3_bind_int64(update, 2, FORGET_ROWS);
    return sqlite_store_step(store, update, "cannot forget what was removed",
                             fault);
}

/* One try to cut the WAL, which has it too: else it is written over as it
 * starts anew. */
enum result sqlite_store_removed_forget(struct sqlite_store *store,
                                        struct fault *fault)
{
    bool cut = false;
    int64_t until_ms = clock_now_ms() - STORE_UNDO_MS;
    enum result r = forget_videos(store, until_ms, fault);
    if (r == RESULT_OK)
        r = overwrite(store, until_ms, fault);
    if (r == RESULT_OK)
        r = read_restorable(store, fault);
    return r == RESULT_OK && !sqlite_store_removed_due(store)
               ? sqlite_store_cut_wal(store, &cut, fault)
               : r;
}

/* --- with the user ---------------------------------------------------------
 */

enum result sqlite_store_removed_latest(struct sqlite_store *store,
                                        const struct erased_user *user,
                                        int64_t *until_ms, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *latest = NULL;
    enum result r = sqlite_db_prepare(
        store->db,
        "SELECT coalesce(max(ahead_ms), 0) FROM removed WHERE user = ?1",
        &latest, fault);
    if (r != RESULT_OK)
        return r;
    bind_user(latest, 1, user);
    if (sqlite3_step(latest) != SQLITE_ROW)
        return sqlite_store_fault(store, "cannot read", fault);
    int64_t ms = sqlite3_column_int64(latest, 0);
    if (ms > *until_ms)
        *until_ms = ms;
    return RESULT_OK;
}

static enum result forget_user(struct sqlite_store *store, const char *sql,
                               const struct erased_user *user,
                               struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *forget = NULL;
    enum result r = sqlite_db_prepare(store->db, sql, &forget, fault);
    if (r != RESULT_OK)
        return r;
    bind_user(forget, 1, user);
    return sqlite_store_step(store, forget, "cannot forget a user", fault);
}

enum result sqlite_store_removed_erase(struct sqlite_store *store,
                                       const struct erased_user *user,
                                       struct fault *fault)
{
    enum result r = forget_user(store, "DELETE FROM taken_back WHERE user = ?1",
                                user, fault);
    if (r == RESULT_OK)
        r = forget_user(store, "DELETE FROM removed WHERE user = ?1", user,
                        fault);
    if (r == RESULT_OK)
        store->removed_count -= sqlite3_changes(sqlite_db_handle(store->db));
    return r;
}

/* --- from files ------------------------------------------------------------
 */

static bool is_erased(const struct sqlite_store *store,
                      const struct removed_view *view)
{
    const struct erased_entry *entry =
        view->user_given
            ? erased_set_find(&store->erased, &view->user, ERASED_FROM_EVER)
            : NULL;
    return entry != NULL && view->removed_ms <= entry->until_ms;
}

/* Those that are not known. */
static enum result find_new(struct sqlite_store *store,
                            const struct removed_set *set,
                            struct removed_set *ret_new, struct fault *fault)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++) {
        bool known = false;
        if (is_erased(store, &set->views[i]))
            continue;
        if (store->removed_bits != NULL)
            r = sqlite_store_removed_has(store, &set->views[i].id, &known,
                                         fault);
        if (r == RESULT_OK && !known &&
            !removed_set_add(ret_new, &set->views[i]))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    removed_set_sort(ret_new);
    return r;
}

/* In the transaction that is open. */
static enum result import_one(struct sqlite_store *store,
                              const struct removed_view *view, int64_t place,
                              int64_t *views, struct fault *fault)
{
    struct removal removal = {.id = view->id, .place = place, .view = *view};
    enum result r = read_view(store, &removal, NULL);
    bool is_here = r == RESULT_OK;
    if (r == RESULT_NOT_FOUND)
        r = RESULT_OK;
    if (r != RESULT_OK)
        return sqlite_store_fault(store, "cannot read", fault);
    r = note(store, &removal, false, fault);
    if (r == RESULT_OK && is_here)
        r = delete_view(store, &removal, fault);
    if (r == RESULT_OK && is_here)
        ++*views;
    return r;
}

static enum result import(struct sqlite_store *store,
                          const struct removed_set *set, int64_t *ret_views,
                          struct fault *fault)
{
    int64_t views = 0;
    enum result r = sqlite_store_begin(store, fault);
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++)
        r = import_one(store, &set->views[i], store->last_seq + 1 + (int64_t)i,
                       &views, fault);
    if (r == RESULT_OK)
        r = sqlite_store_commit(store, fault);
    if (r != RESULT_OK) {
        sqlite_store_rollback(store);
        return r;
    }
    for (size_t i = 0; i < set->count; i++)
        set_bits(store, &set->views[i].id);
    store->last_seq += (int64_t)set->count;
    store->removed_count += (int64_t)set->count;
    atomic_store(&store->shown_seq, store->last_seq);
    atomic_fetch_sub(&store->views, views);
    list_changes_raise_all(&store->changes);
    *ret_views = views;
    return RESULT_OK;
}

enum result sqlite_store_removed_import(struct store *base,
                                        const struct removed_set *set,
                                        int64_t *ret_views, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    CLEANUP(removed_set_done) struct removed_set new_ones = {0};
    char video[VIEWED_VIDEO_BYTES_MAX + 1] = "";
    bool more;
    bool cut = false;
    *ret_views = 0;
    enum result r = find_new(store, set, &new_ones, fault);
    if (r != RESULT_OK || new_ones.count == 0)
        return r;
    r = make_filter(store, fault);
    if (r == RESULT_OK) /* so that no entry is in the tail */
        r = sqlite_store_merge_all(store, fault);
    if (r == RESULT_OK)
        r = import(store, &new_ones, ret_views, fault);
    more = *ret_views > 0;
    while (r == RESULT_OK && more)
        r = sqlite_store_videos_forget_step(store, video, &more, fault);
    return r == RESULT_OK && *ret_views > 0
               ? sqlite_store_cut_wal(store, &cut, fault)
               : r;
}
