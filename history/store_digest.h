#ifndef FLIXTUBE_HISTORY_STORE_DIGEST_H
#define FLIXTUBE_HISTORY_STORE_DIGEST_H

#include <stdint.h>

#include "store.h"

/*
 * A number for what a set of rows says, whatever their order. Two stores that
 * took the same messages have the same digest, however often and in whatever
 * order they took them; so a store can be compared with what a replay brings.
 *
 * Definition "1". Of each row a record of little-endian 64-bit words:
 *
 *   the id, two words, 0 where the publisher gave none (made on arrival)
 *   viewedAt in ms,    0 where the publisher gave none (time of arrival)
 *   position and duration in ms, -1 where absent
 *   the session's id, two words, 0 where absent
 *   bit 0: id given, 1: time given, 2: session given; from bit 8: the rule
 *   three hashes: of userId, video.id and videoPath ("" where absent)
 *
 * A digest is two sums, modulo 2^64, of the records' SipHash-2-4 under two
 * keys that never change; the texts are hashed under the record's key. It is
 * written as "1-" and 32 hexadecimal digits. What the publisher did not say is
 * left out: the order of arrival and its time. The keys are no secret: a digest
 * finds faults, it does not hold against who makes up rows to fit.
 */
struct store_digest {
    uint64_t sums[2];
    int64_t rows;
};

enum {
    STORE_DIGEST_TEXT_BYTES = 2 + 32 + 1,
};

void store_digest_add(struct store_digest *digest, const struct store_row *row);

void store_digest_format(const struct store_digest *digest,
                         char text[STORE_DIGEST_TEXT_BYTES]);

#endif
