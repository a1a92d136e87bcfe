#ifndef FLIXTUBE_STREAMING_CATALOG_H
#define FLIXTUBE_STREAMING_CATALOG_H

#include <stdbool.h>
#include <stddef.h>

#include "result.h"
#include "video_file.h"

/*
 * The videos of a folder: its regular files with an extension of a video, not
 * those in its subfolders, no links, and none whose name begins with a dot
 * (copying programs name their unfinished files so). A name has to be valid
 * UTF-8 without control characters.
 *
 * Readers work with an immutable snapshot that they hold; a refresh puts
 * another in its place. A request's id is only ever compared with names.
 */
enum {
    CATALOG_VIDEOS_MAX = 10 * 1000, /* GET /videos stays under 5 MB */
};

struct catalog;

struct catalog_snapshot {
    struct video_file *const *videos; /* in byte order of their ids */
    size_t count;
};

/* What a scan found, for the log. */
struct catalog_scan {
    bool changed; /* what is served, or what was left out, is different */
    size_t videos;
    size_t skipped;           /* look like videos and cannot be served */
    struct fault skipped_why; /* of the first of them, in words; or "" */
};

/*
 * Scans the folder. On success the caller owns *ret and ends it with
 * catalog_close(), which leaves what others hold intact. ret_scan may be NULL.
 * Errors: RESULT_UNUSABLE for a folder that is missing, cannot be read, or is
 * none; RESULT_LIMIT for more than CATALOG_VIDEOS_MAX; RESULT_UNAVAILABLE.
 */
enum result catalog_open(const char *folder, struct catalog **ret,
                         struct catalog_scan *ret_scan, struct fault *fault);
void catalog_close(struct catalog *catalog); /* NULL is fine */

/*
 * Scans again. Files that did not change keep their mapping. On every error
 * the last snapshot stays. A file that is just being written is taken as it
 * is, and again at the next refresh. One refresh runs at a time; any thread.
 * Errors: as catalog_open().
 */
enum result catalog_refresh(struct catalog *catalog,
                            struct catalog_scan *ret_scan, struct fault *fault);

/* Never NULL; give it back with catalog_release(). Any thread. */
const struct catalog_snapshot *catalog_acquire(struct catalog *catalog);
void catalog_release(const struct catalog_snapshot *snapshot);

/* The video of that id, valid as long as the snapshot is held; or NULL. */
struct video_file *catalog_find(const struct catalog_snapshot *snapshot,
                                const char *id);

/*
 * The video of that id (NULL: the first) with a reference of the caller's own,
 * for video_file_release(): what a reply needs until its last byte is sent.
 * NULL if there is none. Any thread.
 */
struct video_file *catalog_take(struct catalog *catalog, const char *id);

#endif
