#include "changes_place.h"

#include <string.h>

#include "postgres_parts.h"
#include "utf8.h"

struct changes {
    struct postgres_db *db;
    const struct store_changes_query *query;
    struct fault *fault;
    struct changes_reader reader;
};

/* --- where to begin ------------------------------------------------------- */

static enum result read_arrival(void *context, int64_t from,
                                struct changes_arrival *ret, bool *ret_found)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct changes *c = context;
    struct postgres_values values = {0};
    postgres_integer(&values, from);
    enum result r = postgres_db_ask(c->db,
                                    "SELECT seq, received_ms FROM views"
                                    " WHERE seq >= $1 AND flags & 4 = 0"
                                    " ORDER BY seq LIMIT 1",
                                    &values, &rows, c->fault);
    *ret_found = r == RESULT_OK && rows.count > 0;
    if (*ret_found)
        *ret = (struct changes_arrival){postgres_integer_at(&rows, 0, 0),
                                        postgres_integer_at(&rows, 0, 1)};
    return r;
}

static enum result read_check(void *context, int64_t place, uint64_t *ret)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct changes *c = context;
    struct postgres_values values = {0};
    struct uuid id;
    postgres_integer(&values, place);
    enum result r =
        postgres_db_ask(c->db,
                        "SELECT id FROM views WHERE seq = $1"
                        " UNION ALL SELECT id FROM removed WHERE place = $1"
                        " UNION ALL SELECT id FROM taken_back WHERE place = $1",
                        &values, &rows, c->fault);
    *ret = 0;
    if (r == RESULT_OK && rows.count > 0 && postgres_uuid_at(&rows, 0, 0, &id))
        *ret = changes_check(&id);
    return r;
}

/* --- the changes -----------------------------------------------------------
 */

/* Each part gives its first ones along its own index. Behind a row's columns:
 * is it removed. */
static const char sql[] =
    "SELECT * FROM ("
    "(SELECT " POSTGRES_ROW_COLUMNS ", false AS gone FROM views"
    " WHERE seq > $1 AND seq <= $2 AND ($3::text IS NULL OR user_id = $3)"
    " AND ($4::text IS NULL OR video_id = $4)"
    " AND (received_ms >= $5 OR flags & 4 <> 0) ORDER BY seq LIMIT $7)"
    " UNION ALL "
    "(SELECT place, removed_ms, id, 0::smallint, '', '', '', 0, NULL, NULL,"
    " NULL, 0::smallint, NULL, true FROM removed"
    " WHERE place > $1 AND place <= $2"
    " AND ($6::bytea IS NULL OR user_hash = $6) AND removed_ms >= $5"
    " ORDER BY place LIMIT $7)"
    " UNION ALL "
    "(SELECT place, removed_ms, id, 0::smallint, '', '', '', 0, NULL, NULL,"
    " NULL, 0::smallint, NULL, true FROM taken_back"
    " WHERE place > $1 AND place <= $2"
    " AND ($6::bytea IS NULL OR user_hash = $6) AND removed_ms >= $5"
    " ORDER BY place LIMIT $7)) changes ORDER BY seq LIMIT $7";

static void give(const struct postgres_rows *rows, int at,
                 const struct store_changes_taker *taker)
{
    struct store_row row;
    postgres_row_read(rows, at, &row);
    if (!postgres_bool_at(rows, at, POSTGRES_ROW_COLUMNS_COUNT)) {
        taker->view(taker->context, &row);
        return;
    }
    struct store_removal removal = {row.id, row.place.viewed_at_ms};
    taker->removal(taker->context, &removal);
}

static enum result ask_changes(struct changes *c, int64_t after, int64_t end,
                               struct postgres_rows *ret)
{
    const struct store_changes_query *query = c->query;
    struct postgres_values values = {0};
    struct erased_user user = {{0}};
    if (query->user_id != NULL)
        user = erased_user_of(query->user_id, strlen(query->user_id));
    postgres_integer(&values, after);
    postgres_integer(&values, end);
    postgres_text(&values, query->user_id);
    postgres_text(&values, query->video_id);
    postgres_integer(&values, query->since_ms);
    postgres_bytes(&values, query->user_id != NULL ? user.hash : NULL,
                   sizeof user.hash);
    postgres_integer(&values, query->limit);
    return postgres_db_ask(c->db, sql, &values, ret, c->fault);
}

/* As in a page: no view is of such a user or video. */
static bool is_name(const char *text)
{
    return text == NULL || utf8_is_valid(text, strlen(text));
}

static enum result read_changes(struct changes *c, int64_t after,
                                const struct store_changes_taker *taker,
                                struct store_changes_page *ret)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = RESULT_OK;
    if (is_name(c->query->user_id) && is_name(c->query->video_id))
        r = ask_changes(c, after, changes_look_to(&c->reader, after), &rows);
    if (r != RESULT_OK)
        return r;
    ret->last = after;
    for (int i = 0; i < rows.count; i++) {
        give(&rows, i, taker);
        ret->last = postgres_integer_at(&rows, i, 0);
    }
    changes_end(&c->reader, c->query, after, (uint32_t)rows.count, ret);
    return RESULT_OK;
}

/* No further than what shows. A place of a transaction that failed may be given
 * out again after a crash of the server, and whoever was told that he has all
 * up to there would miss it; what shows was on the disk first. */
static enum result bound_end(struct changes *c)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r =
        postgres_db_ask(c->db,
                        "SELECT greatest((SELECT max(seq) FROM views),"
                        " (SELECT max(place) FROM removed),"
                        " (SELECT max(place) FROM taken_back), 0)",
                        NULL, &rows, c->fault);
    if (r == RESULT_OK && postgres_integer_at(&rows, 0, 0) < c->reader.end)
        c->reader.end = postgres_integer_at(&rows, 0, 0);
    return r;
}

static enum result read_page(struct changes *c,
                             const struct store_changes_taker *taker,
                             struct store_changes_page *ret)
{
    int64_t after = 0;
    enum result r = bound_end(c);
    if (r == RESULT_OK)
        r = changes_begin(&c->reader, c->query, &after, c->fault);
    if (r == RESULT_OK)
        r = read_changes(c, after, taker, ret);
    return r == RESULT_OK ? read_check(c, ret->last, &ret->last_check) : r;
}

/* What is settled first, then the moment that is read: see settled_place(). */
static enum result read_end(struct changes *c)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = postgres_db_ask(
        c->db, "SELECT settled_place(), (SELECT last_value FROM places)", NULL,
        &rows, c->fault);
    if (r == RESULT_OK) {
        c->reader.end = postgres_integer_at(&rows, 0, 0);
        c->reader.reach = postgres_integer_at(&rows, 0, 1);
    }
    return r;
}

enum result postgres_store_changes(struct store *base,
                                   const struct store_changes_query *query,
                                   const struct store_changes_taker *taker,
                                   struct store_changes_page *ret,
                                   struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_reader *reader = NULL;
    struct store_changes_page page = {.more = false};
    enum result r = postgres_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    struct changes c = {
        .db = reader->db,
        .query = query,
        .fault = fault,
        .reader = {.arrival = read_arrival, .check = read_check, .context = &c},
    };
    r = read_end(&c);
    if (r == RESULT_OK)
        r = postgres_db_begin(c.db, POSTGRES_DB_SNAPSHOT, fault);
    if (r == RESULT_OK)
        r = read_page(&c, taker, &page);
    postgres_db_rollback(c.db); /* it has written nothing */
    postgres_readers_give(&store->readers, reader);
    if (r == RESULT_OK)
        *ret = page;
    return r;
}
