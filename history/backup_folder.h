#ifndef FLIXTUBE_HISTORY_BACKUP_FOLDER_H
#define FLIXTUBE_HISTORY_BACKUP_FOLDER_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"

/*
 * The folder of scheduled backups: history-2026-01-31T12-00-00.123Z.db, so
 * that the names' order is the order in time. Other files in it are nobody's
 * business.
 */

/* The name of a backup that is made now. Errors: RESULT_UNUSABLE, too long. */
enum result backup_folder_name(const char *folder, char path[PATH_MAX],
                               struct fault *fault);

/* *ret_made_s is when it was made. Errors: RESULT_NOT_FOUND (there is none),
 * RESULT_UNAVAILABLE (the folder cannot be read). */
enum result backup_folder_newest(const char *folder, char path[PATH_MAX],
                                 int64_t *ret_made_s, struct fault *fault);

/* Removes all but the newest `keep`, and what a backup that was cut short left
 * behind. Not while one is being made. Errors: RESULT_UNAVAILABLE. */
enum result backup_folder_prune(const char *folder, size_t keep,
                                struct fault *fault);

#endif
