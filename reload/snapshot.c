#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One scan under way. */
struct look {
    const struct snapshot_scope *scope;
    struct snapshot found;
    char path[SNAPSHOT_PATH_BYTES];
    struct reason *reason;
};

static bool look_into(struct look *look, int folder, size_t path_bytes,
                      int depth);

static bool grow(void **memory, size_t *capacity, size_t wanted,
                 size_t item_bytes)
{
    size_t next = *capacity == 0 ? 64 : *capacity * 2;
    void *grown;

    if (wanted <= *capacity)
        return true;
    if (next < wanted)
        next = wanted;
    grown = realloc(*memory, next * item_bytes);
    if (grown == NULL)
        return false;
    *memory = grown;
    *capacity = next;
    return true;
}

static bool add_file(struct look *look, size_t path_bytes,
                     const struct stat *status)
{
    struct snapshot *found = &look->found;

    if (found->count == SNAPSHOT_FILES_MAX)
        return reason_set(look->reason,
                          "more than %d files to watch, at '%s': --ignore "
                          "some, or watch less",
                          SNAPSHOT_FILES_MAX, look->path);
    if (found->names_bytes + path_bytes + 1 > SNAPSHOT_NAMES_BYTES_MAX)
        return reason_set(look->reason, "more than %d bytes of paths to watch",
                          SNAPSHOT_NAMES_BYTES_MAX);
    if (!grow((void **)&found->files, &found->capacity, found->count + 1,
              sizeof *found->files) ||
        !grow((void **)&found->names, &found->names_capacity,
              found->names_bytes + path_bytes + 1, 1))
        return reason_set(look->reason, "no memory for another file");
    found->files[found->count++] = (struct snapshot_file){
        .path_at = found->names_bytes,
        .changed_ns = (int64_t)status->st_mtim.tv_sec * 1000000000 +
                      status->st_mtim.tv_nsec,
        .bytes = status->st_size,
        .inode = status->st_ino,
    };
    memcpy(found->names + found->names_bytes, look->path, path_bytes + 1);
    found->names_bytes += path_bytes + 1;
    return true;
}

static bool ignored(const struct snapshot_scope *scope, const char *name)
{
    size_t bytes = strlen(name);

    if (name[0] == '.' || name[0] == '#' || name[bytes - 1] == '~')
        return true;
    for (size_t i = 0; i < scope->ignores_count; i++)
        if (fnmatch(scope->ignores[i], name, 0) == 0)
            return true;
    return false;
}

/* Gone between two calls of ours: the next look sees it so, too. */
static bool vanished(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

static bool look_at_folder(struct look *look, int parent, const char *name,
                           size_t path_bytes, int depth)
{
    int folder;

    if (depth > SNAPSHOT_DEPTH_MAX)
        return reason_set(look->reason, "folders deeper than %d at '%s'",
                          SNAPSHOT_DEPTH_MAX, look->path);
    folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && vanished(errno))
        return true;
    if (folder < 0)
        return reason_set(look->reason, "cannot read '%s': %s", look->path,
                          strerror(errno));
    return look_into(look, folder, path_bytes, depth);
}

/* `flags`: whether a link to a folder is followed. */
static bool look_at(struct look *look, int parent, const char *name,
                    size_t path_bytes, int depth, int flags)
{
    struct stat status;

    if (fstatat(parent, name, &status, flags) != 0) {
        if (vanished(errno))
            return true;
        return reason_set(look->reason, "cannot look at '%s': %s", look->path,
                          strerror(errno));
    }
    if (S_ISDIR(status.st_mode))
        return look_at_folder(look, parent, name, path_bytes, depth);
    if (S_ISLNK(status.st_mode) &&
        (fstatat(parent, name, &status, 0) != 0 || !S_ISREG(status.st_mode)))
        return true;
    if (!S_ISREG(status.st_mode))
        return true;
    return add_file(look, path_bytes, &status);
}

static bool look_at_entry(struct look *look, DIR *listing, const char *name,
                          size_t path_bytes, int depth)
{
    size_t name_bytes = strlen(name);

    if (ignored(look->scope, name))
        return true;
    if (path_bytes + 1 + name_bytes + 1 > sizeof look->path)
        return reason_set(look->reason, "a path longer than %d bytes",
                          SNAPSHOT_PATH_BYTES);
    look->path[path_bytes] = '/';
    memcpy(look->path + path_bytes + 1, name, name_bytes + 1);
    return look_at(look, dirfd(listing), name, path_bytes + 1 + name_bytes,
                   depth + 1, AT_SYMLINK_NOFOLLOW);
}

/* Takes `folder` over. */
static bool look_into(struct look *look, int folder, size_t path_bytes,
                      int depth)
{
    DIR *listing = fdopendir(folder);
    bool good = true;

    if (listing == NULL) {
        close(folder);
        return reason_set(look->reason, "cannot list '%s': %s", look->path,
                          strerror(errno));
    }
    while (good) {
        const struct dirent *entry;

        errno = 0;
        entry = readdir(listing);
        if (entry == NULL && errno != 0 && !vanished(errno))
            good = reason_set(look->reason, "cannot list '%.*s': %s",
                              (int)path_bytes, look->path, strerror(errno));
        if (entry == NULL)
            break;
        good = look_at_entry(look, listing, entry->d_name, path_bytes, depth);
    }
    closedir(listing);
    look->path[path_bytes] = '\0';
    return good;
}

static int by_path(const void *left, const void *right, void *names)
{
    const struct snapshot_file *a = left;
    const struct snapshot_file *b = right;

    return strcmp((char *)names + a->path_at, (char *)names + b->path_at);
}

bool snapshot_take(const struct snapshot_scope *scope, struct snapshot *ret,
                   struct reason *reason)
{
    struct look look = {.scope = scope, .reason = reason};
    bool good = true;

    for (size_t i = 0; good && i < scope->paths_count; i++) {
        size_t bytes = strlen(scope->paths[i]);

        if (bytes + 1 > sizeof look.path) {
            good = reason_set(reason, "a path longer than %d bytes",
                              SNAPSHOT_PATH_BYTES);
            break;
        }
        memcpy(look.path, scope->paths[i], bytes + 1);
        good = look_at(&look, AT_FDCWD, scope->paths[i], bytes, 0, 0);
    }
    if (!good) {
        snapshot_done(&look.found);
        return false;
    }
    if (look.found.count > 1)
        qsort_r(look.found.files, look.found.count, sizeof *look.found.files,
                by_path, look.found.names);
    *ret = look.found;
    return true;
}

void snapshot_done(struct snapshot *snapshot)
{
    free(snapshot->files);
    free(snapshot->names);
    *snapshot = (struct snapshot){0};
}

static bool same_look(const struct snapshot_file *a,
                      const struct snapshot_file *b)
{
    return a->changed_ns == b->changed_ns && a->bytes == b->bytes &&
           a->inode == b->inode;
}

size_t snapshot_differences(const struct snapshot *before,
                            const struct snapshot *after, const char **ret_path)
{
    size_t old = 0;
    size_t new = 0;
    size_t count = 0;
    const char *first = NULL;

    while (old < before->count || new < after->count) {
        const char *old_path = old < before->count
                                   ? before->names + before->files[old].path_at
                                   : NULL;
        const char *new_path = new < after->count
                                   ? after->names + after->files[new].path_at
                                   : NULL;
        int order = old_path == NULL   ? 1
                    : new_path == NULL ? -1
                                       : strcmp(old_path, new_path);

        if (order != 0 || !same_look(&before->files[old], &after->files[new])) {
            count++;
            if (first == NULL)
                first = order <= 0 ? old_path : new_path;
        }
        old += order <= 0;
        new += order >= 0;
    }
    *ret_path = first;
    return count;
}

bool snapshot_path_exists(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0;
}
