#include "store_verify.h"

#include <stdio.h>

#include "migrate_postgres.h"
#include "postgres_parts.h"
#include "store_backup.h"

enum {
    ANSWER_MS = 60 * 60 * 1000,
};

static const char setup[] =
    "SET default_transaction_read_only = on; SET jit = off";

static void set_problem(struct store_report *report, const char *words)
{
    if (report->problem[0] == '\0')
        (void)snprintf(report->problem, sizeof report->problem, "%s", words);
}

/* --- the rows --------------------------------------------------------------
 */

static void take(struct store_report *report, const struct store_row *row)
{
    int64_t viewed_ms = row->place.viewed_at_ms;
    if (report->views == 0 || viewed_ms < report->first_viewed_ms)
        report->first_viewed_ms = viewed_ms;
    if (report->views == 0 || viewed_ms > report->last_viewed_ms)
        report->last_viewed_ms = viewed_ms;
    if (row->received_ms > report->last_received_ms)
        report->last_received_ms = row->received_ms;
    if (row->place.seq > report->mark)
        report->mark = row->place.seq;
    report->views++;
    if (!row->id_given)
        report->views_without_id++;
    store_digest_add(&report->digest, row);
}

static enum result read_rows(struct postgres_db *db,
                             struct store_report *report, struct fault *fault)
{
    enum result r = postgres_db_run(
        db,
        "DECLARE all_rows NO SCROLL CURSOR FOR SELECT " POSTGRES_ROW_COLUMNS
        " FROM views",
        fault);
    bool more = true;
    while (r == RESULT_OK && more) {
        CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
        r = postgres_db_ask(db, "FETCH 5000 FROM all_rows", NULL, &rows, fault);
        for (int i = 0; i < rows.count; i++) {
            struct store_row row;
            postgres_row_read(&rows, i, &row);
            take(report, &row);
        }
        more = rows.count > 0;
    }
    return r;
}

/* --- what must be true of them ---------------------------------------------
 */

static const struct {
    const char *sql; /* answers how often it is not so */
    const char *problem;
} checks[] = {
    {"SELECT abs((SELECT sum(views) FROM counts)::bigint"
     " - (SELECT count(*) FROM views))",
     "the count that is kept is not the count of the rows"},
    {"SELECT count(*) FROM views v LEFT JOIN ids i ON i.id = v.id"
     " AND i.user_id = v.user_id AND i.viewed_at_ms = v.viewed_at_ms"
     " WHERE i.id IS NULL",
     "a view's id is not among the ids, or is another view's there"},
    {"SELECT (SELECT count(*) FROM ids)"
     " - (SELECT count(*) FROM views) - (SELECT count(*) FROM removed)",
     "there are other ids than those of views and of removals"},
    {"SELECT count(*) - count(DISTINCT seq) FROM views",
     "two views have one place"},
};

static enum result check_all(struct postgres_db *db,
                             struct store_report *report, struct fault *fault)
{
    enum result r = RESULT_OK;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0] && r == RESULT_OK;
         i++) {
        CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
        r = postgres_db_ask(db, checks[i].sql, NULL, &rows, fault);
        if (r == RESULT_OK && postgres_integer_at(&rows, 0, 0) != 0)
            set_problem(report, checks[i].problem);
    }
    return r;
}

static enum result read_contained(struct postgres_db *db,
                                  struct store_report *report,
                                  struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = postgres_db_ask(db, "SELECT stream_offset FROM store", NULL,
                                    &rows, fault);
    if (r == RESULT_OK && rows.count != 1)
        set_problem(report, "the database has no row in table store");
    else if (r == RESULT_OK)
        report->contained = postgres_integer_at(&rows, 0, 0);
    return r;
}

static enum result read_all(struct postgres_db *db, struct store_report *report,
                            struct fault *fault)
{
    enum result r = postgres_db_begin(db, POSTGRES_DB_SNAPSHOT, fault);
    if (r == RESULT_OK)
        r = read_contained(db, report, fault);
    if (r == RESULT_OK)
        r = read_rows(db, report, fault);
    if (r == RESULT_OK)
        r = check_all(db, report, fault);
    postgres_db_rollback(db); /* it has written nothing */
    return r;
}

/* What the server itself finds wrong (a checksum, say) is a problem of the
 * store's; that it does not answer is not. */
enum result postgres_store_verify(const char *path, struct store_report *ret,
                                  struct fault *fault)
{
    struct postgres_db *db = NULL;
    struct fault found = {""};
    *ret = (struct store_report){.contained = -1};
    enum result r = postgres_db_open(path, setup, ANSWER_MS, &db, fault);
    if (r != RESULT_OK)
        return r;
    r = schema_check_postgres(db, &ret->version, &found);
    if (r == RESULT_OK)
        r = read_all(db, ret, &found);
    postgres_db_close(db);
    /* Every view has its entries: the server keeps its indexes with it. */
    ret->entries = ret->views;
    if (r == RESULT_UNUSABLE) {
        set_problem(ret, found.text);
        return RESULT_OK;
    }
    return r == RESULT_OK ? r : fault_set(fault, r, "%s", found.text);
}

/* --- copies are the server's to make ----------------------------------------
 */

enum result postgres_store_backup(const char *store_path, const char *file,
                                  bool replace, struct store_report *ret,
                                  struct fault *fault)
{
    (void)store_path;
    (void)file;
    (void)replace;
    (void)ret;
    return fault_set(fault, RESULT_MALFORMED,
                     "this history is in PostgreSQL, which has its own tools: "
                     "make a backup with pg_dump or pg_basebackup "
                     "(docs/SCALE.md)");
}

enum result postgres_store_restore(const char *file, const char *store_path,
                                   bool replace, char ret_aside[PATH_MAX],
                                   struct store_report *ret,
                                   struct fault *fault)
{
    (void)file;
    (void)store_path;
    (void)replace;
    (void)ret;
    ret_aside[0] = '\0';
    return fault_set(fault, RESULT_MALFORMED,
                     "this history is in PostgreSQL, which has its own tools: "
                     "put a backup back with pg_restore, then replay with "
                     "`history replay` (docs/SCALE.md)");
}
