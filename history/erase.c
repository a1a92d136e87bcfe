#include "erase.h"

#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "erased_files.h"
#include "json_write.h"
#include "log.h"
#include "remove.h"

struct noting {
    const char *db;
    const char *backup_dir;
};

static enum result begin(const char *user_id, struct erase_receipt *ret,
                         struct fault *fault)
{
    size_t bytes = strlen(user_id);
    if (bytes == 0 || bytes > VIEWED_USER_BYTES_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "the id of a user has 1 to %d bytes",
                         VIEWED_USER_BYTES_MAX);
    *ret = (struct erase_receipt){.at_ms = clock_now_ms()};
    memcpy(ret->erasure.user_id, user_id, bytes + 1);
    ret->erasure.until_ms = ret->at_ms;
    return RESULT_OK;
}

struct stepping {
    struct store_erasure *erasure;
    bool more;
};

static enum result step(struct store *store, void *context, struct fault *fault)
{
    struct stepping *stepping = context;
    return store_erase_step(store, stepping->erasure, &stepping->more, fault);
}

static enum result note_in_files(struct store *store, void *context,
                                 struct fault *fault)
{
    const struct noting *noting = context;
    enum result r = erased_files_write(noting->db, noting->backup_dir,
                                       store_erased(store), fault);
    return r == RESULT_OK
               ? remove_note_all(store, noting->db, noting->backup_dir, fault)
               : r;
}

static void took_note(struct erase_receipt *receipt, enum result noted)
{
    receipt->noted = noted == RESULT_OK;
}

enum result erase_in_service(struct ingest *ingest, const char *db,
                             const char *backup_dir, const char *user_id,
                             struct erase_receipt *ret, struct fault *fault)
{
    enum result r = begin(user_id, ret, fault);
    struct stepping stepping = {.erasure = &ret->erasure, .more = true};
    struct noting noting = {db, backup_dir};
    while (r == RESULT_OK && stepping.more)
        r = ingest_run(ingest, step, &stepping, fault);
    if (r == RESULT_OK)
        took_note(ret, ingest_run(ingest, note_in_files, &noting,
                                  &ret->why_not_noted));
    return r;
}

enum result erase_in_file(const char *db, const char *backup_dir,
                          const char *user_id, struct erase_receipt *ret,
                          struct fault *fault)
{
    struct store *store = NULL;
    struct store_config config = {.path = db, .readers = 1};
    struct noting noting = {db, backup_dir};
    enum result r = begin(user_id, ret, fault);
    if (r == RESULT_OK)
        r = store_open(&config, &store, fault);
    if (r == RESULT_OK)
        r = erase_at_start(store, db, backup_dir, fault);
    if (r == RESULT_OK)
        r = store_erase(store, &ret->erasure, fault);
    if (r == RESULT_OK)
        took_note(ret, note_in_files(store, &noting, &ret->why_not_noted));
    enum result closed = store_close(store, r == RESULT_OK ? fault : NULL);
    return r == RESULT_OK ? closed : r;
}

static void add_time(struct buffer *buffer, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format(ms, text);
    buffer_append_format(buffer, ",\"%s\":\"%s\"", name, text);
}

void erase_receipt_json(struct buffer *buffer,
                        const struct erase_receipt *receipt)
{
    const struct store_erasure *erasure = &receipt->erasure;
    buffer_append_text(buffer, "{\"userId\":");
    json_write_text(buffer, erasure->user_id);
    buffer_append_format(buffer, ",\"views\":%lld", (long long)erasure->views);
    add_time(buffer, "erasedAt", receipt->at_ms);
    add_time(buffer, "refusedUntil", erasure->until_ms);
    buffer_append_format(buffer, ",\"overwritten\":%s,\"noted\":%s",
                         erasure->overwritten ? "true" : "false",
                         receipt->noted ? "true" : "false");
    if (!receipt->noted) {
        buffer_append_text(buffer, ",\"whyNotNoted\":");
        json_write_text(buffer, receipt->why_not_noted.text);
    }
    buffer_append_text(buffer, "}\n");
}

enum result erase_at_start(struct store *store, const char *db,
                           const char *backup_dir, struct fault *fault)
{
    CLEANUP(erased_set_done) struct erased_set set = {0};
    int64_t views = 0;
    enum result r = erased_files_read(db, backup_dir, &set, fault);
    if (r == RESULT_OK)
        r = store_erase_import(store, &set, &views, fault);
    if (r == RESULT_OK)
        r = store_erase_resume(store, fault);
    if (r == RESULT_OK)
        r = remove_at_start(store, db, backup_dir, fault);
    if (r != RESULT_OK || erased_set_is_same(store_erased(store), &set))
        return r;
    struct fault why = {0};
    if (erased_files_write(db, backup_dir, store_erased(store), &why) !=
        RESULT_OK)
        log_warn("tombstones and pauses are in the store alone",
                 log_text("why", why.text), log_end());
    return RESULT_OK;
}
