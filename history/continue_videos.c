#include "continue_videos.h"

#include <stdlib.h>

#include "siphash.h"

enum {
    CAPACITY_MIN = 64,
};

struct continue_video {
    uint64_t hash; /* 0: a free slot */
    int64_t until_ms;
};

void continue_videos_done(struct continue_videos *videos)
{
    free(videos->slots);
    *videos = (struct continue_videos){0};
}

/* The slot of the hash, or the free one where it belongs. */
static struct continue_video *slot_of(const struct continue_videos *videos,
                                      uint64_t hash)
{
    size_t at = (size_t)hash & (videos->capacity - 1);
    while (videos->slots[at].hash != 0 && videos->slots[at].hash != hash)
        at = (at + 1) & (videos->capacity - 1);
    return &videos->slots[at];
}

/* So that one slot in two is free. */
static bool grow(struct continue_videos *videos)
{
    struct continue_videos grown = {.count = videos->count};
    grown.capacity = videos->capacity > 0 ? videos->capacity * 2 : CAPACITY_MIN;
    grown.slots = calloc(grown.capacity, sizeof *grown.slots);
    if (grown.slots == NULL)
        return false;
    for (size_t i = 0; i < videos->capacity; i++)
        if (videos->slots[i].hash != 0)
            *slot_of(&grown, videos->slots[i].hash) = videos->slots[i];
    free(videos->slots);
    *videos = grown;
    return true;
}

int64_t *continue_videos_at(struct continue_videos *videos, const char *video,
                            size_t video_bytes)
{
    /* Who picks the names of his own videos harms his own list alone. */
    static const struct siphash_key key = {1, 2};
    uint64_t hash = siphash(&key, video, video_bytes) | 1;
    if (videos->count * 2 >= videos->capacity && !grow(videos))
        return NULL;
    struct continue_video *slot = slot_of(videos, hash);
    if (slot->hash == 0) {
        *slot = (struct continue_video){hash, INT64_MIN};
        videos->count++;
    }
    return &slot->until_ms;
}
