#include "catalog.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "media_type.h"

struct snapshot {
    struct catalog_snapshot public; /* first: the two have one address */
    atomic_uint references;
    size_t skipped;
    struct video_file *videos[];
};

struct catalog {
    pthread_mutex_t refreshing; /* one scan at a time */
    pthread_mutex_t lock;       /* of `current`, never held for long */
    struct snapshot *current;
    char folder[];
};

/* The names of a folder that look like videos. */
struct names {
    char **items;
    size_t count;
    size_t capacity;
};

static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
}

static bool names_add(struct names *names, const char *name)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 64 : 2 * names->capacity;
        char **larger = realloc(names->items, capacity * sizeof *larger);
        if (larger == NULL)
            return false;
        names->items = larger;
        names->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL)
        return false;
    names->items[names->count++] = copy;
    return true;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void folder_done(DIR **folder)
{
    if (*folder != NULL)
        (void)closedir(*folder);
}

static enum result read_names(DIR *folder, const char *path,
                              struct names *names, struct fault *fault)
{
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.' || media_type_of(entry->d_name) == NULL)
            continue;
        if (names->count == CATALOG_VIDEOS_MAX)
            return fault_set(fault, RESULT_LIMIT,
                             "the folder '%s' has more than %d videos", path,
                             CATALOG_VIDEOS_MAX);
        if (!names_add(names, entry->d_name))
            return fault_set(fault, RESULT_UNAVAILABLE,
                             "no memory for the names in '%s'", path);
    }
    if (errno != 0)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "cannot read the folder '%s': %s", path,
                         strerror(errno));
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, compare_names);
    return RESULT_OK;
}

static struct video_file *find(struct video_file *const *videos, size_t count,
                               const char *id)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(videos[middle]->id, id);
        if (order == 0)
            return videos[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The last snapshot's video if it is still the same, else the file anew. */
static enum result open_video(int folder, const char *name,
                              const struct snapshot *last,
                              struct video_file **ret, struct fault *fault)
{
    struct stat status;
    struct video_file *known =
        last == NULL ? NULL : catalog_find(&last->public, name);
    if (known != NULL &&
        fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        video_file_is_version(known, &status)) {
        *ret = video_file_hold(known);
        return RESULT_OK;
    }
    return video_file_open(folder, name, ret, fault);
}

/* What cannot be served is left out, with a word to the scan: one odd file
 * must not take the others away. */
static struct snapshot *make_snapshot(int folder, const struct names *names,
                                      const struct snapshot *last,
                                      struct catalog_scan *scan)
{
    struct snapshot *made =
        calloc(1, sizeof *made + names->count * sizeof(struct video_file *));
    if (made == NULL)
        return NULL;
    atomic_init(&made->references, 1);
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++) {
        /* A rename during the scan may show one name twice. */
        if (i > 0 && strcmp(names->items[i - 1], names->items[i]) == 0)
            continue;
        struct fault fault;
        enum result result = open_video(folder, names->items[i], last,
                                        &made->videos[count], &fault);
        if (result == RESULT_OK)
            count++;
        else if (result != RESULT_NOT_FOUND && made->skipped++ == 0)
            scan->skipped_why = fault;
    }
    made->public.videos = made->videos;
    made->public.count = count;
    return made;
}

static bool is_same(const struct snapshot *last, const struct snapshot *made)
{
    return last != NULL && last->skipped == made->skipped &&
           last->public.count == made->public.count &&
           memcmp(last->videos, made->videos,
                  made->public.count * sizeof *made->videos) == 0;
}

/* The folder is opened by its name each time: it may have been replaced. */
static enum result scan_folder(const char *path, const struct snapshot *last,
                               struct snapshot **ret, struct catalog_scan *scan,
                               struct fault *fault)
{
    CLEANUP(folder_done) DIR *folder = opendir(path);
    if (folder == NULL)
        return fault_set(fault, RESULT_UNUSABLE,
                         "cannot open the folder of the videos '%s': %s", path,
                         strerror(errno));
    CLEANUP(names_done) struct names names = {0};
    enum result result = read_names(folder, path, &names, fault);
    if (result != RESULT_OK)
        return result;
    struct snapshot *made = make_snapshot(dirfd(folder), &names, last, scan);
    if (made == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "no memory for the videos in '%s'", path);
    scan->changed = !is_same(last, made);
    scan->videos = made->public.count;
    scan->skipped = made->skipped;
    *ret = made;
    return RESULT_OK;
}

enum result catalog_refresh(struct catalog *catalog,
                            struct catalog_scan *ret_scan, struct fault *fault)
{
    (void)pthread_mutex_lock(&catalog->refreshing);
    /* Only a refresh replaces it, and we are the only one. */
    struct snapshot *last = catalog->current;
    struct snapshot *made = NULL;
    struct catalog_scan scan = {0};
    enum result result =
        scan_folder(catalog->folder, last, &made, &scan, fault);
    if (result == RESULT_OK) {
        (void)pthread_mutex_lock(&catalog->lock);
        catalog->current = made;
        (void)pthread_mutex_unlock(&catalog->lock);
        if (last != NULL)
            catalog_release(&last->public);
        if (ret_scan != NULL)
            *ret_scan = scan;
    }
    (void)pthread_mutex_unlock(&catalog->refreshing);
    return result;
}

enum result catalog_open(const char *folder, struct catalog **ret,
                         struct catalog_scan *ret_scan, struct fault *fault)
{
    size_t folder_bytes = strlen(folder) + 1;
    struct catalog *catalog = calloc(1, sizeof *catalog + folder_bytes);
    if (catalog == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    memcpy(catalog->folder, folder, folder_bytes);
    (void)pthread_mutex_init(&catalog->refreshing, NULL);
    (void)pthread_mutex_init(&catalog->lock, NULL);
    enum result result = catalog_refresh(catalog, ret_scan, fault);
    if (result == RESULT_OK)
        *ret = catalog;
    else
        catalog_close(catalog);
    return result;
}

void catalog_close(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    if (catalog->current != NULL)
        catalog_release(&catalog->current->public);
    (void)pthread_mutex_destroy(&catalog->lock);
    (void)pthread_mutex_destroy(&catalog->refreshing);
    free(catalog);
}

const struct catalog_snapshot *catalog_acquire(struct catalog *catalog)
{
    (void)pthread_mutex_lock(&catalog->lock);
    struct snapshot *snapshot = catalog->current;
    atomic_fetch_add(&snapshot->references, 1);
    (void)pthread_mutex_unlock(&catalog->lock);
    return &snapshot->public;
}

void catalog_release(const struct catalog_snapshot *released)
{
    /* We made it, and not const: readers alone must not change it. */
    struct snapshot *snapshot = (struct snapshot *)(uintptr_t)released;
    if (atomic_fetch_sub(&snapshot->references, 1) > 1)
        return;
    for (size_t i = 0; i < snapshot->public.count; i++)
        video_file_release(snapshot->videos[i]);
    free(snapshot);
}

struct video_file *catalog_find(const struct catalog_snapshot *snapshot,
                                const char *id)
{
    return find(snapshot->videos, snapshot->count, id);
}

struct video_file *catalog_take(struct catalog *catalog, const char *id)
{
    const struct catalog_snapshot *snapshot = catalog_acquire(catalog);
    struct video_file *video = NULL;
    if (id != NULL)
        video = catalog_find(snapshot, id);
    else if (snapshot->count > 0)
        video = snapshot->videos[0];
    if (video != NULL)
        (void)video_file_hold(video);
    catalog_release(snapshot);
    return video;
}
