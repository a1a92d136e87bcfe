#include "durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum result sync_path(const char *path, int flags, struct fault *fault)
{
    int file = open(path, flags | O_CLOEXEC);
    if (file < 0)
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot open %s: %s", path,
                         strerror(errno));
    enum result result = RESULT_OK;
    if (fsync(file) != 0)
        result =
            fault_set(fault, RESULT_UNAVAILABLE,
                      "cannot bring %s to the disk: %s", path, strerror(errno));
    (void)close(file);
    return result;
}

static enum result sync_folder_of(const char *path, struct fault *fault)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    return sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, fault);
}

enum result durable_file_make(const char *path, char temp[PATH_MAX],
                              struct fault *fault)
{
    int bytes = snprintf(temp, PATH_MAX, "%s.partial-XXXXXX", path);
    if (bytes >= PATH_MAX)
        return fault_set(fault, RESULT_UNAVAILABLE, "the path is too long");
    int file = mkostemp(temp, O_CLOEXEC);
    if (file < 0)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "cannot make a file beside %s: %s", path,
                         strerror(errno));
    (void)close(file);
    return RESULT_OK;
}

/* Where a file system knows no RENAME_NOREPLACE, link() refuses as well. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return link(from, to) == 0 ? unlink(from) : -1;
}

enum result durable_file_move(const char *from, const char *to, bool replace,
                              struct fault *fault)
{
    enum result result = sync_path(from, O_RDONLY, fault);
    if (result != RESULT_OK)
        return result;
    if ((replace ? rename(from, to) : rename_new(from, to)) != 0) {
        if (errno == EEXIST)
            return fault_set(fault, RESULT_MALFORMED, "%s is there already",
                             to);
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "cannot rename %s to %s: %s", from, to,
                         strerror(errno));
    }
    return sync_folder_of(to, fault);
}

enum result durable_file_write(const char *path,
                               bool (*write)(FILE *file, const void *context),
                               const void *context, struct fault *fault)
{
    char temp[PATH_MAX];
    enum result r = durable_file_make(path, temp, fault);
    if (r != RESULT_OK)
        return r;
    FILE *file = fopen(temp, "we");
    bool written = file != NULL && write(file, context);
    if (file != NULL && fclose(file) != 0)
        written = false;
    if (!written)
        r = fault_set(fault, RESULT_UNAVAILABLE, "cannot write %s: %s", path,
                      strerror(errno));
    if (r == RESULT_OK)
        r = durable_file_move(temp, path, true, fault);
    if (r != RESULT_OK)
        (void)remove(temp);
    return r;
}
