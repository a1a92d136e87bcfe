#ifndef FLIXTUBE_TESTS_STORE_FIXTURE_H
#define FLIXTUBE_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "store.h"

/* What the tests of the store share: a folder, views, and pages kept. */

enum {
    FIXTURE_FOLDER_BYTES = 64,
    FIXTURE_PATH_BYTES = 256,
    FIXTURE_READERS = 3,
};

#define FIXTURE_TIME INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

/* A folder of its own under the system's temporary one, and a name in it; where
 * FLIXTUBE_POSTGRES is the folder of a server (tools/postgres), a schema of its
 * own there. */
struct fixture {
    char folder[FIXTURE_FOLDER_BYTES];
    bool is_file;
    char path[FIXTURE_PATH_BYTES];
    struct store *store; /* open between fixture_open() and fixture_close() */
};

int fixture_make(void **state);   /* cmocka's setup: *state is a fixture */
int fixture_remove(void **state); /* cmocka's teardown: closes and deletes */

void fixture_open(struct fixture *fixture);
void fixture_close(struct fixture *fixture);
void fixture_reopen(struct fixture *fixture);

/* Ends a claim that is about files alone, where the store is none. */
void fixture_needs_file(const struct fixture *fixture);

/* A copy of the file and its WAL as they are now, under another name. */
void fixture_copy(const struct fixture *fixture, const char *to);

/* Runs SQL on the store, which must be closed, past it. */
void fixture_sql(const struct fixture *fixture, const char *sql);

/* xorshift64: the same numbers from the same seed. */
uint64_t fixture_draw(uint64_t *random);

/* FLIXTUBE_SEED, or one from the clock; printed, so that a failure can be had
 * again. */
uint64_t fixture_seed(void);

/* View number n: its own id, all fields set, a millisecond after n - 1. */
struct viewed view_make(uint32_t n);

/* Views that must be stored; returns how many were new. */
size_t store_some(struct store *store, const struct viewed *views,
                  size_t count);
void store_one(struct store *store, const struct viewed *view);

/* Views first to first + count - 1, in batches. */
void store_range(struct store *store, uint32_t first, uint32_t count);

/* Tidies until there is nothing more to do. Quiet, so from 2,000 views on. */
void tidy_all(struct store *store);

/* One slice; says whether there is more. */
bool tidy_once(struct store *store, bool quiet);

/* A row that was handed out, kept. */
struct kept_row {
    struct store_row row; /* its texts are the copies below */
    char user_id[VIEWED_USER_BYTES_MAX + 1];
    char video_id[VIEWED_VIDEO_BYTES_MAX + 1];
    char video_path[VIEWED_PATH_BYTES_MAX + 1];
};

struct kept_page {
    struct kept_row *rows; /* STORE_PAGE_ROWS_MAX of them */
    struct store_page page;
};

struct kept_page *kept_page_make(void);
void kept_page_free(struct kept_page *page);

/* Everything, newest first, a page of 100. */
struct store_query query_all(void);

/* The query must succeed. */
void ask(struct store *store, const struct store_query *query,
         struct kept_page *ret);

/* How many rows the query has, walked to its end by its cursor. */
uint32_t count_rows(struct store *store, struct store_query query);

bool is_stored(struct store *store, const struct viewed *view);

/* Every value of the view is in the row. */
void assert_row_is(const struct kept_row *row, const struct viewed *view);

#endif
