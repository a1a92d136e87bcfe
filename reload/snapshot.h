#ifndef FLIXTUBE_RELOAD_SNAPSHOT_H
#define FLIXTUBE_RELOAD_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "reason.h"

enum {
    SNAPSHOT_FILES_MAX = 20000,         /* 30 ms a look on a local disk */
    SNAPSHOT_NAMES_BYTES_MAX = 4 << 20, /* 200 bytes a path at that limit */
    SNAPSHOT_DEPTH_MAX = 32,            /* of folders; one descriptor each */
    SNAPSHOT_PATH_BYTES = 4096,         /* a longer path is refused */
};

/*
 * How a file looks from outside. An editor's rename-save changes the inode, a
 * save in place the time; size helps where a mount's clock is coarse.
 */
struct snapshot_file {
    size_t path_at; /* in names */
    int64_t changed_ns;
    int64_t bytes;
    uint64_t inode;
};

/* The files of all watched trees, by path. Ended with snapshot_done(). */
struct snapshot {
    struct snapshot_file *files;
    size_t count;
    size_t capacity;
    char *names; /* NUL-terminated paths */
    size_t names_bytes;
    size_t names_capacity;
};

/* What is looked at. All is borrowed. */
struct snapshot_scope {
    const char *const *paths; /* files, or folders with all below */
    size_t paths_count;
    const char *const *ignores; /* fnmatch patterns of names, not paths */
    size_t ignores_count;
};

/*
 * Looks at every file of the scope. Passed over: names that begin with '.' or
 * '#' or end with '~', names that an ignore pattern matches (never the paths
 * of the scope themselves), and links to folders. A path that is not there, or
 * goes while we look, counts as empty.
 * False: a limit was reached, a folder cannot be read, or no memory; then *ret
 * is as it was. On success the caller owns *ret.
 */
bool snapshot_take(const struct snapshot_scope *scope, struct snapshot *ret,
                   struct reason *reason);

void snapshot_done(struct snapshot *snapshot); /* an empty one is fine */

/*
 * The number of files that were added, removed or changed from `before` to
 * `after`; the first one's path goes to *ret_path (borrowed from either; NULL
 * when nothing differs).
 */
size_t snapshot_differences(const struct snapshot *before,
                            const struct snapshot *after,
                            const char **ret_path);

/* True when a path of the scope is there. */
bool snapshot_path_exists(const char *path);

#endif
