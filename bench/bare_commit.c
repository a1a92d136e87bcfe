/*
 * The floor of what is stored before it is answered: SQLite alone, which
 * commits batches of a fixed size, each to the disk (WAL, synchronous FULL).
 *
 *   bare_commit viewed|progress FILE BATCH SECONDS
 *
 * `viewed` appends to the log of history, `progress` to the outbox of
 * streaming with its row of the counted session; neither has any other index.
 * Making the rows is not counted.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"
#include "migrate.h"
#include "sample_views.h"

enum {
    BATCH_MAX = 4096,
    USERS = 100000,
    BODY_BYTES_MAX = 4096,
};

struct floor_db {
    struct sqlite_db *db;
    bool progress;
    sqlite3_stmt *begin;
    sqlite3_stmt *insert;
    sqlite3_stmt *insert_counted;
    sqlite3_stmt *commit;
};

static struct fault fault;

static void check(enum result result)
{
    if (result != RESULT_OK)
        measure_die("%s", fault.text);
}

static void step(struct floor_db *floor, sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE)
        measure_die("%s", sqlite3_errmsg(sqlite_db_handle(floor->db)));
    (void)sqlite3_reset(statement);
}

static void open_db(struct floor_db *floor, const char *path)
{
    if (access(path, F_OK) == 0)
        measure_die("%s is there already", path);
    check(sqlite_db_open(path, &floor->db, &fault));
    check(schema_migrate(
        floor->db, floor->progress ? SCHEMA_OUTBOX : SCHEMA_HISTORY, &fault));
    check(
        sqlite_db_prepare(floor->db, "BEGIN IMMEDIATE", &floor->begin, &fault));
    check(sqlite_db_prepare(floor->db, "COMMIT", &floor->commit, &fault));
    check(sqlite_db_prepare(
        floor->db,
        floor->progress
            ? "INSERT INTO outbox (id, accepted_ms, viewed_at_ms, body)"
              " VALUES (?1, ?2, ?2, ?3)"
            : "INSERT INTO views (id, user_id, video_id, video_path,"
              " viewed_at_ms, received_ms, position_ms, duration_ms,"
              " session_id, rule, flags)"
              " VALUES (?1, ?3, ?4, ?5, ?2, ?2, ?6, ?7, ?8, 1, 3)",
        &floor->insert, &fault));
    if (floor->progress)
        check(sqlite_db_prepare(floor->db,
                                "INSERT INTO counted (viewer, video,"
                                " session_id, active_ms)"
                                " VALUES (?1, ?2, ?3, ?4)",
                                &floor->insert_counted, &fault));
}

static void insert_viewed(struct floor_db *floor, const struct viewed *viewed)
{
    sqlite3_stmt *insert = floor->insert;
    (void)sqlite3_bind_text(insert, 3, viewed->user_id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(insert, 4, viewed->video_id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(insert, 5, viewed->video_path, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(insert, 6, viewed->position_ms);
    (void)sqlite3_bind_int64(insert, 7, viewed->duration_ms);
    (void)sqlite3_bind_blob(insert, 8, viewed->session_id.bytes, 16,
                            SQLITE_STATIC);
    step(floor, insert);
}

static void insert_progress(struct floor_db *floor, const struct viewed *viewed,
                            const struct buffer *body)
{
    sqlite3_stmt *counted = floor->insert_counted;
    char viewer[UUID_TEXT_BYTES];
    uuid_format(&viewed->id, viewer); /* a new one each time */
    (void)sqlite3_bind_blob(floor->insert, 3, body->data, (int)body->bytes,
                            SQLITE_STATIC);
    step(floor, floor->insert);
    (void)sqlite3_bind_text(counted, 1, viewer, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(counted, 2, viewed->video_id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_blob(counted, 3, viewed->session_id.bytes, 16,
                            SQLITE_STATIC);
    (void)sqlite3_bind_int64(counted, 4, viewed->viewed_at_ms);
    step(floor, counted);
}

/* Returns how long the transaction took. */
static double commit_batch(struct floor_db *floor, uint64_t first, size_t count)
{
    static struct viewed views[BATCH_MAX];
    static struct buffer bodies[BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        sample_view(first + i, USERS, &views[i]);
        bodies[i].limit_bytes = BODY_BYTES_MAX;
        buffer_clear(&bodies[i]);
        viewed_encode(&views[i], &bodies[i]);
    }
    double started_s = measure_now_s();
    step(floor, floor->begin);
    for (size_t i = 0; i < count; i++) {
        (void)sqlite3_bind_blob(floor->insert, 1, views[i].id.bytes, 16,
                                SQLITE_STATIC);
        (void)sqlite3_bind_int64(floor->insert, 2, views[i].viewed_at_ms);
        if (floor->progress)
            insert_progress(floor, &views[i], &bodies[i]);
        else
            insert_viewed(floor, &views[i]);
    }
    step(floor, floor->commit);
    return measure_now_s() - started_s;
}

static void close_db(struct floor_db *floor)
{
    (void)sqlite3_finalize(floor->begin);
    (void)sqlite3_finalize(floor->commit);
    (void)sqlite3_finalize(floor->insert);
    (void)sqlite3_finalize(floor->insert_counted);
    check(sqlite_db_close(floor->db, &fault));
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fputs("bare_commit viewed|progress FILE BATCH SECONDS\n", stderr);
        return 2;
    }
    size_t batch = (size_t)measure_number(argv[3], 1, BATCH_MAX);
    double seconds = (double)measure_number(argv[4], 1, 3600);
    struct floor_db floor = {.progress = strcmp(argv[1], "progress") == 0};
    open_db(&floor, argv[2]);
    double spent_s = 0;
    uint64_t rows = 0;
    for (double end_s = measure_now_s() + seconds; measure_now_s() < end_s;
         rows += batch)
        spent_s += commit_batch(&floor, rows, batch);
    close_db(&floor);
    printf("{\"rows\": %" PRIu64 ", \"seconds\": %.6f, \"commits\": %" PRIu64
           "}\n",
           rows, spent_s, rows / batch);
    return 0;
}
