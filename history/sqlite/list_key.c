#include "list_key.h"

#include <string.h>

#include "viewed_message.h"

enum {
    NAME_BYTES_MAX = 1 + 2 + VIEWED_USER_BYTES_MAX + VIEWED_VIDEO_BYTES_MAX,
};

/* First byte of what is hashed. Never reuse one. */
enum list_kind {
    LIST_OF_USER = 1,
    LIST_OF_VIDEO = 2,
    LIST_OF_USER_AND_VIDEO = 3,
};

static int64_t name_hash(const struct siphash_key *key, const uint8_t *name,
                         size_t bytes)
{
    uint64_t hash = siphash(key, name, bytes);
    int64_t list;
    memcpy(&list, &hash, sizeof list);
    return list == LIST_ALL ? LIST_ALL + 1 : list;
}

bool list_key(const struct siphash_key *key, const char *user_id,
              const char *video_id, int64_t *ret)
{
    if (user_id == NULL && video_id == NULL) {
        *ret = LIST_ALL;
        return true;
    }
    size_t user_bytes = user_id == NULL ? 0 : strlen(user_id);
    size_t video_bytes = video_id == NULL ? 0 : strlen(video_id);
    if ((user_id != NULL && user_bytes == 0) ||
        (video_id != NULL && video_bytes == 0) ||
        user_bytes > VIEWED_USER_BYTES_MAX ||
        video_bytes > VIEWED_VIDEO_BYTES_MAX)
        return false;

    /* The user's length stands before the texts, so that no two pairs of
     * texts read the same. */
    uint8_t name[NAME_BYTES_MAX];
    name[0] = user_id == NULL    ? LIST_OF_VIDEO
              : video_id == NULL ? LIST_OF_USER
                                 : LIST_OF_USER_AND_VIDEO;
    name[1] = (uint8_t)(user_bytes & 0xff);
    name[2] = (uint8_t)(user_bytes >> 8);
    if (user_bytes > 0)
        memcpy(name + 3, user_id, user_bytes);
    if (video_bytes > 0)
        memcpy(name + 3 + user_bytes, video_id, video_bytes);
    *ret = name_hash(key, name, 3 + user_bytes + video_bytes);
    return true;
}
