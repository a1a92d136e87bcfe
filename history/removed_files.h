#ifndef FLIXTUBE_HISTORY_REMOVED_FILES_H
#define FLIXTUBE_HISTORY_REMOVED_FILES_H

#include "removed_set.h"

/*
 * Which views were removed is in the store, and once more in two files, for
 * the same reason and at the same places as the erased users are
 * (erased_files.h): `HISTORY_DB`-removed, and `removed` in the folder of
 * backups. They grow by a line with each removal, and are written anew at the
 * service's start, or when they are much longer than they need be.
 */

/* Adds what the files have; *ret_tidy as removed_set_read()'s. backup_dir may
 * be "". Errors: RESULT_UNUSABLE, RESULT_UNAVAILABLE. */
enum result removed_files_read(const char *db, const char *backup_dir,
                               struct removed_set *set, bool *ret_tidy,
                               struct fault *fault);

/* Adds what is in the file beside a backup. */
enum result removed_files_read_beside(const char *backup,
                                      struct removed_set *set,
                                      struct fault *fault);

/* Makes both files this set. The first error is told, the other is tried. */
enum result removed_files_write(const char *db, const char *backup_dir,
                                const struct removed_set *set,
                                struct fault *fault);

/* Adds a line to both; likewise. */
enum result removed_files_append(const char *db, const char *backup_dir,
                                 const struct removed_view *view, bool undone,
                                 struct fault *fault);

/* Whether the file beside the store is several times as long as it need be
 * for so many removals. */
bool removed_files_overgrown(const char *db, int64_t removals);

#endif
