#include "temp_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct temp_folder temp_folder_make(void)
{
    struct temp_folder folder = {.path = "/tmp/flixtube-test-XXXXXX"};
    assert_non_null(mkdtemp(folder.path));
    folder.file = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder.file >= 0);
    return folder;
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void temp_folder_done(struct temp_folder *folder)
{
    assert_int_equal(close(folder->file), 0);
    (void)nftw(folder->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void temp_folder_write(const struct temp_folder *folder, const char *name,
                       const void *data, size_t bytes)
{
    int file = openat(folder->file, name,
                      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(write(file, data, bytes), bytes);
    assert_int_equal(close(file), 0);
}

void temp_folder_write_text(const struct temp_folder *folder, const char *name,
                            const char *text)
{
    temp_folder_write(folder, name, text, strlen(text));
}

const char *temp_folder_path(const struct temp_folder *folder, const char *name)
{
    static char path[PATH_MAX];
    int bytes = snprintf(path, sizeof path, "%s/%s", folder->path, name);
    assert_in_range(bytes, 1, sizeof path - 1);
    return path;
}
