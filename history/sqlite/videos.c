#include <string.h>

#include "list_key.h"
#include "sqlite_parts.h"

enum { FORGET_NAMES = 500 }; /* of a step: some 5 ms */

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

/* By the hash of its list, which no two videos share but by chance; then one
 * of them may be noted again and again, which changes nothing. */
static int64_t *slot_of(struct sqlite_store *store, int64_t list)
{
    return &store->videos_noted[(uint64_t)list % STORE_VIDEOS_NOTED];
}

enum result sqlite_store_note_video(struct sqlite_store *store,
                                    const char *video_id, int64_t list,
                                    struct fault *fault)
{
    int64_t *slot = slot_of(store, list);
    if (*slot == list)
        return RESULT_OK;
    sqlite3_bind_text(store->note_video, 1, video_id, -1, SQLITE_STATIC);
    enum result r = sqlite_store_step(store, store->note_video,
                                      "cannot note a video", fault);
    if (r == RESULT_OK)
        *slot = list;
    return r;
}

void sqlite_store_forget_noted_videos(struct sqlite_store *store)
{
    memset(store->videos_noted, 0, sizeof store->videos_noted);
}

/* --- names without views -------------------------------------------------- */

static bool run_has(const struct tail_run *run, int64_t list)
{
    size_t low = 0;
    size_t high = run->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (run->entries[middle].list < list)
            low = middle + 1;
        else
            high = middle;
    }
    return low < run->count && run->entries[low].list == list;
}

static bool tail_has(const struct tail *tail, int64_t list)
{
    const struct tail_snapshot *snapshot = tail_take((struct tail *)tail);
    bool has = false;
    for (size_t i = 0; i < snapshot->count && !has; i++)
        has = run_has(snapshot->runs[i], list);
    tail_release(snapshot);
    return has;
}

struct forgetting {
    sqlite3_stmt *names;
    sqlite3_stmt *entry;
    sqlite3_stmt *delete_name;
};

static void forgetting_done(struct forgetting *f)
{
    finalize(&f->names);
    finalize(&f->entry);
    finalize(&f->delete_name);
}

static enum result forgetting_prepare(struct sqlite_store *store,
                                      struct forgetting *f, struct fault *fault)
{
    enum result r = sqlite_db_prepare(
        store->db, "SELECT id FROM videos WHERE id > ?1 ORDER BY id LIMIT ?2",
        &f->names, fault);
    if (r == RESULT_OK)
        r = sqlite_db_prepare(store->db,
                              "SELECT 1 FROM listed WHERE list = ?1 LIMIT 1",
                              &f->entry, fault);
    if (r == RESULT_OK)
        r = sqlite_db_prepare(store->db, "DELETE FROM videos WHERE id = ?1",
                              &f->delete_name, fault);
    return r;
}

static enum result forget_unless_viewed(struct sqlite_store *store,
                                        struct forgetting *f, const char *id,
                                        struct fault *fault)
{
    int64_t list;
    if (list_key(&store->list_key, NULL, id, &list)) {
        sqlite3_bind_int64(f->entry, 1, list);
        int code = sqlite3_step(f->entry);
        sqlite3_reset(f->entry);
        if (code != SQLITE_ROW && code != SQLITE_DONE)
            return sqlite_store_fault(store, "cannot read", fault);
        if (code == SQLITE_ROW || tail_has(store->tail, list))
            return RESULT_OK;
    }
    sqlite3_bind_text(f->delete_name, 1, id, -1, SQLITE_STATIC);
    return sqlite_store_step(store, f->delete_name, "cannot forget a video",
                             fault);
}

/* Deleting the row that was just read, and those before it, leaves what the
 * statement reads next as it is. */
static enum result forget_some(struct sqlite_store *store, struct forgetting *f,
                               char *after, bool *ret_more, struct fault *fault)
{
    char id[VIEWED_VIDEO_BYTES_MAX + 1] = "";
    unsigned count = 0;
    enum result r = RESULT_OK;
    int code = SQLITE_DONE;
    sqlite3_bind_text(f->names, 1, after, -1, SQLITE_TRANSIENT);
    sqlite3_bind_int(f->names, 2, FORGET_NAMES);
    while (r == RESULT_OK && (code = sqlite3_step(f->names)) == SQLITE_ROW) {
        strncpy(id, (const char *)sqlite3_column_text(f->names, 0),
                sizeof id - 1);
        count++;
        r = forget_unless_viewed(store, f, id, fault);
    }
    if (r == RESULT_OK && code != SQLITE_DONE)
        r = sqlite_store_fault(store, "cannot read", fault);
    sqlite3_reset(f->names);
    if (r == RESULT_OK && count > 0)
        memcpy(after, id, sizeof id);
    *ret_more = count == FORGET_NAMES;
    return r;
}

enum result
sqlite_store_videos_forget_step(struct sqlite_store *store,
                                char after[VIEWED_VIDEO_BYTES_MAX + 1],
                                bool *ret_more, struct fault *fault)
{
    CLEANUP(forgetting_done) struct forgetting f = {0};
    enum result r = forgetting_prepare(store, &f, fault);
    if (r == RESULT_OK)
        r = sqlite_store_begin(store, fault);
    if (r != RESULT_OK)
        return r;
    r = forget_some(store, &f, after, ret_more, fault);
    if (r == RESULT_OK)
        r = sqlite_store_commit(store, fault);
    if (r != RESULT_OK)
        sqlite_store_rollback(store);
    sqlite_store_forget_noted_videos(store);
    return r;
}

enum result sqlite_store_forget_video(struct sqlite_store *store,
                                      const char *video_id, struct fault *fault)
{
    CLEANUP(forgetting_done) struct forgetting f = {0};
    enum result r = forgetting_prepare(store, &f, fault);
    if (r == RESULT_OK)
        r = forget_unless_viewed(store, &f, video_id, fault);
    sqlite_store_forget_noted_videos(store);
    return r;
}

/* --- reading -------------------------------------------------------------- */

static enum result
read_videos(struct store_reader *reader, uint32_t most,
            void (*each)(void *context, const char *video_id, size_t bytes),
            void *context, bool *ret_more, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    enum result r = sqlite_db_prepare(
        reader->db, "SELECT id FROM videos ORDER BY id LIMIT ?1", &rows, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(rows, 1, (int64_t)most + 1);
    uint32_t count = 0;
    int code;
    while ((code = sqlite3_step(rows)) == SQLITE_ROW && count < most) {
        each(context, (const char *)sqlite3_column_text(rows, 0),
             (size_t)sqlite3_column_bytes(rows, 0));
        count++;
    }
    *ret_more = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? RESULT_OK
               : sqlite_db_fault(reader->db, "cannot read", fault);
}

enum result sqlite_store_videos(
    struct store *base, uint32_t most,
    void (*each)(void *context, const char *video_id, size_t bytes),
    void *context, bool *ret_more, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct store_reader *reader = NULL;
    enum result r = sqlite_store_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    r = read_videos(reader, most, each, context, ret_more, fault);
    sqlite_store_readers_give(&store->readers, reader);
    return r;
}
