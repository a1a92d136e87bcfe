/*
 * Fills a store with views of sample_views.h, by its own functions, without a
 * broker; what is there already stays.
 *
 *   fill_store ours|peer FILE ROWS USERS
 *
 * `peer` fills the table that the Node peers use (peers/node/views_table.js).
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "measure.h"
#include "sample_views.h"
#include "store.h"

enum {
    BATCH_VIEWS = 4000,
    PEER_BATCH_VIEWS = 50000,
    RECEIVED_AFTER_MS = 5,
};

static struct fault fault;

static void check(enum result result)
{
    if (result != RESULT_OK)
        measure_die("%s", fault.text);
}

static void write_batch(struct store *store, int64_t first, size_t count,
                        uint32_t users)
{
    static struct viewed viewed[BATCH_VIEWS];
    static struct store_view views[BATCH_VIEWS];
    for (size_t i = 0; i < count; i++) {
        sample_view((uint64_t)first + i, users, &viewed[i]);
        views[i] = (struct store_view){.viewed = &viewed[i],
                                       .received_ms = viewed[i].viewed_at_ms +
                                                      RECEIVED_AFTER_MS};
    }
    check(store_write(store, views, count, &fault));
}

static int64_t fill_ours(const char *path, int64_t rows, uint32_t users)
{
    struct store *store = NULL;
    struct store_config config = {.path = path, .readers = 1};
    check(store_open(&config, &store, &fault));
    struct store_stats stats;
    store_stats(store, &stats);
    bool more = true;
    for (int64_t at = stats.views; at < rows;) {
        int64_t left = rows - at;
        size_t count = left < BATCH_VIEWS ? (size_t)left : BATCH_VIEWS;
        write_batch(store, at, count, users);
        at += (int64_t)count;
        check(store_tidy(store, false, &more, &fault));
    }
    for (more = true; more;)
        check(store_tidy(store, true, &more, &fault));
    store_stats(store, &stats);
    check(store_close(store, &fault));
    return stats.views;
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        measure_die("%s", sqlite3_errmsg(db));
}

static void bind_text(sqlite3_stmt *insert, int column, const char *text)
{
    (void)sqlite3_bind_text(insert, column, text, -1, SQLITE_TRANSIENT);
}

static void insert_peer(sqlite3 *db, sqlite3_stmt *insert, int64_t number,
                        uint32_t users)
{
    struct viewed viewed;
    char id[UUID_TEXT_BYTES];
    char session_id[UUID_TEXT_BYTES];
    char at[CLOCK_TEXT_BYTES];
    sample_view((uint64_t)number, users, &viewed);
    uuid_format(&viewed.id, id);
    uuid_format(&viewed.session_id, session_id);
    clock_format(viewed.viewed_at_ms, at);
    bind_text(insert, 1, id);
    bind_text(insert, 2, viewed.user_id);
    bind_text(insert, 3, viewed.video_id);
    bind_text(insert, 4, viewed.video_path);
    bind_text(insert, 5, at);
    bind_text(insert, 6, at);
    (void)sqlite3_bind_double(insert, 7, (double)viewed.position_ms / 1e3);
    (void)sqlite3_bind_double(insert, 8, (double)viewed.duration_ms / 1e3);
    bind_text(insert, 9, session_id);
    bind_text(insert, 10, viewed_rule_text(viewed.rule));
    if (sqlite3_step(insert) != SQLITE_DONE)
        measure_die("%s", sqlite3_errmsg(db));
    (void)sqlite3_reset(insert);
}

static int64_t count_rows(sqlite3 *db)
{
    sqlite3_stmt *count = NULL;
    int64_t rows = 0;
    if (sqlite3_prepare_v2(db, "SELECT max(seq) FROM views", -1, &count,
                           NULL) == SQLITE_OK &&
        sqlite3_step(count) == SQLITE_ROW)
        rows = sqlite3_column_int64(count, 0);
    (void)sqlite3_finalize(count);
    return rows;
}

/* The file and its tables are the peer's own: it made them. The index is made
 * after the rows, which is much faster and the same in the end. */
static int64_t fill_peer(const char *path, int64_t rows, uint32_t users)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        measure_die("cannot open %s", path);
    run(db, "PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;"
            "DROP INDEX IF EXISTS views_of_user");
    if (sqlite3_prepare_v2(
            db,
            "INSERT INTO views (id, user_id, video_id, video_path, viewed_at,"
            " received_at, position, duration, session_id, rule)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            -1, &insert, NULL) != SQLITE_OK)
        measure_die("%s", sqlite3_errmsg(db));
    int64_t at = count_rows(db);
    while (at < rows) {
        run(db, "BEGIN");
        for (int i = 0; i < PEER_BATCH_VIEWS && at < rows; i++, at++)
            insert_peer(db, insert, at, users);
        run(db, "COMMIT");
    }
    (void)sqlite3_finalize(insert);
    run(db, "CREATE INDEX views_of_user ON views (user_id)");
    run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    int64_t stored = count_rows(db);
    (void)sqlite3_close(db);
    return stored;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fputs("fill_store ours|peer FILE ROWS USERS\n", stderr);
        return 2;
    }
    int64_t rows = measure_number(argv[3], 0, 1000000000);
    uint32_t users = (uint32_t)measure_number(argv[4], 1, 1000000);
    double started_s = measure_now_s();
    int64_t stored = strcmp(argv[1], "ours") == 0
                         ? fill_ours(argv[2], rows, users)
                         : fill_peer(argv[2], rows, users);
    printf("{\"rows\": %" PRId64 ", \"seconds\": %.3f}\n", stored,
           measure_now_s() - started_s);
    return 0;
}
