#include "store_look.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "migrate_postgres.h"
#include "postgres_parts.h"

enum {
    FETCH_ROWS = 2000,
    /* The first of millions of rows comes when all are sorted. */
    ANSWER_MS = 60 * 60 * 1000,
};

struct postgres_look {
    struct store_look base;
    struct postgres_db *db;
    struct keep_days keep;
    bool keep_read;
    bool cursor; /* is declared */
    struct postgres_rows rows;
    int next; /* of rows */
    struct postgres_rows found;
};

static const char setup[] = "SET default_transaction_read_only = on;"
                            "SET jit = off; SET work_mem = '64MB'";

static struct postgres_look *look_of(struct store_look *base)
{
    return (struct postgres_look *)base;
}

/* As a file that is not there is not found. */
static enum result check_there(struct postgres_look *look, struct fault *fault)
{
    int64_t version = 0;
    enum result r = schema_check_postgres(look->db, &version, fault);
    return r == RESULT_UNUSABLE && version == 0 ? RESULT_NOT_FOUND : r;
}

enum result postgres_store_look_open(const char *path, struct store_look **ret,
                                     struct fault *fault)
{
    struct postgres_look *look = calloc(1, sizeof *look);
    if (look == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    enum result r = postgres_db_open(path, setup, ANSWER_MS, &look->db, fault);
    if (r == RESULT_OK)
        r = check_there(look, fault);
    if (r == RESULT_OK)
        *ret = &look->base;
    else
        postgres_store_look_close(&look->base);
    return r;
}

void postgres_store_look_close(struct store_look *base)
{
    struct postgres_look *look = look_of(base);
    if (look == NULL)
        return;
    postgres_rows_done(&look->rows);
    postgres_rows_done(&look->found);
    keep_days_done(&look->keep);
    postgres_db_close(look->db);
    free(look);
}

static enum result has(struct store_look *base, const char *sql,
                       const struct uuid *id, bool *ret, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    postgres_uuid(&values, id);
    enum result r =
        postgres_db_ask(look_of(base)->db, sql, &values, &rows, fault);
    if (r == RESULT_OK)
        *ret = rows.count > 0;
    return r;
}

/* An id of which the view was removed stays in `ids`. */
enum result postgres_store_look_has(struct store_look *base,
                                    const struct uuid *id, bool *ret,
                                    struct fault *fault)
{
    return has(base,
               "SELECT 1 FROM ids i WHERE id = $1 AND NOT EXISTS"
               " (SELECT 1 FROM removed r WHERE r.id = i.id)",
               id, ret, fault);
}

enum result postgres_store_look_removed(struct store_look *base,
                                        const struct uuid *id, bool *ret,
                                        struct fault *fault)
{
    return has(base, "SELECT 1 FROM removed WHERE id = $1", id, ret, fault);
}

enum result postgres_store_look_taken_back(struct store_look *base,
                                           const struct uuid *id, bool *ret,
                                           struct fault *fault)
{
    return has(base, "SELECT 1 FROM taken_back WHERE id = $1", id, ret, fault);
}

enum result postgres_store_look_contained(struct store_look *base,
                                          struct store_contained *ret,
                                          struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = postgres_db_ask(
        look_of(base)->db, "SELECT stream_offset, stream_hash FROM store", NULL,
        &rows, fault);
    if (r == RESULT_OK && rows.count != 1)
        r = fault_set(fault, RESULT_UNUSABLE,
                      "the database has no row in table store");
    if (r == RESULT_OK)
        *ret = (struct store_contained){postgres_integer_at(&rows, 0, 0),
                                        postgres_integer_at(&rows, 0, 1)};
    return r;
}

enum result postgres_store_look_erased(struct store_look *base,
                                       struct erased_set *set,
                                       struct fault *fault)
{
    return postgres_read_refused(look_of(base)->db, set, fault);
}

enum result postgres_store_look_removals(struct store_look *base,
                                         struct removed_set *set,
                                         struct fault *fault)
{
    return postgres_read_removals(look_of(base)->db, set, fault);
}

static enum result read_keep(struct postgres_look *look, struct fault *fault)
{
    if (look->keep_read)
        return RESULT_OK;
    enum result r = postgres_read_keep(look->db, &look->keep, fault);
    look->keep_read = r == RESULT_OK;
    return r;
}

enum result postgres_store_look_expired(struct store_look *base,
                                        const struct viewed *viewed, bool *ret,
                                        struct fault *fault)
{
    struct postgres_look *look = look_of(base);
    enum result r = read_keep(look, fault);
    if (r == RESULT_OK)
        *ret = keep_days_expired(&look->keep, viewed, clock_now_ms());
    return r;
}

enum result postgres_store_look_keep_days(struct store_look *base,
                                          const char *user_id, uint32_t *ret,
                                          struct fault *fault)
{
    struct postgres_look *look = look_of(base);
    enum result r = read_keep(look, fault);
    if (r != RESULT_OK)
        return r;
    uint32_t all = keep_days_of(&look->keep, "");
    uint32_t own = keep_days_of(&look->keep, user_id);
    *ret = own == 0 || (all > 0 && all < own) ? all : own;
    return RESULT_OK;
}

enum result postgres_store_look_keep_rules(struct store_look *base,
                                           bool (*each)(void *context,
                                                        const char *user_id,
                                                        uint32_t days),
                                           void *context, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = postgres_db_ask(
        look_of(base)->db,
        "SELECT user_id, keep_days FROM retention ORDER BY user_id", NULL,
        &rows, fault);
    for (int i = 0; i < rows.count; i++)
        if (!each(context, postgres_text_at(&rows, i, 0, NULL),
                  (uint32_t)postgres_integer_at(&rows, i, 1)))
            break;
    return r;
}

/* Some of them, beyond the last that was seen. */
static enum result read_dismissed(struct postgres_look *look,
                                  const struct store_dismissal *last,
                                  struct postgres_rows *ret,
                                  struct fault *fault)
{
    struct postgres_values values = {0};
    postgres_bytes(&values, last->user.hash, sizeof last->user.hash);
    postgres_text(&values, last->video);
    postgres_integer(&values, FETCH_ROWS);
    return postgres_db_ask(look->db,
                           "SELECT user_hash, video, until_ms FROM dismissed"
                           " WHERE (user_hash, video) > ($1, $2)"
                           " ORDER BY user_hash, video LIMIT $3",
                           &values, ret, fault);
}

enum result postgres_store_look_dismissed(
    struct store_look *base,
    bool (*each)(void *context, const struct store_dismissal *dismissal),
    void *context, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct store_dismissal dismissal = {.video = ""};
    bool more = true;
    while (more) {
        struct postgres_rows before = rows; /* it has the last one's text */
        rows = (struct postgres_rows){0};
        enum result r = read_dismissed(look_of(base), &dismissal, &rows, fault);
        postgres_rows_done(&before);
        if (r != RESULT_OK)
            return r;
        more = rows.count == FETCH_ROWS;
        for (int i = 0; i < rows.count; i++) {
            memcpy(dismissal.user.hash, postgres_text_at(&rows, i, 0, NULL),
                   sizeof dismissal.user.hash); /* the table checks it */
            dismissal.video = postgres_text_at(&rows, i, 1, NULL);
            dismissal.until_ms = postgres_integer_at(&rows, i, 2);
            if (!each(context, &dismissal))
                return RESULT_OK;
        }
    }
    return RESULT_OK;
}

/* --- all rows of one moment ------------------------------------------------
 */

enum result postgres_store_look_hold(struct store_look *base,
                                     struct fault *fault)
{
    return postgres_db_begin(look_of(base)->db, POSTGRES_DB_SNAPSHOT, fault);
}

static enum result fetch(struct postgres_look *look, struct fault *fault)
{
    enum result r = RESULT_OK;
    if (!look->cursor)
        r = postgres_db_run(
            look->db,
            "DECLARE all_rows NO SCROLL CURSOR FOR SELECT " POSTGRES_ROW_COLUMNS
            " FROM views ORDER BY user_id, id",
            fault);
    look->cursor = look->cursor || r == RESULT_OK;
    postgres_rows_done(&look->rows);
    look->next = 0;
    return r == RESULT_OK
               ? postgres_db_ask(look->db, "FETCH 2000 FROM all_rows", NULL,
                                 &look->rows, fault)
               : r;
}

_Static_assert(FETCH_ROWS == 2000, "as the statement has it");

enum result postgres_store_look_next(struct store_look *base,
                                     struct store_row *ret, struct fault *fault)
{
    struct postgres_look *look = look_of(base);
    enum result r = RESULT_OK;
    if (look->next == look->rows.count)
        r = fetch(look, fault);
    if (r != RESULT_OK)
        return r;
    if (look->rows.count == 0)
        return RESULT_NOT_FOUND;
    postgres_row_read(&look->rows, look->next++, ret);
    return RESULT_OK;
}

enum result postgres_store_look_find(struct store_look *base,
                                     const struct uuid *id,
                                     struct store_row *ret, struct fault *fault)
{
    struct postgres_look *look = look_of(base);
    struct postgres_values values = {0};
    postgres_uuid(&values, id);
    postgres_rows_done(&look->found);
    enum result r = postgres_db_ask(look->db, postgres_find_sql, &values,
                                    &look->found, fault);
    if (r == RESULT_OK && look->found.count == 0)
        return RESULT_NOT_FOUND;
    if (r == RESULT_OK)
        postgres_row_read(&look->found, 0, ret);
    return r;
}

/* Who writes to it may do so beside others. */
bool postgres_store_is_open(const char *path)
{
    (void)path;
    return false;
}
