/*
 * Writes views of sample_views.h in transactions of a fixed size, each to the
 * disk, and says how fast.
 *
 *   write_views store|copy|copy_views PLACE FIRST COUNT BATCH USERS
 *
 * `store` goes through the store of PLACE, whatever engine it has. The other
 * two are PostgreSQL's own floor for the same rows in the same tables: COPY in
 * its binary form and nothing else. `copy` fills both tables that a view is in,
 * `copy_views` the one that has the rows, which alone would store a view twice.
 * Making the rows, and their bytes for COPY, is not counted.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "postgres_db.h"
#include "sample_views.h"
#include "store.h"

enum {
    BATCH_MAX = STORE_BATCH_MAX,
    RECEIVED_AFTER_MS = 5,
    BYTES_MAX = 64 << 20,
    VIEW_COLUMNS = 11,
    ID_COLUMNS = 3,
};

struct work {
    int64_t first;
    int64_t count;
    size_t batch;
    uint32_t users;
    double seconds;
    double cpu_s;
};

static struct fault fault;

static void check(enum result result)
{
    if (result != RESULT_OK)
        measure_die("%s", fault.text);
}

static size_t make_views(const struct work *work, int64_t done,
                         struct viewed *viewed)
{
    int64_t left = work->count - done;
    size_t count = left < (int64_t)work->batch ? (size_t)left : work->batch;
    for (size_t i = 0; i < count; i++)
        sample_view((uint64_t)(work->first + done) + i, work->users,
                    &viewed[i]);
    return count;
}

/* --- by the store --------------------------------------------------------- */

static void write_by_store(struct work *work, const char *place)
{
    static struct viewed viewed[BATCH_MAX];
    static struct store_view views[BATCH_MAX];
    struct store *store = NULL;
    struct store_config config = {.path = place, .readers = 1};
    bool more;
    check(store_open(&config, &store, &fault));
    for (int64_t done = 0; done < work->count;) {
        size_t count = make_views(work, done, viewed);
        for (size_t i = 0; i < count; i++)
            views[i] = (struct store_view){
                .viewed = &viewed[i],
                .received_ms = viewed[i].viewed_at_ms + RECEIVED_AFTER_MS};
        double start = measure_now_s();
        double cpu_start = measure_cpu_s();
        check(store_write(store, views, count, &fault));
        /* As between two batches of a service; it is a part of the work. */
        check(store_tidy(store, false, &more, &fault));
        work->seconds += measure_now_s() - start;
        work->cpu_s += measure_cpu_s() - cpu_start;
        done += (int64_t)count;
    }
    check(store_close(store, &fault));
}

/* --- by COPY ---------------------------------------------------------------
 */

static void put_text(struct buffer *rows, const char *text)
{
    postgres_copy_bytes(rows, text, strlen(text));
}

static void put_view(struct buffer *rows, const struct viewed *viewed,
                     int64_t place)
{
    postgres_copy_row(rows, VIEW_COLUMNS);
    put_text(rows, viewed->user_id);
    postgres_copy_integer(rows, viewed->viewed_at_ms);
    postgres_copy_integer(rows, place);
    postgres_copy_bytes(rows, viewed->id.bytes, sizeof viewed->id.bytes);
    put_text(rows, viewed->video_id);
    put_text(rows, viewed->video_path);
    postgres_copy_integer(rows, viewed->viewed_at_ms + RECEIVED_AFTER_MS);
    postgres_copy_integer(rows, viewed->position_ms);
    postgres_copy_bytes(rows, viewed->session_id.bytes,
                        sizeof viewed->session_id.bytes);
    postgres_copy_small(rows, (int16_t)viewed->rule);
    postgres_copy_small(rows, 3);
}

static const char copy_views[] =
    "COPY views (user_id, viewed_at_ms, seq, id, video_id, video_path,"
    " received_ms, position_ms, session_id, rule, flags)"
    " FROM STDIN (FORMAT binary)";
static const char copy_ids[] =
    "COPY ids (id, user_id, viewed_at_ms) FROM STDIN (FORMAT binary)";

static void make_rows(const struct work *work, int64_t done,
                      const struct viewed *viewed, size_t count,
                      struct buffer *views, struct buffer *ids)
{
    postgres_copy_begin(views);
    postgres_copy_begin(ids);
    for (size_t i = 0; i < count; i++) {
        put_view(views, &viewed[i], work->first + done + (int64_t)i + 1);
        postgres_copy_row(ids, ID_COLUMNS);
        postgres_copy_bytes(ids, viewed[i].id.bytes, sizeof viewed[i].id.bytes);
        put_text(ids, viewed[i].user_id);
        postgres_copy_integer(ids, viewed[i].viewed_at_ms);
    }
    postgres_copy_end(views);
    postgres_copy_end(ids);
}

static void write_by_copy(struct work *work, const char *place, bool both)
{
    static struct viewed viewed[BATCH_MAX];
    struct buffer views = buffer_make(BYTES_MAX);
    struct buffer ids = buffer_make(BYTES_MAX);
    struct postgres_db *db = NULL;
    check(postgres_db_open(place, NULL, POSTGRES_ANSWER_MS, &db, &fault));
    for (int64_t done = 0; done < work->count;) {
        size_t count = make_views(work, done, viewed);
        make_rows(work, done, viewed, count, &views, &ids);
        double start = measure_now_s();
        double cpu_start = measure_cpu_s();
        check(postgres_db_begin(db, "BEGIN", &fault));
        if (both)
            check(postgres_db_copy(db, copy_ids, &ids, &fault));
        check(postgres_db_copy(db, copy_views, &views, &fault));
        check(postgres_db_commit(db, &fault));
        work->seconds += measure_now_s() - start;
        work->cpu_s += measure_cpu_s() - cpu_start;
        done += (int64_t)count;
    }
    postgres_db_close(db);
    buffer_done(&views);
    buffer_done(&ids);
}

int main(int count, char **arguments)
{
    if (count != 7)
        measure_die("write_views store|copy|copy_views PLACE FIRST COUNT BATCH "
                    "USERS");
    struct work work = {
        .first = measure_number(arguments[3], 0, INT64_MAX / 2),
        .count = measure_number(arguments[4], 1, INT64_MAX / 2),
        .batch = (size_t)measure_number(arguments[5], 1, BATCH_MAX),
        .users = (uint32_t)measure_number(arguments[6], 1, 1000000),
    };
    if (strcmp(arguments[1], "store") == 0)
        write_by_store(&work, arguments[2]);
    else
        write_by_copy(&work, arguments[2], strcmp(arguments[1], "copy") == 0);
    printf("{\"views\": %" PRId64 ", \"seconds\": %.6f, \"cpu_s\": %.6f}\n",
           work.count, work.seconds, work.cpu_s);
    return 0;
}
