#ifndef FLIXTUBE_TESTS_TEMP_FOLDER_H
#define FLIXTUBE_TESTS_TEMP_FOLDER_H

enum {
    TEMP_PATH_BYTES = 256,
};

/* A folder of the test's own; temp_folder_remove() takes all in it along. */
void temp_folder_make(char folder[TEMP_PATH_BYTES]);
void temp_folder_remove(const char *folder);

/* "<folder>/<name>" */
void temp_path(const char *folder, const char *name,
               char path[TEMP_PATH_BYTES]);

#endif
