#include "erased_files.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "store.h"

#define IN_FOLDER "erased"

static enum result read_from(const char *folder, const char *name,
                             struct erased_set *set, struct fault *fault)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s%s", folder, name) >= (int)sizeof path)
        return fault_set(fault, RESULT_UNUSABLE, "the path is too long");
    return erased_set_read(set, path, fault);
}

enum result erased_files_read(const char *db, const char *backup_dir,
                              struct erased_set *set, struct fault *fault)
{
    enum result r =
        store_is_in_file(db) ? read_from(db, "-erased", set, fault) : RESULT_OK;
    return r == RESULT_OK && backup_dir[0] != '\0'
               ? read_from(backup_dir, "/" IN_FOLDER, set, fault)
               : r;
}

enum result erased_files_read_beside(const char *backup, struct erased_set *set,
                                     struct fault *fault)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", backup);
    return read_from(dirname(copy), "/" IN_FOLDER, set, fault);
}

static enum result write_to(const char *folder, const char *name,
                            const struct erased_set *set, struct fault *fault)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s%s", folder, name) >= (int)sizeof path)
        return fault_set(fault, RESULT_UNUSABLE, "the path is too long");
    return erased_set_write(set, path, fault);
}

enum result erased_files_write(const char *db, const char *backup_dir,
                               const struct erased_set *set,
                               struct fault *fault)
{
    struct fault second = {0};
    enum result r =
        store_is_in_file(db) ? write_to(db, "-erased", set, fault) : RESULT_OK;
    enum result other = backup_dir[0] != '\0'
                            ? write_to(backup_dir, "/" IN_FOLDER, set, &second)
                            : RESULT_OK;
    if (r == RESULT_OK && other != RESULT_OK)
        *fault = second;
    return r == RESULT_OK ? other : r;
}
