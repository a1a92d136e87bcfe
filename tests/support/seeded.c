#include "seeded.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct seeded seeded_start(void)
{
    const char *given = getenv("FLIXTUBE_SEED");
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = given != NULL
                        ? strtoull(given, NULL, 10)
                        : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec;
    (void)printf("FLIXTUBE_SEED=%" PRIu64 "\n", seed);
    (void)fflush(stdout);
    return (struct seeded){seed};
}

/* splitmix64: any seed is a good one. */
uint64_t seeded_next(struct seeded *seeded)
{
    uint64_t z = seeded->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t seeded_below(struct seeded *seeded, uint64_t below)
{
    return seeded_next(seeded) % below;
}

void seeded_bytes(struct seeded *seeded, void *bytes, size_t count)
{
    unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++)
        at[i] = (unsigned char)seeded_next(seeded);
}
