#ifndef FLIXTUBE_COMMON_SIPHASH_H
#define FLIXTUBE_COMMON_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a 64-bit hash under a secret
 * key, so that nobody who picks the texts can pick the collisions. Its values
 * are stored: the function never changes.
 */
struct siphash_key {
    uint64_t k0;
    uint64_t k1;
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t bytes);

#endif
