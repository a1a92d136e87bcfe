/*
 * One view after another and one query after another, and nothing else, for an
 * instrument that counts instructions (tests/perf).
 *
 *   count_work views FILE     reads and stores COUNT_VIEWS messages
 *   count_work queries FILE   answers COUNT_QUERIES from the file that made
 *
 * What counts lies in the functions take_views() and answer_queries(). Time
 * stands still for the store, so that what it does in slices of time does not
 * depend on how fast it is run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "list_request.h"
#include "measure.h"
#include "row_json.h"
#include "sample_views.h"
#include "store.h"

enum {
    COUNT_VIEWS = 20000,
    COUNT_QUERIES = 1000,
    BATCH_VIEWS = 500,
    USERS = 200, /* a page is always full */
    BODY_BYTES_MAX = 4096,
    PAGE_BYTES_MAX = 1 << 20,
};

int64_t __wrap_clock_monotonic_ms(void);
void take_views(struct store *store, const struct buffer *bodies);
void answer_queries(struct store *store);

static struct fault fault;

/* The linker puts it in the place of clock_monotonic_ms(). */
int64_t __wrap_clock_monotonic_ms(void)
{
    return 0;
}

static void check(enum result result)
{
    if (result != RESULT_OK)
        measure_die("%s", fault.text);
}

/* --- views ---------------------------------------------------------------- */

static void take_batch(struct store *store, const struct buffer *bodies)
{
    static struct viewed viewed[BATCH_VIEWS];
    static struct store_view views[BATCH_VIEWS];
    for (size_t i = 0; i < BATCH_VIEWS; i++) {
        struct viewed_envelope envelope = {.received_ms = SAMPLE_FIRST_MS};
        check(viewed_decode(bodies[i].data, bodies[i].bytes, &envelope,
                            &viewed[i], &fault));
        views[i] = (struct store_view){.viewed = &viewed[i],
                                       .received_ms = SAMPLE_FIRST_MS};
    }
    check(store_write(store, views, BATCH_VIEWS, &fault));
}

__attribute__((noinline)) void take_views(struct store *store,
                                          const struct buffer *bodies)
{
    bool more = true;
    for (size_t at = 0; at < COUNT_VIEWS; at += BATCH_VIEWS) {
        take_batch(store, bodies + at);
        check(store_tidy(store, false, &more, &fault));
    }
    for (more = true; more;)
        check(store_tidy(store, true, &more, &fault));
}

static void count_views(struct store *store)
{
    static struct buffer bodies[COUNT_VIEWS];
    for (size_t i = 0; i < COUNT_VIEWS; i++) {
        struct viewed viewed;
        sample_view(i, USERS, &viewed);
        bodies[i] = buffer_make(BODY_BYTES_MAX);
        viewed_encode(&viewed, &bodies[i]);
    }
    take_views(store, bodies);
    for (size_t i = 0; i < COUNT_VIEWS; i++)
        buffer_done(&bodies[i]);
    printf("{\"units\": %d}\n", COUNT_VIEWS);
}

/* --- queries -------------------------------------------------------------- */

static const char *parameter(const void *context, const char *name)
{
    if (strcmp(name, "userId") == 0)
        return context;
    return strcmp(name, "limit") == 0 ? "20" : NULL;
}

static void add_row(void *context, const struct store_row *row)
{
    row_json_write(context, row);
}

/* As GET /history does it. */
static void answer_query(struct store *store, const char *user)
{
    struct store_query query;
    struct store_page page;
    struct buffer body = buffer_make(PAGE_BYTES_MAX);
    check(list_request_read(parameter, user, &query, &fault));
    check(store_query(store, &query, add_row, &body, &page, &fault));
    list_request_next(&query, &page.last, &body);
    if (page.rows != 20 || !page.more || body.failed)
        measure_die("the page is not full");
    buffer_done(&body);
}

__attribute__((noinline)) void answer_queries(struct store *store)
{
    for (uint32_t i = 0; i < COUNT_QUERIES; i++) {
        char user[VIEWED_USER_BYTES_MAX + 1];
        sample_user(i % USERS, user);
        answer_query(store, user);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fputs("count_work views|queries FILE\n", stderr);
        return 2;
    }
    struct store *store = NULL;
    struct store_config config = {.path = argv[2], .readers = 1};
    check(store_open(&config, &store, &fault));
    if (strcmp(argv[1], "views") == 0) {
        count_views(store);
    } else {
        answer_queries(store);
        printf("{\"units\": %d}\n", COUNT_QUERIES);
    }
    check(store_close(store, &fault));
    return 0;
}
