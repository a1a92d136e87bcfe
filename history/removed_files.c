#include "removed_files.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store.h"

#define BESIDE    "-removed"
#define IN_FOLDER "/removed"

enum {
    OVERGROWN_BYTES = 1 << 20, /* below this nobody minds */
    LINE_BYTES = 100,          /* of a removal, or fewer */
    OVERGROWN_TIMES = 3,
};

static enum result path_of(const char *folder, const char *name,
                           char path[PATH_MAX], struct fault *fault)
{
    return snprintf(path, PATH_MAX, "%s%s", folder, name) >= PATH_MAX
               ? fault_set(fault, RESULT_UNUSABLE, "the path is too long")
               : RESULT_OK;
}

static enum result read_from(const char *folder, const char *name,
                             struct removed_set *set, bool *ret_tidy,
                             struct fault *fault)
{
    char path[PATH_MAX];
    enum result r = path_of(folder, name, path, fault);
    return r == RESULT_OK ? removed_set_read(set, path, ret_tidy, fault) : r;
}

enum result removed_files_read(const char *db, const char *backup_dir,
                               struct removed_set *set, bool *ret_tidy,
                               struct fault *fault)
{
    enum result r = store_is_in_file(db)
                        ? read_from(db, BESIDE, set, ret_tidy, fault)
                        : RESULT_OK;
    return r == RESULT_OK && backup_dir[0] != '\0'
               ? read_from(backup_dir, IN_FOLDER, set, ret_tidy, fault)
               : r;
}

enum result removed_files_read_beside(const char *backup,
                                      struct removed_set *set,
                                      struct fault *fault)
{
    char copy[PATH_MAX];
    bool tidy;
    (void)snprintf(copy, sizeof copy, "%s", backup);
    return read_from(dirname(copy), IN_FOLDER, set, &tidy, fault);
}

static enum result write_to(const char *folder, const char *name,
                            const struct removed_set *set, struct fault *fault)
{
    char path[PATH_MAX];
    enum result r = path_of(folder, name, path, fault);
    if (r != RESULT_OK || (set->count == 0 && access(path, F_OK) != 0))
        return r; /* nothing to say, nothing said before */
    return removed_set_write(set, path, fault);
}

enum result removed_files_write(const char *db, const char *backup_dir,
                                const struct removed_set *set,
                                struct fault *fault)
{
    struct fault second = {0};
    enum result r =
        store_is_in_file(db) ? write_to(db, BESIDE, set, fault) : RESULT_OK;
    enum result other = backup_dir[0] != '\0'
                            ? write_to(backup_dir, IN_FOLDER, set, &second)
                            : RESULT_OK;
    if (r == RESULT_OK && other != RESULT_OK)
        *fault = second;
    return r == RESULT_OK ? other : r;
}

static enum result append_to(const char *folder, const char *name,
                             const struct removed_view *view, bool undone,
                             struct fault *fault)
{
    char path[PATH_MAX];
    enum result r = path_of(folder, name, path, fault);
    return r == RESULT_OK ? removed_set_append(path, view, undone, fault) : r;
}

enum result removed_files_append(const char *db, const char *backup_dir,
                                 const struct removed_view *view, bool undone,
                                 struct fault *fault)
{
    struct fault second = {0};
    enum result r = store_is_in_file(db)
                        ? append_to(db, BESIDE, view, undone, fault)
                        : RESULT_OK;
    enum result other = backup_dir[0] != '\0' ? append_to(backup_dir, IN_FOLDER,
                                                          view, undone, &second)
                                              : RESULT_OK;
    if (r == RESULT_OK && other != RESULT_OK)
        *fault = second;
    return r == RESULT_OK ? other : r;
}

bool removed_files_overgrown(const char *db, int64_t removals)
{
    char path[PATH_MAX];
    struct stat status;
    return store_is_in_file(db) &&
           path_of(db, BESIDE, path, NULL) == RESULT_OK &&
           stat(path, &status) == 0 && status.st_size > OVERGROWN_BYTES &&
           status.st_size / OVERGROWN_TIMES > removals * LINE_BYTES;
}
