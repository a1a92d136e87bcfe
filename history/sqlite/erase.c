#include <stdlib.h>
#include <string.h>

#include "list_key.h"
#include "sqlite_parts.h"

enum {
    NOTE_VIEWS = 2000,  /* merged in one go before the tombstone: 15 ms */
    CUT_TRIES_MAX = 50, /* 100 ms each, see checkpoint.c */
};

const struct erased_set *sqlite_store_erased(const struct store *base)
{
    const struct sqlite_store *store = sqlite_store_of_const(base);
    return &store->erased;
}

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

/* A statement that is used here and now; the caller finalizes it. */
static enum result prepare(struct sqlite_store *store, const char *sql,
                           sqlite3_stmt **ret, struct fault *fault)
{
    return sqlite_db_prepare(store->db, sql, ret, fault);
}

static void bind_user(sqlite3_stmt *statement, int at,
                      const struct erased_user *user)
{
    sqlite3_bind_blob(statement, at, user->hash, sizeof user->hash,
                      SQLITE_STATIC);
}

static struct erased_user user_of(const struct store_erasure *erasure)
{
    return erased_user_of(erasure->user_id, strlen(erasure->user_id));
}

/* False where no view can have that user. */
static bool list_of(const struct sqlite_store *store,
                    const struct store_erasure *erasure, int64_t *ret)
{
    return list_key(&store->list_key, erasure->user_id, NULL, ret);
}

/* --- 1, 2: the tombstone -------------------------------------------------- */

enum result sqlite_store_merge_all(struct sqlite_store *store,
                                   struct fault *fault)
{
    enum result r = RESULT_OK;
    while (r == RESULT_OK && sqlite_store_tail_views(store) > 0)
        r = sqlite_store_merge_step(store, fault);
    return r;
}

/* The user's latest view, or one that was removed: a row of another user under
 * the same hash only makes the tombstone reach further. */
static enum result find_latest(struct sqlite_store *store,
                               struct store_erasure *erasure,
                               struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *latest = NULL;
    int64_t list;
    if (!list_of(store, erasure, &list))
        return RESULT_OK;
    enum result r =
        prepare(store, "SELECT max(viewed_at_ms) FROM listed WHERE list = ?1",
                &latest, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(latest, 1, list);
    if (sqlite3_step(latest) != SQLITE_ROW)
        return sqlite_store_fault(store, "cannot read", fault);
    int64_t ms = sqlite3_column_int64(latest, 0);
    if (sqlite3_column_type(latest, 0) != SQLITE_NULL && ms > erasure->until_ms)
        erasure->until_ms = ms;
    struct erased_user user = user_of(erasure);
    return sqlite_store_removed_latest(store, &user, &erasure->until_ms, fault);
}

/* What else there is about the user. In the transaction that is open. */
static enum result forget_user(struct sqlite_store *store,
                               const struct erased_user *user,
                               struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *forget = NULL;
    enum result r =
        prepare(store, "DELETE FROM dismissed WHERE user = ?1", &forget, fault);
    if (r != RESULT_OK)
        return r;
    bind_user(forget, 1, user);
    r = sqlite_store_step(store, forget, "cannot forget a user", fault);
    if (r == RESULT_OK)
        r = sqlite_store_forget_keep_days(store, user, fault);
    return r == RESULT_OK ? sqlite_store_removed_erase(store, user, fault) : r;
}

/* In the transaction that is open. */
static enum result write_tombstone(struct sqlite_store *store,
                                   const struct erased_entry *entry,
                                   const char *pending_user_id,
                                   struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *insert = NULL;
    enum result r =
        prepare(store,
                "INSERT INTO erased (user, until_ms, pending_user_id)"
                " VALUES (?1, ?2, ?3) ON CONFLICT (user) DO UPDATE SET"
                " until_ms = max(until_ms, excluded.until_ms),"
                " pending_user_id = excluded.pending_user_id",
                &insert, fault);
    if (r != RESULT_OK)
        return r;
    bind_user(insert, 1, &entry->user);
    sqlite3_bind_int64(insert, 2, entry->until_ms);
    sqlite3_bind_text(insert, 3, pending_user_id, -1, SQLITE_STATIC);
    r = sqlite_store_step(store, insert, "cannot write a tombstone", fault);
    return r == RESULT_OK ? forget_user(store, &entry->user, fault) : r;
}

static enum result end_transaction(struct sqlite_store *store, enum result r,
                                   struct fault *fault)
{
    if (r == RESULT_OK)
        r = sqlite_store_commit(store, fault);
    if (r != RESULT_OK)
        sqlite_store_rollback(store);
    return r;
}

static enum result note(struct sqlite_store *store,
                        struct store_erasure *erasure, struct fault *fault)
{
    enum result r = sqlite_store_merge_all(store, fault);
    if (r == RESULT_OK)
        r = find_latest(store, erasure, fault);
    if (r != RESULT_OK)
        return r;
    struct erased_entry entry = {
        .user = user_of(erasure),
        .from_ms = ERASED_FROM_EVER,
        .until_ms = erasure->until_ms,
    };
    if (!erased_set_reserve(&store->erased))
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    r = sqlite_store_begin(store, fault);
    if (r == RESULT_OK)
        r = write_tombstone(store, &entry, erasure->user_id, fault);
    r = end_transaction(store, r, fault);
    /* After the commit: a view that is refused is acknowledged, and gone. */
    if (r == RESULT_OK) {
        (void)erased_set_add(&store->erased, &entry);
        sqlite_store_forgot_keep_days(store, &entry.user);
    }
    return r;
}

/* --- 3, 4: rows, entries, names of videos --------------------------------- */

static enum result delete_some(struct sqlite_store *store,
                               struct store_erasure *erasure, bool *ret_more,
                               struct fault *fault)
{
    struct store_deletion deletion = {
        .user_id = erasure->user_id,
        .until_ms = erasure->until_ms,
        .after = erasure->after,
        .views = erasure->views,
    };
    *ret_more = false;
    if (!list_of(store, erasure, &deletion.list))
        return RESULT_OK;
    enum result r = sqlite_store_delete_some(store, &deletion, ret_more, fault);
    erasure->after = deletion.after;
    erasure->views = deletion.views;
    return r;
}

static enum result forget_pending(struct sqlite_store *store,
                                  const struct store_erasure *erasure,
                                  struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *update = NULL;
    struct erased_user user = user_of(erasure);
    enum result r = prepare(
        store, "UPDATE erased SET pending_user_id = NULL WHERE user = ?1",
        &update, fault);
    if (r != RESULT_OK)
        return r;
    bind_user(update, 1, &user);
    return sqlite_store_step(store, update, "cannot end an erasure", fault);
}

/* --- the steps ------------------------------------------------------------ */

static enum result overwrite(struct sqlite_store *store,
                             struct store_erasure *erasure, bool *ret_more,
                             struct fault *fault)
{
    enum result r = sqlite_store_cut_wal(store, &erasure->overwritten, fault);
    *ret_more = r == RESULT_OK && !erasure->overwritten &&
                ++erasure->tries < CUT_TRIES_MAX;
    return r;
}

static enum result delete_step(struct sqlite_store *store,
                               struct store_erasure *erasure,
                               struct fault *fault)
{
    bool more = false;
    enum result r = delete_some(store, erasure, &more, fault);
    if (r == RESULT_OK && !more)
        erasure->phase = STORE_ERASE_VIDEOS;
    return r;
}

static enum result videos_step(struct sqlite_store *store,
                               struct store_erasure *erasure,
                               struct fault *fault)
{
    bool more = false;
    enum result r = sqlite_store_videos_forget_step(store, erasure->after_video,
                                                    &more, fault);
    if (r != RESULT_OK || more)
        return r;
    r = forget_pending(store, erasure, fault);
    if (r == RESULT_OK)
        erasure->phase = STORE_ERASE_OVERWRITE;
    return r;
}

enum result sqlite_store_erase_step(struct store *base,
                                    struct store_erasure *erasure,
                                    bool *ret_more, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    enum result r;
    *ret_more = true;
    switch (erasure->phase) {
    case STORE_ERASE_MERGE:
        if (sqlite_store_tail_views(store) >= NOTE_VIEWS)
            return sqlite_store_merge_step(store, fault);
        erasure->phase = STORE_ERASE_NOTE;
        return RESULT_OK;
    case STORE_ERASE_NOTE:
        r = note(store, erasure, fault);
        erasure->after = (struct store_place){INT64_MIN, INT64_MIN};
        if (r == RESULT_OK)
            erasure->phase = STORE_ERASE_DELETE;
        return r;
    case STORE_ERASE_DELETE:
        return delete_step(store, erasure, fault);
    case STORE_ERASE_VIDEOS:
        return videos_step(store, erasure, fault);
    case STORE_ERASE_OVERWRITE:
    default:
        return overwrite(store, erasure, ret_more, fault);
    }
}

/* All steps of one. */
static enum result erase(struct sqlite_store *store,
                         struct store_erasure *erasure, struct fault *fault)
{
    bool more = true;
    enum result r = RESULT_OK;
    while (r == RESULT_OK && more)
        r = sqlite_store_erase_step(&store->base, erasure, &more, fault);
    return r;
}

/* --- at start ------------------------------------------------------------- */

enum result sqlite_store_erased_rows(struct sqlite_db *db,
                                     struct erased_set *set,
                                     struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    enum result r = sqlite_db_prepare(db, "SELECT user, until_ms FROM erased",
                                      &rows, fault);
    int code = SQLITE_DONE;
    while (r == RESULT_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct erased_entry entry = {
            .from_ms = ERASED_FROM_EVER,
            .until_ms = sqlite3_column_int64(rows, 1),
        };
        memcpy(entry.user.hash, sqlite3_column_blob(rows, 0),
               sizeof entry.user.hash); /* the table checks its length */
        if (!erased_set_add(set, &entry))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    if (r == RESULT_OK && code != SQLITE_DONE)
        r = sqlite_db_fault(db, "cannot read the tombstones", fault);
    return r;
}

/* Users whose views are to go, by name. */
struct names {
    char (*names)[VIEWED_USER_BYTES_MAX + 1];
    size_t count;
};

static void names_done(struct names *names)
{
    free(names->names);
}

static bool names_add(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i], name) == 0)
            return true;
    void *grown =
        reallocarray(names->names, names->count + 1, sizeof *names->names);
    if (grown == NULL)
        return false;
    names->names = grown;
    strncpy(names->names[names->count], name, VIEWED_USER_BYTES_MAX);
    names->names[names->count++][VIEWED_USER_BYTES_MAX] = '\0';
    return true;
}

/* All names that `sql` gives and `is_wanted` (NULL: all) takes. */
static enum result read_names(struct sqlite_store *store, const char *sql,
                              const struct erased_set *wanted,
                              struct names *names, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    enum result r = prepare(store, sql, &rows, fault);
    int code = SQLITE_DONE;
    while (r == RESULT_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(rows, 0);
        struct erased_user user = erased_user_of(name, strlen(name));
        if (wanted != NULL &&
            erased_set_find(wanted, &user, ERASED_FROM_EVER) == NULL)
            continue;
        if (!names_add(names, name))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    if (r == RESULT_OK && code != SQLITE_DONE)
        r = sqlite_store_fault(store, "cannot read", fault);
    return r;
}

/* Until the time that the tombstone has; it may be of long ago. */
static enum result erase_named(struct sqlite_store *store,
                               const struct names *names, int64_t *ret_views,
                               struct fault *fault)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < names->count && r == RESULT_OK; i++) {
        struct store_erasure erasure = {
            .phase = STORE_ERASE_DELETE,
            .after = {INT64_MIN, INT64_MIN},
        };
        memcpy(erasure.user_id, names->names[i], sizeof erasure.user_id);
        struct erased_user user = user_of(&erasure);
        const struct erased_entry *entry =
            erased_set_find(&store->erased, &user, ERASED_FROM_EVER);
        erasure.until_ms = entry != NULL ? entry->until_ms : INT64_MIN;
        r = erase(store, &erasure, fault);
        *ret_views += erasure.views;
    }
    return r;
}

enum result sqlite_store_erase_resume(struct store *base, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    CLEANUP(names_done) struct names names = {0};
    int64_t views = 0;
    enum result r = read_names(store,
                               "SELECT pending_user_id FROM erased"
                               " WHERE pending_user_id IS NOT NULL",
                               NULL, &names, fault);
    if (r == RESULT_OK && names.count > 0)
        r = sqlite_store_merge_all(store, fault);
    return r == RESULT_OK ? erase_named(store, &names, &views, fault) : r;
}

/* Those that the store does not have yet, or otherwise. Of a pause nothing was
 * stored, so nothing is to go. */
static enum result import_new(struct sqlite_store *store,
                              const struct erased_set *set,
                              struct erased_set *ret_new, struct fault *fault)
{
    enum result r = sqlite_store_begin(store, fault);
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++) {
        const struct erased_entry *entry = &set->entries[i];
        if (erased_set_covers(&store->erased, entry))
            continue;
        r = erased_is_pause(entry)
                ? sqlite_store_write_pause(store, entry, fault)
                : write_tombstone(store, entry, NULL, fault);
        if (r == RESULT_OK &&
            ((!erased_is_pause(entry) && !erased_set_add(ret_new, entry)) ||
             !erased_set_add(&store->erased, entry)))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    r = end_transaction(store, r, fault);
    for (size_t i = 0; i < ret_new->count && r == RESULT_OK; i++)
        sqlite_store_forgot_keep_days(store, &ret_new->entries[i].user);
    return r;
}

enum result sqlite_store_erase_import(struct store *base,
                                      const struct erased_set *set,
                                      int64_t *ret_views, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    CLEANUP(erased_set_done) struct erased_set new_ones = {0};
    CLEANUP(names_done) struct names names = {0};
    *ret_views = 0;
    enum result r = import_new(store, set, &new_ones, fault);
    if (r != RESULT_OK || new_ones.count == 0)
        return r;
    r = sqlite_store_merge_all(store, fault);
    if (r == RESULT_OK)
        r = read_names(store,
                       "SELECT user_id FROM views WHERE user_id IS NOT NULL",
                       &new_ones, &names, fault);
    return r == RESULT_OK ? erase_named(store, &names, ret_views, fault) : r;
}
