#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "sqlite_parts.h"

struct sqlite_look {
    struct store_look base;
    struct sqlite_db *db;
    sqlite3_stmt *has;
    sqlite3_stmt *removed;
    sqlite3_stmt *contained;
    sqlite3_stmt *keep_days; /* these are made when first used */
    sqlite3_stmt *taken_back;
    sqlite3_stmt *rows;
    sqlite3_stmt *find;
};

static struct sqlite_look *sqlite_look_of(struct store_look *base)
{
    return (struct sqlite_look *)base;
}

enum result sqlite_store_look_open(const char *path, struct store_look **ret,
                                   struct fault *fault)
{
    if (access(path, F_OK) != 0)
        return fault_set(fault, RESULT_NOT_FOUND, "there is no store at %s",
                         path);
    struct sqlite_look *look = calloc(1, sizeof *look);
    if (look == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    enum result result = sqlite_db_open_visitor(path, &look->db, fault);
    if (result == RESULT_OK)
        result = sqlite_db_prepare(
            look->db, "SELECT 1 FROM views WHERE id = ?1", &look->has, fault);
    if (result == RESULT_OK)
        result =
            sqlite_db_prepare(look->db, "SELECT 1 FROM removed WHERE id = ?1",
                              &look->removed, fault);
    if (result == RESULT_OK)
        result = sqlite_db_prepare(
            look->db, "SELECT stream_offset, stream_hash FROM store",
            &look->contained, fault);
    if (result == RESULT_OK)
        *ret = &look->base;
    else
        sqlite_store_look_close(&look->base);
    return result;
}

void sqlite_store_look_close(struct store_look *base)
{
    struct sqlite_look *look = sqlite_look_of(base);
    sqlite3_finalize(look->has);
    sqlite3_finalize(look->removed);
    sqlite3_finalize(look->contained);
    sqlite3_finalize(look->keep_days);
    sqlite3_finalize(look->taken_back);
    sqlite3_finalize(look->rows);
    sqlite3_finalize(look->find);
    (void)sqlite_db_close(look->db, NULL); /* it has written nothing */
    free(look);
}

/* SQLITE_ROW or SQLITE_DONE, or the fault. */
static enum result step(struct sqlite_look *look, sqlite3_stmt *statement,
                        bool *ret_row, struct fault *fault)
{
    int code = sqlite3_step(statement);
    *ret_row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? RESULT_OK
               : sqlite_db_fault(look->db, "cannot read", fault);
}

static enum result has(struct sqlite_look *look, sqlite3_stmt *statement,
                       const struct uuid *id, bool *ret, struct fault *fault)
{
    bool row = false;
    sqlite3_bind_blob(statement, 1, id->bytes, sizeof id->bytes, SQLITE_STATIC);
    enum result result = step(look, statement, &row, fault);
    sqlite3_reset(statement);
    if (result == RESULT_OK)
        *ret = row;
    return result;
}

enum result sqlite_store_look_has(struct store_look *base,
                                  const struct uuid *id, bool *ret,
                                  struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    return has(look, look->has, id, ret, fault);
}

enum result sqlite_store_look_removed(struct store_look *base,
                                      const struct uuid *id, bool *ret,
                                      struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    return has(look, look->removed, id, ret, fault);
}

enum result sqlite_store_look_contained(struct store_look *base,
                                        struct store_contained *ret,
                                        struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    bool row = false;
    enum result result = step(look, look->contained, &row, fault);
    if (result == RESULT_OK && !row)
        result = fault_set(fault, RESULT_UNUSABLE,
                           "the file has no row in table store");
    if (result == RESULT_OK)
        *ret =
            (struct store_contained){sqlite3_column_int64(look->contained, 0),
                                     sqlite3_column_int64(look->contained, 1)};
    sqlite3_reset(look->contained);
    return result;
}

/* Makes the statement when it is first asked for. */
static enum result prepare(struct sqlite_look *look, const char *sql,
                           sqlite3_stmt **statement, struct fault *fault)
{
    return *statement != NULL
               ? RESULT_OK
               : sqlite_db_prepare(look->db, sql, statement, fault);
}

enum result sqlite_store_look_keep_days(struct store_look *base,
                                        const char *user_id, uint32_t *ret,
                                        struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    bool row = false;
    enum result result = prepare(look,
                                 "SELECT coalesce(min(keep_days), 0)"
                                 " FROM retention WHERE user_id IN ('', ?1)",
                                 &look->keep_days, fault);
    if (result != RESULT_OK)
        return result;
    sqlite3_bind_text(look->keep_days, 1, user_id, -1, SQLITE_STATIC);
    result = step(look, look->keep_days, &row, fault);
    *ret = row ? (uint32_t)sqlite3_column_int64(look->keep_days, 0) : 0;
    sqlite3_reset(look->keep_days);
    return result;
}

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

enum result sqlite_store_look_keep_rules(struct store_look *base,
                                         bool (*each)(void *context,
                                                      const char *user_id,
                                                      uint32_t days),
                                         void *context, struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    CLEANUP(finalize) sqlite3_stmt *rules = NULL;
    bool row = true;
    enum result result = sqlite_db_prepare(
        look->db, "SELECT user_id, keep_days FROM retention ORDER BY user_id",
        &rules, fault);
    while (result == RESULT_OK && row) {
        result = step(look, rules, &row, fault);
        if (row && !each(context, (const char *)sqlite3_column_text(rules, 0),
                         (uint32_t)sqlite3_column_int64(rules, 1)))
            break;
    }
    return result;
}

enum result sqlite_store_look_dismissed(
    struct store_look *base,
    bool (*each)(void *context, const struct store_dismissal *dismissal),
    void *context, struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    bool row = true;
    enum result result = sqlite_db_prepare(
        look->db,
        "SELECT user, video, until_ms FROM dismissed ORDER BY user, video",
        &rows, fault);
    while (result == RESULT_OK && row) {
        struct store_dismissal dismissal;
        result = step(look, rows, &row, fault);
        if (!row)
            break;
        memcpy(dismissal.user.hash, sqlite3_column_blob(rows, 0),
               sizeof dismissal.user.hash); /* the table checks its length */
        dismissal.video = (const char *)sqlite3_column_text(rows, 1);
        dismissal.until_ms = sqlite3_column_int64(rows, 2);
        if (!each(context, &dismissal))
            break;
    }
    return result;
}

enum result sqlite_store_look_expired(struct store_look *base,
                                      const struct viewed *viewed, bool *ret,
                                      struct fault *fault)
{
    const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;
    uint32_t days = 0;
    enum result result =
        sqlite_store_look_keep_days(base, viewed->user_id, &days, fault);
    if (result == RESULT_OK)
        *ret =
            days > 0 && clock_now_ms() - viewed->viewed_at_ms > days * day_ms;
    return result;
}

enum result sqlite_store_look_taken_back(struct store_look *base,
                                         const struct uuid *id, bool *ret,
                                         struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    enum result result =
        prepare(look, "SELECT 1 FROM taken_back WHERE id = ?1 LIMIT 1",
                &look->taken_back, fault);
    return result == RESULT_OK ? has(look, look->taken_back, id, ret, fault)
                               : result;
}

/* A transaction begins to be of one moment with its first read. */
enum result sqlite_store_look_hold(struct store_look *base, struct fault *fault)
{
    int64_t mark = 0;
    struct sqlite_look *look = sqlite_look_of(base);
    enum result result = sqlite_db_run(look->db, "BEGIN", fault);
    return result == RESULT_OK
               ? sqlite_db_integer(look->db, "SELECT mark FROM store", &mark,
                                   fault)
               : result;
}

static enum result read_row(struct sqlite_look *look, sqlite3_stmt *statement,
                            struct store_row *ret, struct fault *fault)
{
    bool row = false;
    enum result result = step(look, statement, &row, fault);
    if (result == RESULT_OK && row)
        sqlite_store_row_read(statement, ret);
    return result == RESULT_OK && !row ? RESULT_NOT_FOUND : result;
}

enum result sqlite_store_look_next(struct store_look *base,
                                   struct store_row *ret, struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    enum result result = prepare(look,
                                 "SELECT " STORE_ROW_COLUMNS " FROM views"
                                 " ORDER BY coalesce(user_id, ''), id",
                                 &look->rows, fault);
    return result == RESULT_OK ? read_row(look, look->rows, ret, fault)
                               : result;
}

enum result sqlite_store_look_find(struct store_look *base,
                                   const struct uuid *id, struct store_row *ret,
                                   struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    enum result result =
        prepare(look, "SELECT " STORE_ROW_COLUMNS " FROM views WHERE id = ?1",
                &look->find, fault);
    if (result != RESULT_OK)
        return result;
    sqlite3_reset(look->find);
    sqlite3_bind_blob(look->find, 1, id->bytes, sizeof id->bytes,
                      SQLITE_STATIC);
    return read_row(look, look->find, ret, fault);
}

enum result sqlite_store_look_erased(struct store_look *base,
                                     struct erased_set *set,
                                     struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    enum result r = sqlite_store_erased_rows(look->db, set, fault);
    return r == RESULT_OK ? sqlite_store_paused_rows(look->db, set, fault) : r;
}

enum result sqlite_store_look_removals(struct store_look *base,
                                       struct removed_set *set,
                                       struct fault *fault)
{
    struct sqlite_look *look = sqlite_look_of(base);
    return sqlite_store_removed_rows(look->db, set, fault);
}

bool sqlite_store_is_open(const char *path)
{
    int lock;
    if (access(path, F_OK) != 0)
        return false;
    if (sqlite_db_lock(path, &lock, NULL) != RESULT_OK)
        return true;
    (void)close(lock);
    return false;
}
