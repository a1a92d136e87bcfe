#include "store_videos.h"

#include <string.h>

#include "store_parts.h"

/* By the hash of its list, which no two videos share but by chance; then one
 * of them may be noted again and again, which changes nothing. */
static int64_t *slot_of(struct store *store, int64_t list)
{
    return &store->videos_noted[(uint64_t)list % STORE_VIDEOS_NOTED];
}

enum result store_note_video(struct store *store, const char *video_id,
                             int64_t list, struct fault *fault)
{
    int64_t *slot = slot_of(store, list);
    if (*slot == list)
        return RESULT_OK;
    sqlite3_bind_text(store->note_video, 1, video_id, -1, SQLITE_STATIC);
    enum result r =
        store_step(store, store->note_video, "cannot note a video", fault);
    if (r == RESULT_OK)
        *slot = list;
    return r;
}

void store_forget_noted_videos(struct store *store)
{
    memset(store->videos_noted, 0, sizeof store->videos_noted);
}

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

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

enum result store_videos(struct store *store, uint32_t most,
                         void (*each)(void *context, const char *video_id,
                                      size_t bytes),
                         void *context, bool *ret_more, struct fault *fault)
{
    struct store_reader *reader = NULL;
    enum result r = store_readers_take(&store->readers, &reader, fault);
    if (r != RESULT_OK)
        return r;
    r = read_videos(reader, most, each, context, ret_more, fault);
    store_readers_give(&store->readers, reader);
    return r;
}
