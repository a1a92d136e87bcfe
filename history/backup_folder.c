#include "backup_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

#define PREFIX "history-"
#define SUFFIX ".db"

enum {
    /* "history-2026-01-31T12-00-00.123Z.db" */
    NAME_BYTES = sizeof PREFIX - 1 + CLOCK_TEXT_BYTES - 1 + sizeof SUFFIX - 1,
};

static enum result join(const char *folder, const char *name,
                        char path[PATH_MAX], struct fault *fault)
{
    if (snprintf(path, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
        return fault_set(fault, RESULT_UNUSABLE,
                         "the path of %.60s is too long", name);
    return RESULT_OK;
}

enum result backup_folder_name(const char *folder, char path[PATH_MAX],
                               struct fault *fault)
{
    char now[CLOCK_TEXT_BYTES];
    char name[NAME_BYTES + 1];
    clock_format(clock_now_ms(), now);
    for (char *colon = now; (colon = strchr(colon, ':')) != NULL;)
        *colon = '-';
    (void)snprintf(name, sizeof name, PREFIX "%s" SUFFIX, now);
    return join(folder, name, path, fault);
}

static bool is_backup(const struct dirent *entry)
{
    const char *name = entry->d_name;
    return strlen(name) == NAME_BYTES &&
           strncmp(name, PREFIX "2", sizeof PREFIX) == 0 &&
           strcmp(name + NAME_BYTES - (sizeof SUFFIX - 1), SUFFIX) == 0;
}

static int is_backup_entry(const struct dirent *entry)
{
    return is_backup(entry);
}

/* history-….db.partial-XXXXXX, and what an engine has beside it. */
static int is_left_entry(const struct dirent *entry)
{
    return strncmp(entry->d_name, PREFIX "2", sizeof PREFIX) == 0 &&
           strstr(entry->d_name, SUFFIX ".partial-") != NULL;
}

static void entries_free(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

static enum result scan(const char *folder,
                        int (*wanted)(const struct dirent *entry),
                        struct dirent ***ret, int *ret_count,
                        struct fault *fault)
{
    int count = scandir(folder, ret, wanted, alphasort);
    if (count < 0)
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot read %s: %s",
                         folder, strerror(errno));
    *ret_count = count;
    return RESULT_OK;
}

enum result backup_folder_newest(const char *folder, char path[PATH_MAX],
                                 int64_t *ret_made_s, struct fault *fault)
{
    struct dirent **entries = NULL;
    int count = 0;
    struct stat status;
    enum result r = scan(folder, is_backup_entry, &entries, &count, fault);
    if (r != RESULT_OK)
        return r;
    if (count == 0)
        r = fault_set(fault, RESULT_NOT_FOUND, "there is no backup in %s",
                      folder);
    else
        r = join(folder, entries[count - 1]->d_name, path, fault);
    entries_free(entries, count);
    if (r == RESULT_OK && stat(path, &status) != 0)
        r = fault_set(fault, RESULT_UNAVAILABLE, "cannot look at %s: %s", path,
                      strerror(errno));
    if (r == RESULT_OK)
        *ret_made_s = status.st_mtime;
    return r;
}

/* Removes entries[0..count - keep). */
static enum result remove_oldest(const char *folder,
                                 int (*wanted)(const struct dirent *entry),
                                 size_t keep, struct fault *fault)
{
    struct dirent **entries = NULL;
    int count = 0;
    enum result r = scan(folder, wanted, &entries, &count, fault);
    if (r != RESULT_OK)
        return r;
    for (size_t i = 0; r == RESULT_OK && i + keep < (size_t)count; i++) {
        char path[PATH_MAX];
        r = join(folder, entries[i]->d_name, path, fault);
        if (r == RESULT_OK && unlink(path) != 0 && errno != ENOENT)
            r = fault_set(fault, RESULT_UNAVAILABLE, "cannot remove %s: %s",
                          path, strerror(errno));
    }
    entries_free(entries, count);
    return r;
}

enum result backup_folder_prune(const char *folder, size_t keep,
                                struct fault *fault)
{
    enum result r = remove_oldest(folder, is_left_entry, 0, fault);
    return r == RESULT_OK ? remove_oldest(folder, is_backup_entry, keep, fault)
                          : r;
}
