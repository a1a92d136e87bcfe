#include <string.h>

#include "dismissals.h"
#include "sqlite_parts.h"

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

static struct erased_user user_of(const char *user_id)
{
    return erased_user_of(user_id, strlen(user_id));
}

static void bind_user(sqlite3_stmt *statement, const struct erased_user *user)
{
    sqlite3_bind_blob(statement, 1, user->hash, sizeof user->hash,
                      SQLITE_STATIC);
}

static enum result insert(struct sqlite_store *store,
                          const struct store_dismissal *dismissal,
                          struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    enum result r =
        sqlite_db_prepare(store->db,
                          "INSERT INTO dismissed (user, video, until_ms)"
                          " VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET"
                          " until_ms = max(until_ms, excluded.until_ms)",
                          &statement, fault);
    if (r != RESULT_OK)
        return r;
    bind_user(statement, &dismissal->user);
    sqlite3_bind_text(statement, 2, dismissal->video, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, dismissal->until_ms);
    return sqlite_store_step(store, statement, "cannot dismiss", fault);
}

static enum result forget_oldest(struct sqlite_store *store,
                                 const struct erased_user *user,
                                 struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    enum result r = sqlite_db_prepare(
        store->db,
        "DELETE FROM dismissed WHERE user = ?1 AND video IN (SELECT video"
        " FROM dismissed WHERE user = ?1 ORDER BY until_ms DESC"
        " LIMIT -1 OFFSET ?2)",
        &statement, fault);
    if (r != RESULT_OK)
        return r;
    bind_user(statement, user);
    sqlite3_bind_int64(statement, 2, STORE_DISMISSED_MAX);
    return sqlite_store_step(store, statement, "cannot forget the oldest",
                             fault);
}

enum result sqlite_store_dismiss_all(struct store *base,
                                     const struct store_dismissal *all,
                                     size_t count, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    enum result r = sqlite_store_begin(store, fault);
    for (size_t i = 0; i < count && r == RESULT_OK; i++) {
        r = insert(store, &all[i], fault);
        if (r == RESULT_OK && dismissals_end_user(all, count, i))
            r = forget_oldest(store, &all[i].user, fault);
    }
    if (r == RESULT_OK)
        r = sqlite_store_commit(store, fault);
    if (r != RESULT_OK)
        sqlite_store_rollback(store);
    return r;
}

enum result sqlite_store_undismiss(struct store *base, const char *user_id,
                                   const char *video, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    struct erased_user user = user_of(user_id);
    enum result r = sqlite_db_prepare(
        store->db, "DELETE FROM dismissed WHERE user = ?1 AND video = ?2",
        &statement, fault);
    if (r != RESULT_OK)
        return r;
    bind_user(statement, &user);
    sqlite3_bind_text(statement, 2, video, -1, SQLITE_STATIC);
    return sqlite_store_step(store, statement, "cannot take back", fault);
}

static enum result read_all(struct store_reader *reader, const char *user_id,
                            void (*each)(void *context, const char *video,
                                         size_t video_bytes, int64_t until_ms),
                            void *context, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    struct erased_user user = user_of(user_id);
    enum result r = sqlite_db_prepare(
        reader->db, "SELECT video, until_ms FROM dismissed WHERE user = ?1",
        &rows, fault);
    if (r != RESULT_OK)
        return r;
    bind_user(rows, &user);
    int code;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *video = (const char *)sqlite3_column_text(rows, 0);
        if (video != NULL)
            each(context, video, (size_t)sqlite3_column_bytes(rows, 0),
                 sqlite3_column_int64(rows, 1));
    }
    return code == SQLITE_DONE
               ? RESULT_OK
               : sqlite_db_fault(reader->db, "cannot read", fault);
}

enum result
sqlite_store_dismissed(struct store *base, const char *user_id,
                       void (*each)(void *context, const char *video,
                                    size_t video_bytes, int64_t until_ms),
                       void *context, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct store_reader *reader = NULL;
    enum result r = sqlite_store_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    r = read_all(reader, user_id, each, context, fault);
    sqlite_store_readers_give(&store->readers, reader);
    return r;
}
