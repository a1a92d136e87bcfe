#ifndef FLIXTUBE_HISTORY_ERASED_FILES_H
#define FLIXTUBE_HISTORY_ERASED_FILES_H

#include "erased_set.h"

/*
 * The tombstones are in the store, and once more in two files, since a store
 * may be lost or put back from a time before them: `HISTORY_DB`-erased, and
 * `erased` in the folder of backups, which may be on another disk. A restore, a
 * replay into a new file, and each start of the service take them from
 * whatever of these is there. An erased user comes back only where all of them
 * are lost.
 */

/* Adds what the files have. backup_dir may be "". Errors: RESULT_UNUSABLE,
 * RESULT_UNAVAILABLE: better no store than one that forgot. */
enum result erased_files_read(const char *db, const char *backup_dir,
                              struct erased_set *set, struct fault *fault);

/* Adds what is in the file beside a backup. */
enum result erased_files_read_beside(const char *backup, struct erased_set *set,
                                     struct fault *fault);

/* Makes both files this set. The first error is told, the other is tried. */
enum result erased_files_write(const char *db, const char *backup_dir,
                               const struct erased_set *set,
                               struct fault *fault);

#endif
