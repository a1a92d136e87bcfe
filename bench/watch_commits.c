/*
 * Watches a store fill from outside, whoever fills it: looks every millisecond
 * for the last row that is committed.
 *
 *   watch_commits FILE ROW TIMEOUT_S
 *
 * Until table `views` has a row of that number (its column `seq`), or time is
 * over, which is a failure. The rate is from the first commit that is seen to
 * the last. A gap is a time in which no row was committed; looking costs a
 * gap's length up to a millisecond, and a busy machine more.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "measure.h"

#define LOOK_EVERY_S 0.001
#define LONG_GAP_S   0.1

struct watch {
    sqlite3 *db;
    sqlite3_stmt *last_row;
    double deadline_s;
    int64_t before; /* rows when the watch began */
    int64_t first;  /* at the first commit that was seen, */
    double first_s; /* and when that was */
    int64_t last;
    double last_s;
    double gap_s;
    int64_t gap_at;
    int64_t long_gaps;
};

static void check_time(const struct watch *watch)
{
    if (measure_now_s() > watch->deadline_s)
        measure_die("after %" PRId64 " rows no time is left", watch->last);
}

/* The file may not be there yet, nor its table. */
static void open_db(struct watch *watch, const char *path)
{
    for (;;) {
        if (access(path, F_OK) == 0 &&
            sqlite3_open_v2(path, &watch->db, SQLITE_OPEN_READONLY, NULL) ==
                SQLITE_OK) {
            (void)sqlite3_busy_timeout(watch->db, 1000);
            if (sqlite3_prepare_v2(watch->db, "SELECT max(seq) FROM views", -1,
                                   &watch->last_row, NULL) == SQLITE_OK)
                return;
        }
        (void)sqlite3_close(watch->db);
        watch->db = NULL;
        check_time(watch);
        measure_sleep_s(LOOK_EVERY_S);
    }
}

static int64_t look(const struct watch *watch)
{
    int64_t rows = watch->last;
    if (sqlite3_step(watch->last_row) == SQLITE_ROW)
        rows = sqlite3_column_int64(watch->last_row, 0);
    (void)sqlite3_reset(watch->last_row);
    return rows;
}

static void note(struct watch *watch, int64_t rows, double now_s)
{
    double gap_s = now_s - watch->last_s;
    if (watch->first == 0) {
        watch->first = rows;
        watch->first_s = now_s;
    } else {
        if (gap_s > LONG_GAP_S)
            watch->long_gaps++;
        if (gap_s > watch->gap_s) {
            watch->gap_s = gap_s;
            watch->gap_at = rows;
        }
    }
    watch->last = rows;
    watch->last_s = now_s;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        (void)fputs("watch_commits FILE ROW TIMEOUT_S\n", stderr);
        return 2;
    }
    struct watch watch = {0};
    int64_t wanted = measure_number(argv[2], 1, INT64_C(1) << 40);
    watch.deadline_s =
        measure_now_s() + (double)measure_number(argv[3], 1, 24 * 3600);
    open_db(&watch, argv[1]);
    watch.last = watch.before = look(&watch);
    printf("{\"before\": %" PRId64 "}\n", watch.before);
    (void)fflush(stdout);
    while (watch.last < wanted) {
        int64_t rows = look(&watch);
        if (rows > watch.last)
            note(&watch, rows, measure_now_s());
        check_time(&watch);
        measure_sleep_s(LOOK_EVERY_S);
    }
    printf("{\"views\": %" PRId64 ", \"seconds\": %.6f, \"rows\": %" PRId64
           ", \"longest_gap_ms\": %.1f, \"longest_gap_at\": %" PRId64
           ", \"gaps_over_100_ms\": %" PRId64 "}\n",
           watch.last - watch.first, watch.last_s - watch.first_s, watch.last,
           watch.gap_s * 1e3, watch.gap_at, watch.long_gaps);
    (void)sqlite3_finalize(watch.last_row);
    (void)sqlite3_close(watch.db);
    return 0;
}
