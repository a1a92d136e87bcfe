#include <string.h>

#include "sqlite_parts.h"

enum {
    /* Times of arrival are nearly in the order of arrival; a clock that is set
     * back by so much, or less, hides nothing. */
    CLOCK_SET_BACK_MS = 60 * 1000,
};

struct changes {
    struct sqlite_db *db;
    const struct store_changes_query *query;
    struct fault *fault;
    int64_t end; /* the last place there is */
};

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

/* The mark, too: what was erased may have been the last. */
static enum result read_end(struct changes *c)
{
    return sqlite_db_integer(
        c->db,
        "SELECT max(coalesce((SELECT max(seq) FROM views), 0),"
        " coalesce((SELECT max(place) FROM removed), 0),"
        " coalesce((SELECT max(place) FROM taken_back), 0), mark) FROM store",
        &c->end, c->fault);
}

/* --- where to begin ------------------------------------------------------- */

/* The first view from the place on that was not restored: those have the time
 * at which they came first. False where there is none. */
static enum result probe(struct changes *c, sqlite3_stmt *statement,
                         int64_t from, int64_t *ret_seq, int64_t *ret_ms,
                         bool *ret_found)
{
    sqlite3_bind_int64(statement, 1, from);
    sqlite3_bind_int64(statement, 2, STORE_FLAG_RESTORED);
    int code = sqlite3_step(statement);
    *ret_found = code == SQLITE_ROW;
    if (*ret_found) {
        *ret_seq = sqlite3_column_int64(statement, 0);
        *ret_ms = sqlite3_column_int64(statement, 1);
    }
    enum result r = code == SQLITE_ROW || code == SQLITE_DONE
                        ? RESULT_OK
                        : sqlite_db_fault(c->db, "cannot read", c->fault);
    sqlite3_reset(statement);
    return r;
}

/* The place before the first change of that time, by halves. */
static enum result find_time(struct changes *c, int64_t since_ms, int64_t *ret)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    int64_t low = 0;
    int64_t high = c->end + 1;
    enum result r =
        sqlite_db_prepare(c->db,
                          "SELECT seq, received_ms FROM views WHERE seq >= ?1"
                          " AND flags & ?2 = 0 ORDER BY seq LIMIT 1",
                          &statement, c->fault);
    while (r == RESULT_OK && low < high) {
        int64_t middle = low + (high - low) / 2;
        int64_t seq = 0;
        int64_t ms = 0;
        bool found = false;
        r = probe(c, statement, middle, &seq, &ms, &found);
        if (found && ms < since_ms)
            low = seq + 1;
        else
            high = middle;
    }
    *ret = low - 1;
    return r;
}

/* --- a place and its check --------------------------------------------------
 */

/* 0 where nothing is there any more. */
static enum result read_check(struct changes *c, int64_t place, uint64_t *ret)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    enum result r =
        sqlite_db_prepare(c->db,
                          "SELECT id FROM views WHERE seq = ?1"
                          " UNION ALL SELECT id FROM removed WHERE place = ?1"
                          " UNION ALL SELECT id FROM taken_back"
                          " WHERE place = ?1",
                          &statement, c->fault);
    *ret = 0;
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(statement, 1, place);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        uint64_t halves[2]; /* the tables check its length */
        memcpy(halves, sqlite3_column_blob(statement, 0), sizeof halves);
        *ret = halves[0] ^ halves[1];
    }
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? RESULT_OK
               : sqlite_db_fault(c->db, "cannot read", c->fault);
}

static enum result begin_after(struct changes *c, int64_t *ret)
{
    const struct store_changes_query *query = c->query;
    uint64_t check = 0;
    if (!query->after_given)
        return find_time(c, query->since_ms - CLOCK_SET_BACK_MS, ret);
    enum result r = read_check(c, query->after, &check);
    if (r != RESULT_OK)
        return r;
    *ret = query->after;
    bool is_other =
        query->after > c->end ||
        (check != 0 && query->after_check != 0 && check != query->after_check);
    return is_other ? fault_set(c->fault, RESULT_NOT_FOUND,
                                "the place is of another history")
                    : RESULT_OK;
}

/* --- the changes ------------------------------------------------------------
 */

/* Behind a row's columns: is it removed. */
static const char sql[] =
    "SELECT " STORE_ROW_COLUMNS ", 0 FROM views WHERE seq > ?1 AND seq <= ?2"
    " AND (?3 IS NULL OR user_id = ?3) AND (?4 IS NULL OR video_id = ?4)"
    " AND (received_ms >= ?5 OR flags & ?6)"
    " UNION ALL "
    "SELECT place, removed_ms, id, 0, NULL, NULL, NULL, 0, NULL, NULL, NULL, 0,"
    " NULL, 1 FROM removed WHERE place > ?1 AND place <= ?2"
    " AND (?7 IS NULL OR user = ?7) AND removed_ms >= ?5"
    " UNION ALL "
    "SELECT place, removed_ms, id, 0, NULL, NULL, NULL, 0, NULL, NULL, NULL, 0,"
    " NULL, 1 FROM taken_back WHERE place > ?1 AND place <= ?2"
    " AND (?7 IS NULL OR user = ?7) AND removed_ms >= ?5"
    " ORDER BY 1 LIMIT ?8";

static void bind_name(sqlite3_stmt *statement, int at, const char *text)
{
    if (text != NULL)
        sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

/* `user` stays until the statement is done. */
static void bind(struct changes *c, sqlite3_stmt *statement, int64_t after,
                 int64_t end, const struct erased_user *user)
{
    const struct store_changes_query *query = c->query;
    sqlite3_bind_int64(statement, 1, after);
    sqlite3_bind_int64(statement, 2, end);
    bind_name(statement, 3, query->user_id);
    bind_name(statement, 4, query->video_id);
    sqlite3_bind_int64(statement, 5, query->since_ms);
    sqlite3_bind_int64(statement, 6, STORE_FLAG_RESTORED);
    if (query->user_id != NULL)
        sqlite3_bind_blob(statement, 7, user->hash, sizeof user->hash,
                          SQLITE_STATIC);
    sqlite3_bind_int64(statement, 8, (int64_t)query->limit);
}

static void give(sqlite3_stmt *statement,
                 const struct store_changes_taker *taker)
{
    struct store_row row;
    sqlite_store_row_read(statement, &row);
    if (sqlite3_column_int(statement, STORE_ROW_COLUMNS_COUNT) == 0) {
        taker->view(taker->context, &row);
        return;
    }
    struct store_removal removal = {row.id, row.place.viewed_at_ms};
    taker->removal(taker->context, &removal);
}

static enum result read_changes(struct changes *c, int64_t after,
                                const struct store_changes_taker *taker,
                                struct store_changes_page *ret)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    struct erased_user user = {{0}};
    int64_t end = c->end;
    uint32_t given = 0;
    if (c->query->user_id != NULL)
        user = erased_user_of(c->query->user_id, strlen(c->query->user_id));
    if (end - after > STORE_CHANGES_LOOKED_MAX)
        end = after + STORE_CHANGES_LOOKED_MAX;
    enum result r = sqlite_db_prepare(c->db, sql, &statement, c->fault);
    if (r != RESULT_OK)
        return r;
    bind(c, statement, after, end, &user);
    int code;
    ret->last = after;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        give(statement, taker);
        ret->last = sqlite3_column_int64(statement, 0);
        given++;
    }
    if (code != SQLITE_DONE)
        return sqlite_db_fault(c->db, "cannot read", c->fault);
    if (given < c->query->limit && end > after)
        ret->last = end;
    ret->more = ret->last < c->end;
    return RESULT_OK;
}

static enum result read_page(struct changes *c,
                             const struct store_changes_taker *taker,
                             struct store_changes_page *ret)
{
    int64_t after = 0;
    enum result r = read_end(c);
    if (r == RESULT_OK)
        r = begin_after(c, &after);
    if (r == RESULT_OK)
        r = read_changes(c, after, taker, ret);
    return r == RESULT_OK ? read_check(c, ret->last, &ret->last_check) : r;
}

enum result sqlite_store_changes(struct store *base,
                                 const struct store_changes_query *query,
                                 const struct store_changes_taker *taker,
                                 struct store_changes_page *ret,
                                 struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct store_reader *reader = NULL;
    struct store_changes_page page = {.more = false};
    enum result r = sqlite_store_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    struct changes c = {.db = reader->db, .query = query, .fault = fault};
    r = sqlite_db_run(reader->db, "BEGIN", fault);
    if (r == RESULT_OK)
        r = read_page(&c, taker, &page);
    /* The end of a read has nothing to fail; the next begin would tell. */
    (void)sqlite_db_run(reader->db, "COMMIT", NULL);
    sqlite_store_readers_give(&store->readers, reader);
    if (r == RESULT_OK)
        *ret = page;
    return r;
}
