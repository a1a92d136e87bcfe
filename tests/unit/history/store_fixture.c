#include "store_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "postgres_db.h"
#include "sqlite_db.h"

/* --- a schema of PostgreSQL ------------------------------------------------
 */

static int run_postgres(const char *url, const char *sql)
{
    struct fault fault = {""};
    struct postgres_db *db = NULL;
    enum result r =
        postgres_db_open(url, NULL, POSTGRES_ANSWER_MS, &db, &fault);
    if (r == RESULT_OK)
        r = postgres_db_run(db, sql, &fault);
    postgres_db_close(db);
    if (r != RESULT_OK)
        print_error("%s: %s\n", sql, fault.text);
    return r == RESULT_OK ? 0 : -1;
}

/* The address in postgres.env in the folder FLIXTUBE_POSTGRES. */
static bool read_url(char url[FIXTURE_PATH_BYTES])
{
    char path[FIXTURE_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%.200s/postgres.env",
                   getenv("FLIXTUBE_POSTGRES"));
    FILE *file = fopen(path, "re");
    bool found = file != NULL && fscanf(file, "url=%120s", url) == 1;
    if (file != NULL)
        (void)fclose(file);
    if (!found)
        print_error("there is no address in %s\n", path);
    return found;
}

/* Named after the folder, which nobody else has. */
static const char *schema_of(const struct fixture *fixture)
{
    return strrchr(fixture->folder, '-') + 1;
}

static int make_schema(struct fixture *fixture)
{
    char url[FIXTURE_PATH_BYTES];
    char sql[FIXTURE_PATH_BYTES];
    if (!read_url(url))
        return -1;
    (void)snprintf(sql, sizeof sql, "CREATE SCHEMA \"%s\"", schema_of(fixture));
    (void)snprintf(fixture->path, sizeof fixture->path,
                   "%.120s?options=-csearch_path%%3D%%22%s%%22", url,
                   schema_of(fixture));
    return run_postgres(url, sql);
}

static void drop_schema(const struct fixture *fixture)
{
    char sql[FIXTURE_PATH_BYTES];
    (void)snprintf(sql, sizeof sql, "DROP SCHEMA \"%s\" CASCADE",
                   schema_of(fixture));
    (void)run_postgres(fixture->path, sql);
}

/* --- the fixture -----------------------------------------------------------
 */

int fixture_make(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (fixture == NULL)
        return -1;
    const char *parent = getenv("TMPDIR");
    (void)snprintf(fixture->folder, sizeof fixture->folder,
                   "%.32s/flixtube-store-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(fixture->folder) == NULL) {
        free(fixture);
        return -1;
    }
    fixture->is_file = getenv("FLIXTUBE_POSTGRES") == NULL;
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/history.db",
                   fixture->folder);
    *state = fixture;
    return fixture->is_file ? 0 : make_schema(fixture);
}

void fixture_needs_file(const struct fixture *fixture)
{
    if (!fixture->is_file)
        skip();
}

static void remove_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;
    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        char path[FIXTURE_PATH_BYTES + 256];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            (void)unlink(path);
    }
    if (entries != NULL)
        (void)closedir(entries);
    (void)rmdir(folder);
}

int fixture_remove(void **state)
{
    struct fixture *fixture = *state;
    (void)store_close(fixture->store, NULL);
    if (!fixture->is_file)
        drop_schema(fixture);
    remove_folder(fixture->folder);
    free(fixture);
    return 0;
}

void fixture_open(struct fixture *fixture)
{
    struct fault fault = {""};
    struct store_config config = {fixture->path, FIXTURE_READERS};
    if (store_open(&config, &fixture->store, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
}

void fixture_close(struct fixture *fixture)
{
    struct fault fault = {""};
    if (store_close(fixture->store, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
    fixture->store = NULL;
}

void fixture_reopen(struct fixture *fixture)
{
    fixture_close(fixture);
    fixture_open(fixture);
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    char bytes[65536];
    size_t count;
    while ((count = fread(bytes, 1, sizeof bytes, in)) > 0)
        assert_int_equal(fwrite(bytes, 1, count, out), count);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(in), 0);
}

void fixture_copy(const struct fixture *fixture, const char *to)
{
    char from_wal[FIXTURE_PATH_BYTES + 8];
    char to_wal[FIXTURE_PATH_BYTES + 8];
    (void)snprintf(from_wal, sizeof from_wal, "%s-wal", fixture->path);
    (void)snprintf(to_wal, sizeof to_wal, "%s-wal", to);
    copy_file(fixture->path, to);
    copy_file(from_wal, to_wal);
}

void fixture_sql(const struct fixture *fixture, const char *sql)
{
    struct fault fault = {""};
    struct sqlite_db *db = NULL;
    if (!fixture->is_file) {
        assert_int_equal(run_postgres(fixture->path, sql), 0);
        return;
    }
    if (sqlite_db_open(fixture->path, &db, &fault) != RESULT_OK ||
        sqlite_db_run(db, sql, &fault) != RESULT_OK ||
        sqlite_db_close(db, &fault) != RESULT_OK)
        fail_msg("%s: %s", sql, fault.text);
}

uint64_t fixture_draw(uint64_t *random)
{
    uint64_t x = *random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *random = x;
}

uint64_t fixture_seed(void)
{
    const char *given = getenv("FLIXTUBE_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10)
                                  : (uint64_t)clock_now_ms() * 2654435761u;
    if (seed == 0)
        seed = 1; /* xorshift never leaves 0 */
    print_message("FLIXTUBE_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

struct viewed view_make(uint32_t n)
{
    struct viewed view = {
        .id_given = true,
        .time_given = true,
        .viewed_at_ms = FIXTURE_TIME + n,
        .position_ms = 12500 + n,
        .duration_ms = 30000 + n,
        .session_given = true,
        .rule = VIEWED_RULE_PLAYED,
    };
    for (unsigned i = 0; i < 4; i++)
        view.id.bytes[i] = view.session_id.bytes[15 - i] =
            (uint8_t)(n >> (24 - 8 * i));
    view.trace.given = n % 3 == 0;
    if (view.trace.given)
        memset(view.trace.bytes, (int)(n % 255) + 1, sizeof view.trace.bytes);
    (void)snprintf(view.user_id, sizeof view.user_id, "user-%u", n % 7);
    (void)snprintf(view.video_id, sizeof view.video_id, "video-%u.mp4", n % 5);
    (void)snprintf(view.video_path, sizeof view.video_path,
                   "./videos/video-%u.mp4", n % 5);
    return view;
}

size_t store_some(struct store *store, const struct viewed *views, size_t count)
{
    struct fault fault = {""};
    struct store_view *batch = calloc(count, sizeof *batch);
    assert_non_null(batch);
    for (size_t i = 0; i < count; i++)
        batch[i] = (struct store_view){&views[i], views[i].viewed_at_ms + 9, 0};
    if (store_write(store, batch, count, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
    size_t fresh = 0;
    for (size_t i = 0; i < count; i++)
        fresh += batch[i].written == STORE_NEW;
    free(batch);
    return fresh;
}

void store_one(struct store *store, const struct viewed *view)
{
    assert_int_equal(store_some(store, view, 1), 1);
}

void store_range(struct store *store, uint32_t first, uint32_t count)
{
    enum {
        BATCH = 1000,
    };
    struct viewed *views = calloc(BATCH, sizeof *views);
    assert_non_null(views);
    while (count > 0) {
        uint32_t some = count < BATCH ? count : BATCH;
        for (uint32_t i = 0; i < some; i++)
            views[i] = view_make(first + i);
        assert_int_equal(store_some(store, views, some), some);
        first += some;
        count -= some;
    }
    free(views);
}

bool tidy_once(struct store *store, bool quiet)
{
    struct fault fault = {""};
    bool more = false;
    if (store_tidy(store, quiet, &more, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
    return more;
}

void tidy_all(struct store *store)
{
    while (tidy_once(store, true)) {
    }
}

struct kept_page *kept_page_make(void)
{
    struct kept_page *page = calloc(1, sizeof *page);
    assert_non_null(page);
    page->rows = calloc(STORE_PAGE_ROWS_MAX, sizeof *page->rows);
    assert_non_null(page->rows);
    return page;
}

void kept_page_free(struct kept_page *page)
{
    free(page->rows);
    free(page);
}

struct store_query query_all(void)
{
    return (struct store_query){
        .since_ms = CLOCK_MIN_MS,
        .until_ms = CLOCK_MAX_MS + 1,
        .limit = 100,
    };
}

static const char *keep_text(char *to, size_t room, const char *from,
                             size_t bytes)
{
    assert_true(bytes < room);
    memcpy(to, from, bytes + 1); /* the NUL is promised */
    assert_int_equal(to[bytes], '\0');
    return to;
}

struct keeper {
    struct kept_page *page;
    uint32_t rows;
};

static void keep(void *context, const struct store_row *row)
{
    struct keeper *keeper = context;
    assert_true(keeper->rows < STORE_PAGE_ROWS_MAX);
    struct kept_row *kept = &keeper->page->rows[keeper->rows++];
    kept->row = *row;
    kept->row.user_id = keep_text(kept->user_id, sizeof kept->user_id,
                                  row->user_id, row->user_id_bytes);
    kept->row.video_id = keep_text(kept->video_id, sizeof kept->video_id,
                                   row->video_id, row->video_id_bytes);
    kept->row.video_path = keep_text(kept->video_path, sizeof kept->video_path,
                                     row->video_path, row->video_path_bytes);
}

void ask(struct store *store, const struct store_query *query,
         struct kept_page *ret)
{
    struct fault fault = {""};
    struct keeper keeper = {.page = ret};
    if (store_query(store, query, keep, &keeper, &ret->page, &fault) !=
        RESULT_OK)
        fail_msg("%s", fault.text);
    assert_int_equal(keeper.rows, ret->page.rows);
}

static void pass_over(void *context, const struct store_row *row)
{
    (void)context;
    (void)row;
}

uint32_t count_rows(struct store *store, struct store_query query)
{
    struct fault fault = {""};
    struct store_page page = {0};
    uint32_t rows = 0;
    do {
        if (store_query(store, &query, pass_over, NULL, &page, &fault) !=
            RESULT_OK)
            fail_msg("%s", fault.text);
        rows += page.rows;
        query.after = page.last;
        query.after_given = true;
        query.skip = 0;
    } while (page.more);
    return rows;
}

bool is_stored(struct store *store, const struct viewed *view)
{
    struct fault fault = {""};
    enum result result = store_find(store, &view->id, pass_over, NULL, &fault);
    if (result != RESULT_OK && result != RESULT_NOT_FOUND)
        fail_msg("%s", fault.text);
    return result == RESULT_OK;
}

void assert_row_is(const struct kept_row *row, const struct viewed *view)
{
    assert_memory_equal(row->row.id.bytes, view->id.bytes, 16);
    assert_int_equal(row->row.id_given, view->id_given);
    assert_int_equal(row->row.time_given, view->time_given);
    assert_string_equal(row->row.user_id, view->user_id);
    assert_string_equal(row->row.video_id, view->video_id);
    assert_string_equal(row->row.video_path, view->video_path);
    assert_int_equal(row->row.place.viewed_at_ms, view->viewed_at_ms);
    assert_int_equal(row->row.received_ms, view->viewed_at_ms + 9);
    assert_int_equal(row->row.position_ms, view->position_ms);
    assert_int_equal(row->row.duration_ms, view->duration_ms);
    assert_int_equal(row->row.session_given, view->session_given);
    if (view->session_given)
        assert_memory_equal(row->row.session_id.bytes, view->session_id.bytes,
                            16);
    assert_int_equal(row->row.rule, view->rule);
    assert_int_equal(row->row.trace.given, view->trace.given);
    assert_memory_equal(row->row.trace.bytes, view->trace.bytes,
                        sizeof view->trace.bytes);
}
