#include "sqlite_parts.h"

/*
 * The WAL is written back by us and not by SQLite's own trigger, so that its
 * errors are seen and its pause is a step of its own.
 */
enum {
    /* How long an overdue checkpoint waits for queries to end. Who reads the
     * whole store takes longer: then the next try is CHECKPOINT_PAGES later,
     * so that neither views nor queries wait for that reader. */
    CHECKPOINT_WAIT_MS = 100,
    CHECKPOINT_PAGES = 4000, /* 16 MB of WAL: a pause of some 20 ms */
    /* While few views come, which is when somebody may wait for each. */
    CHECKPOINT_PAGES_QUIET = 1000,
    QUIET_TAIL_VIEWS = 20000,
    /* Twice as much: what store_write() no longer leaves to store_tidy(). It
     * is also the sign that a reader kept the WAL from starting over. */
    CHECKPOINT_PAGES_MAX = 8000,
};

/* SQLite calls this after each commit, with the pages that the WAL has. */
static int committed(void *context, sqlite3 *handle, const char *name,
                     int pages)
{
    (void)handle;
    (void)name;
    struct sqlite_store *store = context;
    store->wal_pages = pages;
    if (pages < store->wal_pages_held)
        store->wal_pages_held = 0; /* the WAL has started over */
    return SQLITE_OK;
}

void sqlite_store_checkpoint_watch(struct sqlite_store *store)
{
    /* This takes the place of the automatic checkpoint. */
    (void)sqlite3_wal_hook(sqlite_db_handle(store->db), committed, store);
}

static bool is_tried_in_vain(const struct sqlite_store *store)
{
    return store->wal_pages_held > 0 &&
           store->wal_pages < store->wal_pages_held + CHECKPOINT_PAGES;
}

bool sqlite_store_checkpoint_due(const struct sqlite_store *store)
{
    int pages = sqlite_store_tail_views(store) < QUIET_TAIL_VIEWS
                    ? CHECKPOINT_PAGES_QUIET
                    : CHECKPOINT_PAGES;
    return store->wal_pages >= pages && !is_tried_in_vain(store);
}

bool sqlite_store_checkpoint_overdue(const struct sqlite_store *store)
{
    return store->wal_pages >= CHECKPOINT_PAGES_MAX && !is_tried_in_vain(store);
}

enum result sqlite_store_checkpoint(struct sqlite_store *store,
                                    struct fault *fault)
{
    sqlite3 *handle = sqlite_db_handle(store->db);
    /* Restart waits until readers that began before have their page. */
    int mode = sqlite_store_checkpoint_overdue(store)
                   ? SQLITE_CHECKPOINT_RESTART
                   : SQLITE_CHECKPOINT_PASSIVE;
    int pages = 0;
    int done = 0;
    (void)sqlite3_busy_timeout(handle, CHECKPOINT_WAIT_MS);
    int code = sqlite3_wal_checkpoint_v2(handle, NULL, mode, &pages, &done);
    (void)sqlite3_busy_timeout(handle, SQLITE_DB_BUSY_TIMEOUT_MS);
    enum result result = RESULT_OK;
    /* Busy: a reader still needs the old pages. The next one gets further. */
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
        result = sqlite_store_fault(store, "cannot write back the WAL", fault);
    if (result == RESULT_OK) {
        store->wal_pages = pages - done;
        store->wal_pages_held = code != SQLITE_OK || done < pages ? pages : 0;
    }
    return result;
}

enum result sqlite_store_cut_wal(struct sqlite_store *store, bool *ret_cut,
                                 struct fault *fault)
{
    sqlite3 *handle = sqlite_db_handle(store->db);
    (void)sqlite3_busy_timeout(handle, CHECKPOINT_WAIT_MS);
    int code = sqlite3_wal_checkpoint_v2(
        handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    (void)sqlite3_busy_timeout(handle, SQLITE_DB_BUSY_TIMEOUT_MS);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
        return sqlite_store_fault(store, "cannot write back the WAL", fault);
    *ret_cut = code == SQLITE_OK;
    if (code == SQLITE_OK) {
        store->wal_pages = 0;
        store->wal_pages_held = 0;
    }
    return RESULT_OK;
}
