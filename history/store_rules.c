#include <string.h>

#include "store_engine.h"

enum result store_erase_step(struct store *store, struct store_erasure *erasure,
                             bool *ret_more, struct fault *fault)
{
    return store->engine->erase_step(store, erasure, ret_more, fault);
}

enum result store_erase(struct store *store, struct store_erasure *erasure,
                        struct fault *fault)
{
    bool more = true;
    enum result r = RESULT_OK;
    while (r == RESULT_OK && more)
        r = store_erase_step(store, erasure, &more, fault);
    return r;
}

enum result store_erase_resume(struct store *store, struct fault *fault)
{
    return store->engine->erase_resume(store, fault);
}

enum result store_erase_import(struct store *store,
                               const struct erased_set *set, int64_t *ret_views,
                               struct fault *fault)
{
    return store->engine->erase_import(store, set, ret_views, fault);
}

const struct erased_set *store_erased(const struct store *store)
{
    return store->engine->erased(store);
}

enum result store_remove(struct store *store, const struct uuid *id,
                         int64_t now_ms, struct removed_view *ret,
                         struct fault *fault)
{
    return store->engine->remove(store, id, now_ms, ret, fault);
}

enum result store_restore_removed(struct store *store, const struct uuid *id,
                                  int64_t now_ms, struct fault *fault)
{
    return store->engine->restore_removed(store, id, now_ms, fault);
}

enum result store_restorable(struct store *store, const struct uuid *id,
                             int64_t now_ms, struct fault *fault)
{
    return store->engine->restorable(store, id, now_ms, fault);
}

enum result
store_find_removed(struct store *store, const struct uuid *id, int64_t now_ms,
                   void (*row)(void *context, const struct store_row *row),
                   void *context, struct fault *fault)
{
    return store->engine->find_removed(store, id, now_ms, row, context, fault);
}

int64_t store_removed_count(const struct store *store)
{
    return store->engine->removed_count(store);
}

enum result store_removed_all(struct store *store, struct removed_set *set,
                              struct fault *fault)
{
    return store->engine->removed_all(store, set, fault);
}

enum result store_removed_import(struct store *store,
                                 const struct removed_set *set,
                                 int64_t *ret_views, struct fault *fault)
{
    return store->engine->removed_import(store, set, ret_views, fault);
}

bool store_import_name_is_good(const char *name)
{
    static const char taken[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t bytes = strlen(name);
    return bytes > 0 && bytes <= STORE_IMPORT_NAME_BYTES_MAX &&
           name[0] != '-' && name[0] != '.' && strspn(name, taken) == bytes;
}

enum result store_import_write(struct store *store, const char *name,
                               struct store_view *views, size_t count,
                               struct fault *fault)
{
    if (!store_import_name_is_good(name))
        return fault_set(fault, RESULT_MALFORMED,
                         "this is no name of an import");
    return store->engine->import_write(store, name, views, count, fault);
}

enum result store_import_undo_step(struct store *store, struct store_undo *undo,
                                   bool *ret_more, struct fault *fault)
{
    return store->engine->import_undo_step(store, undo, ret_more, fault);
}

enum result store_set_paused(struct store *store, const char *user_id,
                             bool paused, int64_t now_ms,
                             struct store_recording *ret, struct fault *fault)
{
    return store->engine->set_paused(store, user_id, paused, now_ms, ret,
                                     fault);
}

struct store_recording store_recording(const struct store *store,
                                       const char *user_id)
{
    return store->engine->recording(store, user_id);
}

enum result store_set_keep_days(struct store *store, const char *user_id,
                                uint32_t days, struct fault *fault)
{
    return store->engine->set_keep_days(store, user_id, days, fault);
}

uint32_t store_keep_days(const struct store *store, const char *user_id)
{
    return store->engine->keep_days(store, user_id);
}

enum result store_keep_all(struct store *store, struct fault *fault)
{
    return store->engine->keep_all(store, fault);
}
