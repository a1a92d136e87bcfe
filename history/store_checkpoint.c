#include "store_parts.h"

/*
 * The WAL is written back by us and not by SQLite's own trigger, so that its
 * errors are seen and its pause is a step of its own.
 */
enum {
    CHECKPOINT_PAGES = 4000, /* 16 MB of WAL: a pause of some 20 ms */
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
    ((struct store *)context)->wal_pages = pages;
    return SQLITE_OK;
}

void store_checkpoint_watch(struct store *store)
{
    /* This takes the place of the automatic checkpoint. */
    (void)sqlite3_wal_hook(sqlite_db_handle(store->db), committed, store);
}

bool store_checkpoint_due(const struct store *store)
{
    return store->wal_pages >= CHECKPOINT_PAGES;
}

bool store_checkpoint_overdue(const struct store *store)
{
    return store->wal_pages >= CHECKPOINT_PAGES_MAX;
}

enum result store_checkpoint(struct store *store, struct fault *fault)
{
    sqlite3 *handle = sqlite_db_handle(store->db);
    /* Restart waits until readers that began before have their page. */
    int mode = store_checkpoint_overdue(store) ? SQLITE_CHECKPOINT_RESTART
                                               : SQLITE_CHECKPOINT_PASSIVE;
    int pages = 0;
    int done = 0;
    int code = sqlite3_wal_checkpoint_v2(handle, NULL, mode, &pages, &done);
    enum result result = RESULT_OK;
    /* Busy: a reader still needs the old pages. The next one gets further. */
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
        result = store_fault(store, "cannot write back the WAL", fault);
    if (result == RESULT_OK)
        store->wal_pages = pages - done;
    return result;
}
