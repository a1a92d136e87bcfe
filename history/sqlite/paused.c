#include <string.h>

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
    const struct sqlite_store *store = sqlite_store_of_const(base);
    const struct erased_entry *open = NULL;
    struct erased_user user = erased_user_of(user_id, strlen(user_id));
    (void)erased_set_pauses(&store->erased, &user, &open);
    return (struct store_recording){
        .paused = open != NULL,
        .since_ms = open != NULL ? open->from_ms : 0,
    };
}

enum result sqlite_store_set_paused(struct store *base, const char *user_id,
                                    bool paused, int64_t now_ms,
                                    struct store_recording *ret,
                                    struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    const struct erased_entry *open = NULL;
    struct erased_user user = erased_user_of(user_id, strlen(user_id));
    size_t count = erased_set_pauses(&store->erased, &user, &open);
    struct erased_entry entry = {user, now_ms, ERASED_OPEN};
    enum result r = RESULT_OK;
    if (paused && open == NULL && count >= STORE_PAUSES_MAX)
        return fault_set(fault, RESULT_LIMIT,
                         "a user's recording can be paused %d times",
                         STORE_PAUSES_MAX);
    if (open != NULL) { /* it ends before now, or as it begins */
        entry.from_ms = open->from_ms;
        entry.until_ms = now_ms > open->from_ms ? now_ms - 1 : open->from_ms;
    }
    if (paused == (open == NULL))
        r = note(store, &entry, fault);
    if (r == RESULT_OK)
        *ret = sqlite_store_recording(&store->base, user_id);
    return r;
}
