#ifndef FLIXTUBE_HISTORY_REMOVE_H
#define FLIXTUBE_HISTORY_REMOVE_H

#include "ingest.h"
#include "store_removed.h"

/*
 * Removes one view in the service, or restores it: in the store
 * (store_removed.h) and in the files beside it (removed_files.h).
 */
struct remove_place {
    struct ingest *ingest;
    const char *db;
    const char *backup_dir; /* "" for none */
};

/* A removal that could not be noted in the files stands, and is logged: the
 * store has it, and the next start writes them. Errors: store_remove()'s, and
 * ingest_run()'s. */
enum result remove_in_service(const struct remove_place *place,
                              const struct uuid *id, struct fault *fault);

/* Noted before it is done: a file that still had the removal would take the
 * view away again. Errors: store_restore_removed()'s, and ingest_run()'s. */
enum result remove_undo(const struct remove_place *place, const struct uuid *id,
                        struct fault *fault);

/* At the service's start: takes over what the files have, and writes them
 * where they lack something. */
enum result remove_at_start(struct store *store, const char *db,
                            const char *backup_dir, struct fault *fault);

/* Makes the files what the store has. The writer's thread. */
enum result remove_note_all(struct store *store, const char *db,
                            const char *backup_dir, struct fault *fault);

#endif
