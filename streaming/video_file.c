#include "video_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "media_type.h"
#include "mp4_duration.h"
#include "utf8.h"

struct opened {
    struct video_file video; /* first: the two have one address */
    atomic_uint references;
    dev_t device;
    ino_t inode;
    struct timespec modified;
    char texts[]; /* id and title, each with its NUL */
};

static struct opened *opened_of(struct video_file *video)
{
    return (struct opened *)video;
}

/* Control characters are those of ASCII and U+0080 to U+009F. */
static bool is_control(const char *sequence, size_t bytes)
{
    unsigned char first = (unsigned char)sequence[0];
    unsigned char second = bytes == 2 ? (unsigned char)sequence[1] : 0;
    return first < 0x20 || first == 0x7f || (first == 0xc2 && second < 0xa0);
}

/* The length of the character at the front; 0 where a name may not have it. */
static size_t good_character(const char *text, size_t bytes)
{
    size_t sequence = utf8_sequence(text, bytes);
    return sequence == 0 || is_control(text, sequence) ? 0 : sequence;
}

/* The name as a line of a log can show it. */
static void make_shown(const char *name, char shown[VIDEO_NAME_BYTES_MAX + 1])
{
    size_t bytes = strnlen(name, VIDEO_NAME_BYTES_MAX);
    memcpy(shown, name, bytes);
    shown[bytes] = '\0';
    for (size_t i = 0; i < bytes;) {
        size_t sequence = good_character(shown + i, bytes - i);
        if (sequence == 0)
            shown[i++] = '?';
        i += sequence;
    }
}

static enum result check_name(const char *name, const char *shown,
                              struct fault *fault)
{
    size_t bytes = strlen(name);
    if (bytes > VIDEO_NAME_BYTES_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "the name '%.80s...' has more than %d bytes", shown,
                         VIDEO_NAME_BYTES_MAX);
    for (size_t i = 0; i < bytes;) {
        size_t sequence = good_character(name + i, bytes - i);
        if (sequence == 0)
            return fault_set(fault, RESULT_MALFORMED,
                             "the name '%s' is not UTF-8 without control "
                             "characters",
                             shown);
        i += sequence;
    }
    if (media_type_of(name) == NULL)
        return fault_set(fault, RESULT_MALFORMED,
                         "'%s' has no extension of a video", shown);
    return RESULT_OK;
}

/* Not blocking, for the case that a pipe has taken the file's place. */
static enum result open_regular(int folder, const char *name, const char *shown,
                                int *ret_file, struct stat *ret_status,
                                struct fault *fault)
{
    int file =
        openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return fault_set(fault, RESULT_NOT_FOUND, "'%s' is not there", shown);
    if (file < 0 && errno == ELOOP)
        return fault_set(fault, RESULT_UNUSABLE, "'%s' is a link", shown);
    if (file < 0)
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot open '%s': %s",
                         shown, strerror(errno));
    enum result result = RESULT_OK;
    if (fstat(file, ret_status) != 0)
        result = fault_set(fault, RESULT_UNAVAILABLE, "cannot stat '%s': %s",
                           shown, strerror(errno));
    else if (!S_ISREG(ret_status->st_mode))
        result = fault_set(fault, RESULT_UNUSABLE, "'%s' is not a regular file",
                           shown);
    if (result == RESULT_OK)
        *ret_file = file;
    else
        (void)close(file);
    return result;
}

static void set_texts(struct opened *opened, const char *name,
                      size_t name_bytes)
{
    char *id = opened->texts;
    char *title = id + name_bytes + 1;
    memcpy(id, name, name_bytes + 1);
    memcpy(title, name, name_bytes + 1);
    *strrchr(title, '.') = '\0';
    for (char *c = title; *c != '\0'; c++)
        if (*c == '_' || *c == '-')
            *c = ' ';
    opened->video.id = id;
    opened->video.title = title;
}

static void set_version(struct opened *opened, const struct stat *status)
{
    struct video_file *video = &opened->video;
    opened->device = status->st_dev;
    opened->inode = status->st_ino;
    opened->modified = status->st_mtim;
    video->bytes = (uint64_t)status->st_size;
    video->modified_s = status->st_mtim.tv_sec;
    uint64_t modified_ns = (uint64_t)status->st_mtim.tv_sec * 1000000000u +
                           (uint64_t)status->st_mtim.tv_nsec;
    (void)snprintf(video->etag, sizeof video->etag,
                   "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", video->bytes,
                   modified_ns, (uint64_t)status->st_ino);
}

/* Takes the descriptor over. What cannot be mapped stays open instead. */
static void set_content(struct video_file *video, int file)
{
    video->mapped = NULL;
    video->file = -1;
    void *mapped = MAP_FAILED;
    if (video->bytes > 0 && video->bytes <= SIZE_MAX)
        mapped =
            mmap(NULL, (size_t)video->bytes, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        video->mapped = mapped;
    else if (video->bytes > 0)
        video->file = file;
    if (video->file < 0)
        (void)close(file);
}

enum result video_file_open(int folder, const char *name,
                            struct video_file **ret, struct fault *fault)
{
    char shown[VIDEO_NAME_BYTES_MAX + 1];
    make_shown(name, shown);
    enum result result = check_name(name, shown, fault);
    if (result != RESULT_OK)
        return result;

    int file = -1;
    struct stat status;
    result = open_regular(folder, name, shown, &file, &status, fault);
    if (result != RESULT_OK)
        return result;

    size_t name_bytes = strlen(name);
    struct opened *opened = calloc(1, sizeof *opened + 2 * (name_bytes + 1));
    if (opened == NULL) {
        (void)close(file);
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory for '%s'",
                         shown);
    }
    const struct media_type *type = media_type_of(name);
    struct video_file *video = &opened->video;
    atomic_init(&opened->references, 1);
    set_texts(opened, name, name_bytes);
    set_version(opened, &status);
    video->type = type->text;
    video->duration_ms = type->iso_file
                             ? mp4_duration_of_file(file, video->bytes)
                             : MP4_DURATION_UNKNOWN;
    set_content(video, file);
    *ret = video;
    return RESULT_OK;
}

bool video_file_is_version(const struct video_file *video,
                           const struct stat *status)
{
    const struct opened *opened = (const struct opened *)video;
    return opened->device == status->st_dev &&
           opened->inode == status->st_ino && S_ISREG(status->st_mode) &&
           video->bytes == (uint64_t)status->st_size &&
           opened->modified.tv_sec == status->st_mtim.tv_sec &&
           opened->modified.tv_nsec == status->st_mtim.tv_nsec;
}

struct video_file *video_file_hold(struct video_file *video)
{
    atomic_fetch_add(&opened_of(video)->references, 1);
    return video;
}

void video_file_release(void *released)
{
    struct video_file *video = released;
    if (video == NULL || atomic_fetch_sub(&opened_of(video)->references, 1) > 1)
        return;
    if (video->mapped != NULL)
        (void)munmap((void *)(uintptr_t)video->mapped, (size_t)video->bytes);
    if (video->file >= 0)
        (void)close(video->file);
    free(opened_of(video));
}
