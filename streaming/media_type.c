#include "media_type.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

const struct media_type *media_type_of(const char *file_name)
{
    /* The registered types; for .m4v the one of MP4, which browsers know. */
    static const struct media_type types[] = {
        {".mp4", "video/mp4", true},       {".m4v", "video/mp4", true},
        {".mov", "video/quicktime", true}, {".webm", "video/webm", false},
        {".mkv", "video/matroska", false}, {".ogv", "video/ogg", false},
    };

    const char *dot = strrchr(file_name, '.');
    if (dot == NULL || dot == file_name)
        return NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot, types[i].extension) == 0)
            return &types[i];
    return NULL;
}
