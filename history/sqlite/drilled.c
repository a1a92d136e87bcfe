#include <stdio.h>
#include <string.h>

#include "durable_file.h"
#include "sqlite_parts.h"

/* A file of its own, since the store's may be open elsewhere. */
static bool path_of(const char *store, char path[PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s-drill", store) < PATH_MAX;
}

static bool write_line(FILE *file, const void *context)
{
    const char *line = context;
    return fprintf(file, "%s\n", line) > 0;
}

enum result sqlite_store_note_drilled(const char *store, const char *line,
                                      struct fault *fault)
{
    char path[PATH_MAX];
    if (!path_of(store, path))
        return fault_set(fault, RESULT_UNUSABLE, "the path is too long");
    return durable_file_write(path, write_line, line, fault);
}

enum result sqlite_store_drilled(struct store *base,
                                 char ret[STORE_DRILLED_BYTES],
                                 struct fault *fault)
{
    char path[PATH_MAX];
    FILE *file =
        path_of(sqlite_store_of(base)->path, path) ? fopen(path, "re") : NULL;
    if (file == NULL)
        return fault_set(fault, RESULT_NOT_FOUND, "there was no drill");
    const char *line = fgets(ret, STORE_DRILLED_BYTES, file);
    (void)fclose(file); /* nothing was written */
    if (line == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot read %s", path);
    ret[strcspn(ret, "\n")] = '\0';
    return RESULT_OK;
}
