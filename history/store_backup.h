#ifndef FLIXTUBE_HISTORY_STORE_BACKUP_H
#define FLIXTUBE_HISTORY_STORE_BACKUP_H

#include <limits.h>
#include <stdbool.h>

#include "result.h"
#include "store_verify.h"

/*
 * Copies of a store that are there as a whole or not at all. A copy is one
 * read transaction's view of the store, is verified, and is on disk before it
 * takes its name; it is a single file without a WAL, and only its owner may
 * read it.
 */

/*
 * Copies the store at `store_path`, which a service may be writing to, to
 * `file`. The copy is made page by page in one go, since a service cannot
 * start its WAL over meanwhile.
 * Errors, and `file` is as it was: RESULT_MALFORMED where it is there already
 * and `replace` is not said, or is the store itself, or another one that is in
 * use; RESULT_UNUSABLE, the store is damaged; RESULT_NOT_FOUND, there is none;
 * RESULT_UNAVAILABLE.
 */
enum result store_backup(const char *store_path, const char *file, bool replace,
                         struct store_report *ret, struct fault *fault);

/*
 * Makes the store at `store_path` a copy of `file`. With `replace` a store
 * that is there is set aside, never removed: its name, or "", is written to
 * ret_aside. A WAL that is left of a store that is gone is set aside as well,
 * since it would be taken for the new one's.
 * Errors: RESULT_MALFORMED, a store is there and `replace` is not said, or
 * `file` is that store; RESULT_LIMIT, its lock cannot be had, since a service
 * has it open; RESULT_UNUSABLE, `file` is no good store; RESULT_NOT_FOUND,
 * there is no such file; RESULT_UNAVAILABLE. What was set aside before an error
 * stays there.
 */
enum result store_restore(const char *file, const char *store_path,
                          bool replace, char ret_aside[PATH_MAX],
                          struct store_report *ret, struct fault *fault);

#endif
