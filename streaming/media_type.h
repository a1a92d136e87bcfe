#ifndef FLIXTUBE_STREAMING_MEDIA_TYPE_H
#define FLIXTUBE_STREAMING_MEDIA_TYPE_H

#include <stdbool.h>

struct media_type {
    const char *extension; /* with its dot, lower case */
    const char *text;      /* for Content-Type */
    bool iso_file;         /* mp4_duration.h can read it */
};

/*
 * The type of a video by its file name's extension, in either case; NULL if it
 * is none, or if nothing or only a leading dot stands before the extension.
 * Static. Pure.
 */
const struct media_type *media_type_of(const char *file_name);

#endif
