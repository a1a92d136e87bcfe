#ifndef FLIXTUBE_STREAMING_VIDEO_FILE_H
#define FLIXTUBE_STREAMING_VIDEO_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "result.h"

/*
 * One version of one video: what the file's owner sees, and its bytes, mapped
 * or open. It never changes; when the file does, another takes its place.
 * Counted references: everyone who uses it holds one.
 *
 * Give mapped bytes to system calls only (send, writev). Reading them in the
 * program would kill it by SIGBUS when somebody cuts the file short; a system
 * call fails with EFAULT.
 */
enum {
    VIDEO_NAME_BYTES_MAX = 255, /* of most file systems, and of a video's id */
    VIDEO_ETAG_BYTES = 56,      /* "16-16-16" hexadecimal digits, quotes, NUL */
};

struct video_file {
    const char *id;    /* the file's name */
    const char *title; /* the name without extension; _ and - are spaces */
    const char *type;  /* for Content-Type */
    uint64_t bytes;
    int64_t modified_s;          /* for Last-Modified */
    char etag[VIDEO_ETAG_BYTES]; /* strong, quoted: size, mtime in ns, inode */
    int64_t duration_ms;         /* -1: unknown */
    /* One of the two, or neither where bytes is 0. */
    const void *mapped; /* NULL: not mapped */
    int file; /* -1: none. Shared: read by pread or sendfile with an offset,
               * and dup() it for whoever closes it. */
};

/*
 * Opens the regular file `name` in the folder's descriptor, without following
 * a link. On success the caller owns one reference to *ret.
 * Errors: RESULT_MALFORMED for a name that is not valid UTF-8, has a control
 * character, is too long, or has no extension of a video; RESULT_NOT_FOUND for
 * a file that is not there; RESULT_UNUSABLE for what is not a regular file;
 * RESULT_UNAVAILABLE for one that cannot be opened.
 */
enum result video_file_open(int folder, const char *name,
                            struct video_file **ret, struct fault *fault);

/* Whether `status` is of the very file and version that was opened. */
bool video_file_is_version(const struct video_file *video,
                           const struct stat *status);

/* Any thread. */
struct video_file *video_file_hold(struct video_file *video);

/* Gives a reference back; takes void * to be a release callback. NULL is
 * fine. The last one unmaps and closes. Any thread. */
void video_file_release(void *video);

#endif
