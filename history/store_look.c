#include "store_look.h"

#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "store_parts.h"

struct store_look {
    struct sqlite_db *db;
    sqlite3_stmt *has;
    sqlite3_stmt *removed;
    sqlite3_stmt *contained;
    sqlite3_stmt *keep_days; /* made when it is first asked */
};

enum result store_look_open(const char *path, struct store_look **ret,
                            struct fault *fault)
{
    if (access(path, F_OK) != 0)
        return fault_set(fault, RESULT_NOT_FOUND, "there is no store at %s",
                         path);
    struct store_look *look = calloc(1, sizeof *look);
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
        *ret = look;
    else
        store_look_close(look);
    return result;
}

void store_look_close(struct store_look *look)
{
    if (look == NULL)
        return;
    sqlite3_finalize(look->has);
    sqlite3_finalize(look->removed);
    sqlite3_finalize(look->contained);
    sqlite3_finalize(look->keep_days);
    (void)sqlite_db_close(look->db, NULL); /* it has written nothing */
    free(look);
}

/* SQLITE_ROW or SQLITE_DONE, or the fault. */
static enum result step(struct store_look *look, sqlite3_stmt *statement,
                        bool *ret_row, struct fault *fault)
{
    int code = sqlite3_step(statement);
    *ret_row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? RESULT_OK
               : sqlite_db_fault(look->db, "cannot read", fault);
}

static enum result has(struct store_look *look, sqlite3_stmt *statement,
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

enum result store_look_has(struct store_look *look, const struct uuid *id,
                           bool *ret, struct fault *fault)
{
    return has(look, look->has, id, ret, fault);
}

enum result store_look_removed(struct store_look *look, const struct uuid *id,
                               bool *ret, struct fault *fault)
{
    return has(look, look->removed, id, ret, fault);
}

enum result store_look_contained(struct store_look *look,
                                 struct store_contained *ret,
                                 struct fault *fault)
{
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

enum result store_look_expired(struct store_look *look,
                               const struct viewed *viewed, bool *ret,
                               struct fault *fault)
{
    const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;
    bool row = false;
    enum result result = RESULT_OK;
    if (look->keep_days == NULL)
        result = sqlite_db_prepare(look->db,
                                   "SELECT coalesce(min(keep_days), 0)"
                                   " FROM retention WHERE user_id IN ('', ?1)",
                                   &look->keep_days, fault);
    if (result != RESULT_OK)
        return result;
    sqlite3_bind_text(look->keep_days, 1, viewed->user_id, -1, SQLITE_STATIC);
    result = step(look, look->keep_days, &row, fault);
    int64_t days = row ? sqlite3_column_int64(look->keep_days, 0) : 0;
    sqlite3_reset(look->keep_days);
    if (result == RESULT_OK)
        *ret =
            days > 0 && clock_now_ms() - viewed->viewed_at_ms > days * day_ms;
    return result;
}

enum result store_look_erased(struct store_look *look, struct erased_set *set,
                              struct fault *fault)
{
    enum result r = store_erased_rows(look->db, set, fault);
    return r == RESULT_OK ? store_paused_rows(look->db, set, fault) : r;
}

enum result store_look_removals(struct store_look *look,
                                struct removed_set *set, struct fault *fault)
{
    return store_removed_rows(look->db, set, fault);
}

bool store_is_open(const char *path)
{
    int lock;
    if (access(path, F_OK) != 0)
        return false;
    if (sqlite_db_lock(path, &lock, NULL) != RESULT_OK)
        return true;
    (void)close(lock);
    return false;
}
