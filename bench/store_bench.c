/*
 * How fast the store takes views, how long its longest pause is, and what
 * queries cost afterwards.
 *
 *   store_bench PLACE ROWS [BATCH [idle|busy]]
 *
 * PLACE is a folder that exists, where a file is made new, or the address of an
 * empty database, "postgresql://…". "idle" (the default) lets
 * the store tidy once after each batch, as a batcher does between two batches;
 * "busy" never does, as under a load that never ends.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "store.h"

enum {
    USERS = 100000,
    VIDEOS = 1000,
    QUERIES = 2000,
    STEP_ROWS = 250000, /* between two lines of the report */
};

struct bench {
    struct store *store;
    uint64_t random;
    int64_t rows;
    uint32_t batch;
    bool idle;
    struct viewed *viewed;
    struct store_view *views;
    double write_cpu_ms;
    double tidy_cpu_ms;
    double worst_write_ms;
    double worst_tidy_ms;
};

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* Of this thread, which is the store's writer. */
static double cpu_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static _Noreturn void die(const struct fault *fault)
{
    (void)fprintf(stderr, "store_bench: %s\n", fault->text);
    exit(1);
}

/* xorshift64: the same views in every run. */
static uint64_t draw(struct bench *bench)
{
    uint64_t x = bench->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return bench->random = x;
}

static void user_name(uint64_t number, char *text, size_t bytes)
{
    (void)snprintf(text, bytes, "018f3c1e-7b2a-7000-8000-%012" PRIx64,
                   number * 2654435761u % 0xffffffffffff);
}

/* A version 7 id: time first, so ids arrive nearly in order. */
static struct uuid make_id(struct bench *bench, int64_t at_ms)
{
    struct uuid id;
    uint64_t high = (uint64_t)at_ms << 16 | 0x7000 | (draw(bench) & 0xfff);
    uint64_t low = draw(bench);
    for (int i = 0; i < 8; i++) {
        id.bytes[i] = (uint8_t)(high >> (56 - 8 * i));
        id.bytes[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
    return id;
}

static void make_view(struct bench *bench, int64_t number,
                      struct store_view *view, struct viewed *viewed)
{
    memset(viewed, 0, sizeof *viewed);
    int64_t at_ms = 1767225600000 + number * 2;
    uint64_t video = draw(bench) % VIDEOS;
    viewed->viewed_at_ms = at_ms - (int64_t)(draw(bench) % 1000);
    viewed->id = make_id(bench, at_ms);
    viewed->id_given = viewed->time_given = viewed->session_given = true;
    viewed->session_id = make_id(bench, at_ms);
    user_name(draw(bench) % USERS, viewed->user_id, sizeof viewed->user_id);
    (void)snprintf(viewed->video_id, sizeof viewed->video_id,
                   "SampleVideo_%" PRIu64 ".mp4", video);
    (void)snprintf(viewed->video_path, sizeof viewed->video_path,
                   "./videos/SampleVideo_%" PRIu64 ".mp4", video);
    viewed->position_ms = 12500;
    viewed->duration_ms = 30000;
    viewed->rule = VIEWED_RULE_PLAYED;
    *view = (struct store_view){viewed, at_ms + 5, STORE_NEW};
}

static void tidy(struct bench *bench, bool quiet, bool *more)
{
    struct fault fault;
    double start = now_ms();
    double cpu_start = cpu_ms();
    if (store_tidy(bench->store, quiet, more, &fault) != RESULT_OK)
        die(&fault);
    double spent = now_ms() - start;
    bench->tidy_cpu_ms += cpu_ms() - cpu_start;
    if (spent > bench->worst_tidy_ms)
        bench->worst_tidy_ms = spent;
}

/* Returns the time that making the views took, which is not the store's. */
static double write_batch(struct bench *bench, int64_t first, uint32_t count)
{
    struct fault fault;
    double start = now_ms();
    for (uint32_t i = 0; i < count; i++)
        make_view(bench, first + i, &bench->views[i], &bench->viewed[i]);
    double made = now_ms();
    double cpu_made = cpu_ms();
    if (store_write(bench->store, bench->views, count, &fault) != RESULT_OK)
        die(&fault);
    double spent = now_ms() - made;
    bench->write_cpu_ms += cpu_ms() - cpu_made;
    if (spent > bench->worst_write_ms)
        bench->worst_write_ms = spent;
    bool more;
    if (bench->idle)
        tidy(bench, false, &more);
    return made - start;
}

static void report(struct bench *bench, int64_t rows, int64_t step_rows,
                   double step_ms)
{
    struct store_stats stats;
    store_stats(bench->store, &stats);
    printf("%9" PRId64 " rows %7.0f rows/s  worst write %5.1f tidy %5.1f ms"
           "  cpu write %4.1f tidy %4.1f us a row"
           "  tail %6" PRId64 " wal %3" PRId64 " MB file %5" PRId64 " MB\n",
           rows, (double)step_rows / step_ms * 1e3, bench->worst_write_ms,
           bench->worst_tidy_ms, bench->write_cpu_ms * 1e3 / (double)step_rows,
           bench->tidy_cpu_ms * 1e3 / (double)step_rows, stats.tail_rows,
           stats.wal_bytes >> 20, stats.file_bytes >> 20);
    bench->write_cpu_ms = bench->tidy_cpu_ms = 0;
    (void)fflush(stdout);
    bench->worst_write_ms = bench->worst_tidy_ms = 0;
}

static void write_all(struct bench *bench)
{
    double started = now_ms();
    double step_started = started;
    double making = 0;
    double step_making = 0;
    int64_t step_first = 0;
    for (int64_t done = 0; done < bench->rows;) {
        uint32_t count = bench->batch;
        if (bench->rows - done < count)
            count = (uint32_t)(bench->rows - done);
        step_making += write_batch(bench, done, count);
        done += count;
        if (done - step_first >= STEP_ROWS || done == bench->rows) {
            double now = now_ms();
            report(bench, done, done - step_first,
                   now - step_started - step_making);
            step_started = now;
            step_first = done;
            making += step_making;
            step_making = 0;
        }
    }
    printf("all: %.0f rows/s\n",
           (double)bench->rows / (now_ms() - started - making) * 1e3);
}

static void count_row(void *context, const struct store_row *row)
{
    *(int64_t *)context += row->place.seq;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void ask(struct bench *bench, const char *name, struct store_query query,
                bool user, bool deep, int times)
{
    static double spent_us[QUERIES];
    struct fault fault;
    struct store_page page = {0};
    int64_t sum = 0;
    for (int i = 0; i < times; i++) {
        char user_id[64];
        user_name(draw(bench) % USERS, user_id, sizeof user_id);
        if (user)
            query.user_id = user_id;
        if (deep)
            query.after.viewed_at_ms =
                1767225600000 +
                (int64_t)(draw(bench) % (uint64_t)bench->rows) * 2;
        double start = now_ms();
        if (store_query(bench->store, &query, count_row, &sum, &page, &fault) !=
            RESULT_OK)
            die(&fault);
        spent_us[i] = (now_ms() - start) * 1e3;
    }
    qsort(spent_us, (size_t)times, sizeof spent_us[0], compare_doubles);
    printf("%-34s %3u rows  median %8.1f us  99%% %8.1f us  worst %8.1f us\n",
           name, page.rows, spent_us[times / 2], spent_us[times * 99 / 100],
           spent_us[times - 1]);
}

static void ask_all(struct bench *bench)
{
    struct store_query newest = {
        .since_ms = CLOCK_MIN_MS, .until_ms = CLOCK_MAX_MS + 1, .limit = 20};
    struct store_query deep = newest;
    deep.after_given = true;
    struct store_query video = newest;
    video.video_id = "SampleVideo_7.mp4";
    struct store_query skipping = newest;
    ask(bench, "a user's newest 20", newest, true, false, QUERIES);
    ask(bench, "a video's newest 20", video, false, false, QUERIES);
    ask(bench, "a user's of one video", video, true, false, QUERIES);
    ask(bench, "newest 20 of all", newest, false, false, QUERIES);
    ask(bench, "20 of all from any place", deep, false, true, QUERIES);
    skipping.skip = 90000;
    ask(bench, "newest 20 of all, skip 90000", skipping, false, false, 100);
    skipping.skip = STORE_SKIP_MAX;
    ask(bench, "newest 20 of all, skip 1000000", skipping, false, false, 20);
}

/* Apart from pages of the file, which readers map and the system may drop. */
static void report_memory(void)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "RssAnon:", 8) == 0 ||
            strncmp(line, "VmHWM:", 6) == 0)
            printf("%s", line);
    if (status != NULL)
        (void)fclose(status);
}

static void open_store(struct bench *bench, const char *path)
{
    struct fault fault;
    struct store_config config = {.path = path, .readers = 2};
    double start = now_ms();
    if (store_open(&config, &bench->store, &fault) != RESULT_OK)
        die(&fault);
    printf("opened in %.1f ms\n", now_ms() - start);
}

int main(int count, char **arguments)
{
    struct bench bench = {.random = 88172645463325252u, .idle = true};
    if (count < 3) {
        (void)fprintf(stderr, "store_bench PLACE ROWS [BATCH [idle|busy]]\n");
        return 2;
    }
    bench.rows = strtoll(arguments[2], NULL, 10);
    bench.batch = count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 1000;
    bench.idle = count < 5 || strcmp(arguments[4], "busy") != 0;
    if (bench.rows < 1 || bench.batch < 1 || bench.batch > STORE_BATCH_MAX)
        return 2;
    bench.viewed = calloc(bench.batch, sizeof *bench.viewed);
    bench.views = calloc(bench.batch, sizeof *bench.views);
    char path[4096];
    (void)snprintf(path, sizeof path, "%s%s", arguments[1],
                   strstr(arguments[1], "://") != NULL ? ""
                                                       : "/store_bench.db");
    if (bench.viewed == NULL || bench.views == NULL || access(path, F_OK) == 0)
        return 3; /* an old file would be measured in part */

    struct fault fault;
    open_store(&bench, path);
    write_all(&bench);
    ask_all(&bench);
    if (store_close(bench.store, &fault) != RESULT_OK)
        die(&fault);
    open_store(&bench, path);
    printf("after a quiet while:\n");
    bool more = true;
    while (more)
        tidy(&bench, true, &more);
    ask_all(&bench);
    report_memory();
    if (store_close(bench.store, &fault) != RESULT_OK)
        die(&fault);
    free(bench.viewed);
    free(bench.views);
    return 0;
}
