#include <string.h>

#include "pauses.h"
#include "sqlite_parts.h"

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

enum result sqlite_store_paused_rows(struct sqlite_db *db,
                                     struct erased_set *set,
                                     struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    enum result r = sqlite_db_prepare(
        db, "SELECT user, from_ms, until_ms FROM paused", &rows, fault);
    int code = SQLITE_DONE;
    while (r == RESULT_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        struct erased_entry entry = {
            .from_ms = sqlite3_column_int64(rows, 1),
            .until_ms = sqlite3_column_int64(rows, 2),
        };
        memcpy(entry.user.hash, sqlite3_column_blob(rows, 0),
               sizeof entry.user.hash); /* the table checks its length */
        if (!erased_set_add(set, &entry))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    if (r == RESULT_OK && code != SQLITE_DONE)
        r = sqlite_db_fault(db, "cannot read the pauses", fault);
    return r;
}

enum result sqlite_store_write_pause(struct sqlite_store *store,
                                     const struct erased_entry *entry,
                                     struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *insert = NULL;
    enum result r = sqlite_db_prepare(
        store->db,
        "INSERT INTO paused (user, from_ms, until_ms) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (user, from_ms) DO UPDATE SET"
        " until_ms = min(until_ms, excluded.until_ms)",
        &insert, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_blob(insert, 1, entry->user.hash, sizeof entry->user.hash,
                      SQLITE_STATIC);
    sqlite3_bind_int64(insert, 2, entry->from_ms);
    sqlite3_bind_int64(insert, 3, entry->until_ms);
    return sqlite_store_step(store, insert, "cannot note a pause", fault);
}

/* In the set after the file: what is refused is acknowledged, and gone. */
static enum result note(struct sqlite_store *store,
                        const struct erased_entry *entry, struct fault *fault)
{
    if (!erased_set_reserve(&store->erased))
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    enum result r = sqlite_store_write_pause(store, entry, fault);
    if (r == RESULT_OK)
        (void)erased_set_add(&store->erased, entry);
    return r;
}

struct store_recording sqlite_store_recording(const struct store *base,
                                              const char *user_id)
{
    return pauses_recording(&sqlite_store_of_const(base)->erased, user_id);
}

enum result sqlite_store_set_paused(struct store *base, const char *user_id,
                                    bool paused, int64_t now_ms,
                                    struct store_recording *ret,
                                    struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct erased_entry entry;
    bool changes;
    enum result r = pauses_change(&store->erased, user_id, paused, now_ms,
                                  &entry, &changes, fault);
    if (r == RESULT_OK && changes)
        r = note(store, &entry, fault);
    if (r == RESULT_OK)
        *ret = sqlite_store_recording(&store->base, user_id);
    return r;
}
