#include <stdio.h>
#include <string.h>

#include "postgres_parts.h"
#include "store_dismissed.h"
#include "store_videos.h"
#include "utf8.h"

/* What a page may ask for; its statement has the number that they make. */
enum page {
    PAGE_USER = 1,
    PAGE_VIDEO = 2,
    PAGE_SESSION = 4,
    PAGE_OLDEST = 8,
    PAGE_AFTER = 16,
};

_Static_assert(POSTGRES_PAGES == 32, "as many as the bits make");

static enum page page_of(const struct store_query *query)
{
    return (query->user_id != NULL ? PAGE_USER : 0) |
           (query->video_id != NULL ? PAGE_VIDEO : 0) |
           (query->session_given ? PAGE_SESSION : 0) |
           (query->oldest_first ? PAGE_OLDEST : 0) |
           (query->after_given ? PAGE_AFTER : 0);
}

/* --- the statements --------------------------------------------------------
 */

/* $1 and $2 are the times, $3 how many rows, and then those below, as the page
 * has them, in this order. */
static size_t write_conditions(enum page page, char *sql, size_t bytes)
{
    size_t at = (size_t)snprintf(
        sql, bytes,
        " FROM views WHERE viewed_at_ms >= $1 AND viewed_at_ms < $2");
    int value = 3;
    if (page & PAGE_USER)
        at += (size_t)snprintf(sql + at, bytes - at, " AND user_id = $%d",
                               ++value);
    if (page & PAGE_VIDEO)
        at +=
            (size_t)snprintf(sql + at, bytes - at,
                             " AND video_id = $%d AND video_id <> ''", ++value);
    if (page & PAGE_AFTER) {
        at += (size_t)snprintf(
            sql + at, bytes - at, " AND (viewed_at_ms, seq) %s ($%d, $%d)",
            page & PAGE_OLDEST ? ">" : "<", value + 1, value + 2);
        value += 2;
    }
    const char *way = page & PAGE_OLDEST ? "" : " DESC";
    at += (size_t)snprintf(sql + at, bytes - at,
                           " ORDER BY viewed_at_ms%s, seq%s", way, way);
    /* Of a session only so many rows are looked at. */
    if (page & PAGE_SESSION)
        at += (size_t)snprintf(sql + at, bytes - at,
                               " LIMIT %d) looked WHERE session_id = $%d"
                               " LIMIT $3",
                               STORE_PASSED_MAX, value + 1);
    else if (page & PAGE_AFTER)
        at += (size_t)snprintf(sql + at, bytes - at, " LIMIT $3");
    else
        at += (size_t)snprintf(sql + at, bytes - at, " LIMIT $3 OFFSET $%d",
                               value + 1);
    return at;
}

void postgres_write_pages(struct postgres_store *store)
{
    for (int i = 0; i < POSTGRES_PAGES; i++) {
        enum page page = (enum page)i;
        char *sql = store->pages[i];
        size_t at = (size_t)snprintf(
            sql, POSTGRES_SQL_MAX, "SELECT " POSTGRES_ROW_COLUMNS "%s",
            page & PAGE_SESSION ? " FROM (SELECT *" : "");
        (void)write_conditions(page, sql + at, POSTGRES_SQL_MAX - at);
    }
}

static void put_conditions(const struct store_query *query,
                           struct postgres_values *values)
{
    if (query->user_id != NULL)
        postgres_text(values, query->user_id);
    if (query->video_id != NULL)
        postgres_text(values, query->video_id);
    if (query->after_given) {
        postgres_integer(values, query->after.viewed_at_ms);
        postgres_integer(values, query->after.seq);
    }
}

static void put_times(const struct store_query *query,
                      struct postgres_values *values)
{
    postgres_integer(values, query->since_ms);
    postgres_integer(values, query->until_ms);
}

/* --- pages ---------------------------------------------------------------- */

struct receiver {
    void (*row)(void *context, const struct store_row *row);
    void *context;
    struct store_page page;
};

static void receive(const struct store_query *query,
                    const struct postgres_rows *rows, struct receiver *receiver)
{
    struct store_page *page = &receiver->page;
    for (int i = 0; i < rows->count && page->rows < query->limit; i++) {
        struct store_row row;
        postgres_row_read(rows, i, &row);
        receiver->row(receiver->context, &row);
        page->last = row.place;
        if (page->rows++ == 0)
            page->first = row.place;
    }
    page->more = (uint32_t)rows->count > query->limit;
}

static enum result read_rows(struct postgres_store *store,
                             struct postgres_db *db,
                             const struct store_query *query,
                             struct receiver *receiver, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    put_times(query, &values);
    postgres_integer(&values, (int64_t)query->limit + 1);
    put_conditions(query, &values);
    if (query->session_given)
        postgres_uuid(&values, &query->session_id);
    else if (!query->after_given)
        postgres_integer(&values, query->skip);
    enum result r = postgres_db_ask(db, store->pages[page_of(query)], &values,
                                    &rows, fault);
    if (r == RESULT_OK)
        receive(query, &rows, receiver);
    return r;
}

/* Where a page of a session ends that did not get its rows from so many: at
 * the last of those that were looked at. */
static enum result read_end(struct postgres_store *store,
                            struct postgres_db *db,
                            const struct store_query *query,
                            struct store_page *page, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    struct store_query of_all = *query;
    of_all.session_given = false;
    if (query->after_given) {
        /* The page's statement has no place for a skip. */
        of_all.limit = STORE_PASSED_MAX;
    }
    put_times(query, &values);
    postgres_integer(&values, query->after_given ? STORE_PASSED_MAX : 1);
    put_conditions(query, &values);
    if (!query->after_given)
        postgres_integer(&values, STORE_PASSED_MAX - 1);
    enum result r = postgres_db_ask(db, store->pages[page_of(&of_all)], &values,
                                    &rows, fault);
    int wanted = query->after_given ? STORE_PASSED_MAX : 1;
    if (r == RESULT_OK && rows.count == wanted) {
        page->more = true;
        page->last.seq = postgres_integer_at(&rows, wanted - 1, 0);
        page->last.viewed_at_ms = postgres_integer_at(&rows, wanted - 1, 1);
    }
    return r;
}

static const char *count_sql(const struct store_query *query)
{
#define COUNT(conditions)                                                      \
    "SELECT count(*) FROM (SELECT 1 FROM views WHERE viewed_at_ms >= $1"       \
    " AND viewed_at_ms < $2" conditions " LIMIT $3) counted"
    if (query->user_id != NULL && query->video_id != NULL)
        return COUNT(" AND user_id = $4 AND video_id = $5 AND video_id <> ''");
    if (query->user_id != NULL)
        return COUNT(" AND user_id = $4");
    if (query->video_id != NULL)
        return COUNT(" AND video_id = $4 AND video_id <> ''");
    return COUNT("");
#undef COUNT
}

static enum result read_total(struct postgres_db *db,
                              const struct store_query *query, int64_t *ret,
                              struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    struct store_query of_all = *query;
    of_all.after_given = false;
    put_times(query, &values);
    postgres_integer(&values, STORE_TOTAL_MAX);
    put_conditions(&of_all, &values);
    enum result r =
        postgres_db_ask(db, count_sql(query), &values, &rows, fault);
    if (r == RESULT_OK)
        *ret = postgres_integer_at(&rows, 0, 0);
    return r;
}

/* Several statements of one moment. */
static enum result read_together(struct postgres_store *store,
                                 struct postgres_db *db,
                                 const struct store_query *query,
                                 struct receiver *receiver, struct fault *fault)
{
    enum result r = postgres_db_begin(db, POSTGRES_DB_SNAPSHOT, fault);
    if (r != RESULT_OK)
        return r;
    if (query->count)
        r = read_total(db, query, &receiver->page.total, fault);
    if (r == RESULT_OK)
        r = read_rows(store, db, query, receiver, fault);
    if (r == RESULT_OK && query->session_given && !receiver->page.more)
        r = read_end(store, db, query, &receiver->page, fault);
    postgres_db_rollback(db); /* it has written nothing */
    return r;
}

/* Absent texts are '' in the tables, and the server takes nothing that is not
 * UTF-8: neither is anybody's name. */
static bool is_name(const char *text)
{
    return text == NULL ||
           (text[0] != '\0' && utf8_is_valid(text, strlen(text)));
}

enum result
postgres_store_query(struct store *base, const struct store_query *query,
                     void (*row)(void *context, const struct store_row *row),
                     void *context, struct store_page *ret_page,
                     struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_reader *reader = NULL;
    struct receiver receiver = {.row = row, .context = context};
    if (!is_name(query->user_id) || !is_name(query->video_id)) {
        *ret_page = receiver.page;
        return RESULT_OK;
    }
    enum result r = postgres_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    r = query->count || query->session_given
            ? read_together(store, reader->db, query, &receiver, fault)
            : read_rows(store, reader->db, query, &receiver, fault);
    postgres_readers_give(&store->readers, reader);
    if (r == RESULT_OK)
        *ret_page = receiver.page;
    return r;
}

/* --- one view ------------------------------------------------------------- */

const char postgres_find_sql[] =
    "SELECT v.seq, v.viewed_at_ms, v.id, v.flags, v.user_id, v.video_id,"
    " v.video_path, v.received_ms, v.position_ms, v.duration_ms, v.session_id,"
    " v.rule, v.trace FROM ids i JOIN views v ON v.user_id = i.user_id"
    " AND v.viewed_at_ms = i.viewed_at_ms WHERE i.id = $1 AND v.id = $1";

enum result postgres_store_find(struct store *base, const struct uuid *id,
                                void (*row)(void *context,
                                            const struct store_row *row),
                                void *context, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_reader *reader = NULL;
    struct postgres_values values = {0};
    enum result r = postgres_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    postgres_uuid(&values, id);
    r = postgres_db_ask(reader->db, postgres_find_sql, &values, &rows, fault);
    postgres_readers_give(&store->readers, reader);
    if (r != RESULT_OK)
        return r;
    if (rows.count == 0)
        return fault_set(fault, RESULT_NOT_FOUND, "no view has that id");
    struct store_row found;
    postgres_row_read(&rows, 0, &found);
    row(context, &found);
    return RESULT_OK;
}

/* --- videos, and what is dismissed -----------------------------------------
 */

/* From one to the next along the index: a step a video, whatever number of
 * views it has. */
static const char videos_sql[] =
    "WITH RECURSIVE step (id, number) AS ("
    "(SELECT video_id, 1 FROM views WHERE video_id <> ''"
    " ORDER BY video_id LIMIT 1)"
    " UNION ALL SELECT (SELECT video_id FROM views WHERE video_id > step.id"
    " AND video_id <> '' ORDER BY video_id LIMIT 1), step.number + 1"
    " FROM step WHERE step.id IS NOT NULL AND step.number < $1)"
    " SELECT id FROM step WHERE id IS NOT NULL";

enum result postgres_store_videos(
    struct store *base, uint32_t most,
    void (*each)(void *context, const char *video_id, size_t bytes),
    void *context, bool *ret_more, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_reader *reader = NULL;
    struct postgres_values values = {0};
    enum result r = postgres_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    postgres_integer(&values, (int64_t)most + 1);
    r = postgres_db_ask(reader->db, videos_sql, &values, &rows, fault);
    postgres_readers_give(&store->readers, reader);
    for (int i = 0; i < rows.count && (uint32_t)i < most; i++) {
        size_t bytes;
        const char *video = postgres_text_at(&rows, i, 0, &bytes);
        each(context, video, bytes);
    }
    *ret_more = r == RESULT_OK && (uint32_t)rows.count > most;
    return r;
}

enum result
postgres_store_dismissed(struct store *base, const char *user_id,
                         void (*each)(void *context, const char *video,
                                      size_t video_bytes, int64_t until_ms),
                         void *context, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_store *store = postgres_store_of(base);
    struct postgres_reader *reader = NULL;
    struct postgres_values values = {0};
    struct erased_user user = erased_user_of(user_id, strlen(user_id));
    enum result r = postgres_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    postgres_bytes(&values, user.hash, sizeof user.hash);
    r = postgres_db_ask(
        reader->db,
        "SELECT video, until_ms FROM dismissed WHERE user_hash = $1", &values,
        &rows, fault);
    postgres_readers_give(&store->readers, reader);
    for (int i = 0; i < rows.count; i++) {
        size_t bytes;
        const char *video = postgres_text_at(&rows, i, 0, &bytes);
        each(context, video, bytes, postgres_integer_at(&rows, i, 1));
    }
    return r;
}
