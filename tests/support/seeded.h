#ifndef FLIXTUBE_TESTS_SEEDED_H
#define FLIXTUBE_TESTS_SEEDED_H

#include <stddef.h>
#include <stdint.h>

/* Random numbers that can be had again: the seed is printed, and FLIXTUBE_SEED
 * sets it. */
struct seeded {
    uint64_t state;
};

struct seeded seeded_start(void);
uint64_t seeded_next(struct seeded *seeded);
/* 0 to below - 1. */
uint64_t seeded_below(struct seeded *seeded, uint64_t below);
void seeded_bytes(struct seeded *seeded, void *bytes, size_t count);

#endif
