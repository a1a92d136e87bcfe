#include "temp_folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "claim.h"

void temp_folder_make(char folder[TEMP_PATH_BYTES])
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, TEMP_PATH_BYTES, "%.200s/flixtube-XXXXXX",
                   base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

void temp_folder_remove(const char *folder)
{
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void temp_path(const char *folder, const char *name, char path[TEMP_PATH_BYTES])
{
    (void)snprintf(path, TEMP_PATH_BYTES, "%.200s/%.50s", folder, name);
}
