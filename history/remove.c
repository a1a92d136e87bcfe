#include "remove.h"

#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "removed_files.h"

struct removing {
    const struct remove_place *place;
    const struct uuid *id;
    int64_t now_ms;
};

enum result remove_note_all(struct store *store, const char *db,
                            const char *backup_dir, struct fault *fault)
{
    CLEANUP(removed_set_done) struct removed_set set = {0};
    enum result r = store_removed_all(store, &set, fault);
    return r == RESULT_OK ? removed_files_write(db, backup_dir, &set, fault)
                          : r;
}

static void complain(const struct fault *why)
{
    log_warn("what was removed is noted in the store alone",
             log_text("why", why->text), log_end());
}

static void note(struct store *store, const struct remove_place *place,
                 const struct removed_view *view)
{
    struct fault why = {0};
    enum result r =
        removed_files_overgrown(place->db, store_removed_count(store))
            ? remove_note_all(store, place->db, place->backup_dir, &why)
            : removed_files_append(place->db, place->backup_dir, view, false,
                                   &why);
    if (r != RESULT_OK)
        complain(&why);
}

static enum result remove_now(struct store *store, void *context,
                              struct fault *fault)
{
    const struct removing *removing = context;
    struct removed_view view;
    enum result r =
        store_remove(store, removing->id, removing->now_ms, &view, fault);
    if (r == RESULT_OK)
        note(store, removing->place, &view);
    return r;
}

static enum result undo_now(struct store *store, void *context,
                            struct fault *fault)
{
    const struct removing *removing = context;
    const struct remove_place *place = removing->place;
    struct removed_view view = {.id = *removing->id};
    enum result r =
        store_restorable(store, removing->id, removing->now_ms, fault);
    if (r == RESULT_OK)
        r = removed_files_append(place->db, place->backup_dir, &view, true,
                                 fault);
    if (r == RESULT_OK)
        r = store_restore_removed(store, removing->id, removing->now_ms, fault);
    return r;
}

enum result remove_in_service(const struct remove_place *place,
                              const struct uuid *id, struct fault *fault)
{
    struct removing removing = {place, id, clock_now_ms()};
    return ingest_run(place->ingest, remove_now, &removing, fault);
}

enum result remove_undo(const struct remove_place *place, const struct uuid *id,
                        struct fault *fault)
{
    struct removing removing = {place, id, clock_now_ms()};
    return ingest_run(place->ingest, undo_now, &removing, fault);
}

enum result remove_at_start(struct store *store, const char *db,
                            const char *backup_dir, struct fault *fault)
{
    CLEANUP(removed_set_done) struct removed_set set = {0};
    bool tidy = true;
    int64_t views = 0;
    enum result r = removed_files_read(db, backup_dir, &set, &tidy, fault);
    removed_set_sort(&set);
    if (r == RESULT_OK)
        r = store_removed_import(store, &set, &views, fault);
    if (r != RESULT_OK ||
        (tidy && (int64_t)set.count == store_removed_count(store)))
        return r;
    struct fault why = {0};
    if (remove_note_all(store, db, backup_dir, &why) != RESULT_OK)
        complain(&why);
    return RESULT_OK;
}
