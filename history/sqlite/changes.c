#include <string.h>

#include "changes_place.h"
#include "sqlite_parts.h"

struct changes {
    struct sqlite_db *db;
    const struct store_changes_query *query;
    struct fault *fault;
    sqlite3_stmt *arrivals; /* NULL: not needed yet */
    struct changes_reader reader;
};

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

/* The mark, too: what was erased may have been the last. */
static enum result read_end(struct changes *c)
{
    enum result r = sqlite_db_integer(
        c->db,
        "SELECT max(coalesce((SELECT max(seq) FROM views), 0),"
        " coalesce((SELECT max(place) FROM removed), 0),"
        " coalesce((SELECT max(place) FROM taken_back), 0), mark) FROM store",
        &c->reader.end, c->fault);
    c->reader.reach = c->reader.end;
    return r;
}

/* --- where to begin ------------------------------------------------------- */

static enum result read_arrival(void *context, int64_t from,
                                struct changes_arrival *ret, bool *ret_found)
{
    struct changes *c = context;
    enum result r = RESULT_OK;
    if (c->arrivals == NULL)
        r = sqlite_db_prepare(c->db,
                              "SELECT seq, received_ms FROM views"
                              " WHERE seq >= ?1 AND flags & ?2 = 0"
                              " ORDER BY seq LIMIT 1",
                              &c->arrivals, c->fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(c->arrivals, 1, from);
    sqlite3_bind_int64(c->arrivals, 2, STORE_FLAG_RESTORED);
    int code = sqlite3_step(c->arrivals);
    *ret_found = code == SQLITE_ROW;
    if (*ret_found)
        *ret = (struct changes_arrival){sqlite3_column_int64(c->arrivals, 0),
                                        sqlite3_column_int64(c->arrivals, 1)};
    else if (code != SQLITE_DONE)
        r = sqlite_db_fault(c->db, "cannot read", c->fault);
    sqlite3_reset(c->arrivals);
    return r;
}

static enum result read_check(void *context, int64_t place, uint64_t *ret)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    struct changes *c = context;
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
        struct uuid id; /* the tables check its length */
        memcpy(id.bytes, sqlite3_column_blob(statement, 0), sizeof id.bytes);
        *ret = changes_check(&id);
    }
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? RESULT_OK
               : sqlite_db_fault(c->db, "cannot read", c->fault);
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
    uint32_t given = 0;
    if (c->query->user_id != NULL)
        user = erased_user_of(c->query->user_id, strlen(c->query->user_id));
    enum result r = sqlite_db_prepare(c->db, sql, &statement, c->fault);
    if (r != RESULT_OK)
        return r;
    bind(c, statement, after, changes_look_to(&c->reader, after), &user);
    int code;
    ret->last = after;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        give(statement, taker);
        ret->last = sqlite3_column_int64(statement, 0);
        given++;
    }
    if (code != SQLITE_DONE)
        return sqlite_db_fault(c->db, "cannot read", c->fault);
    changes_end(&c->reader, c->query, after, given, ret);
    return RESULT_OK;
}

static enum result read_page(struct changes *c,
                             const struct store_changes_taker *taker,
                             struct store_changes_page *ret)
{
    int64_t after = 0;
    enum result r = read_end(c);
    if (r == RESULT_OK)
        r = changes_begin(&c->reader, c->query, &after, c->fault);
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
    struct changes c = {
        .db = reader->db,
        .query = query,
        .fault = fault,
        .reader = {.arrival = read_arrival, .check = read_check, .context = &c},
    };
    r = sqlite_db_run(reader->db, "BEGIN", fault);
    if (r == RESULT_OK)
        r = read_page(&c, taker, &page);
    finalize(&c.arrivals);
    /* The end of a read has nothing to fail; the next begin would tell. */
    (void)sqlite_db_run(reader->db, "COMMIT", NULL);
    sqlite_store_readers_give(&store->readers, reader);
    if (r == RESULT_OK)
        *ret = page;
    return r;
}
