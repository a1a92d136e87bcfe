#ifndef FLIXTUBE_COMMON_DURABLE_FILE_H
#define FLIXTUBE_COMMON_DURABLE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "result.h"

/*
 * A file that is there as a whole or not at all, whenever the power fails: it
 * is written under a name of its own beside the one that it shall have, and
 * takes that name when it is on disk.
 */

/*
 * Makes an empty file beside `path` that only its owner may read, and writes
 * its name, `path`.partial-XXXXXX. Errors: RESULT_UNAVAILABLE.
 */
enum result durable_file_make(const char *path, char temp[PATH_MAX],
                              struct fault *fault);

/*
 * fsync, rename, fsync of the folder. Without `replace` a file that has the
 * name keeps it: RESULT_MALFORMED. Errors: RESULT_UNAVAILABLE. After an error
 * `from` is still there, unless only the folder's fsync failed.
 */
enum result durable_file_move(const char *from, const char *to, bool replace,
                              struct fault *fault);

/*
 * The two above around `write`, which writes the whole content and says
 * whether that went well; it does not close. What had the name is replaced.
 * Errors: RESULT_UNAVAILABLE, and `path` is as it was, unless only the
 * folder's fsync failed.
 */
enum result durable_file_write(const char *path,
                               bool (*write)(FILE *file, const void *context),
                               const void *context, struct fault *fault);

#endif
