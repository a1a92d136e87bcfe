#ifndef FLIXTUBE_TESTS_TEMP_FOLDER_H
#define FLIXTUBE_TESTS_TEMP_FOLDER_H

#include <stddef.h>

/* A folder of a test's own. Every failure here ends the test. */
struct temp_folder {
    char path[64];
    int file; /* its descriptor */
};

struct temp_folder temp_folder_make(void);
void temp_folder_done(struct temp_folder *folder); /* with all in it */

/* Writes it in place, not by a rename. */
void temp_folder_write(const struct temp_folder *folder, const char *name,
                       const void *data, size_t bytes);
void temp_folder_write_text(const struct temp_folder *folder, const char *name,
                            const char *text);

/* "<folder>/<name>", valid until the next call. */
const char *temp_folder_path(const struct temp_folder *folder,
                             const char *name);

#endif
