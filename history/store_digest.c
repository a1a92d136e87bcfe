#include "store_digest.h"

#include <inttypes.h>
#include <stdio.h>

#include "siphash.h"

enum {
    RECORD_WORDS = 11,
    RECORD_BYTES_MAX = RECORD_WORDS * 8 + TRACE_PARENT_BYTES,
    ID_GIVEN = 1,
    TIME_GIVEN = 2,
    SESSION_GIVEN = 4,
    RULE_SHIFT = 8,
};

/* Digits of pi, so that nobody wonders where they are from. */
static const struct siphash_key keys[2] = {
    {UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344)},
    {UINT64_C(0xa4093822299f31d0), UINT64_C(0x082efa98ec4e6c89)},
};

struct record {
    uint8_t bytes[RECORD_BYTES_MAX];
    size_t filled;
};

static void put(struct record *record, uint64_t word)
{
    for (int i = 0; i < 8; i++)
        record->bytes[record->filled++] = (uint8_t)(word >> (8 * i));
}

static void put_id(struct record *record, const struct uuid *id, bool given)
{
    for (size_t i = 0; i < sizeof id->bytes; i++)
        record->bytes[record->filled++] = given ? id->bytes[i] : 0;
}

/* A row without one makes the record that it made before there were any. */
static void put_trace(struct record *record, const struct trace_parent *trace)
{
    for (size_t i = 0; trace->given && i < sizeof trace->bytes; i++)
        record->bytes[record->filled++] = trace->bytes[i];
}

static uint64_t hash_of(const struct siphash_key *key,
                        const struct store_row *row)
{
    struct record record = {.filled = 0};
    put_id(&record, &row->id, row->id_given);
    put(&record, row->time_given ? (uint64_t)row->place.viewed_at_ms : 0);
    put(&record, (uint64_t)row->position_ms);
    put(&record, (uint64_t)row->duration_ms);
    put_id(&record, &row->session_id, row->session_given);
    put(&record, (row->id_given ? ID_GIVEN : 0u) |
                     (row->time_given ? TIME_GIVEN : 0u) |
                     (row->session_given ? SESSION_GIVEN : 0u) |
                     (uint64_t)row->rule << RULE_SHIFT);
    put(&record, siphash(key, row->user_id, row->user_id_bytes));
    put(&record, siphash(key, row->video_id, row->video_id_bytes));
    put(&record, siphash(key, row->video_path, row->video_path_bytes));
    put_trace(&record, &row->trace);
    return siphash(key, record.bytes, record.filled);
}

void store_digest_add(struct store_digest *digest, const struct store_row *row)
{
    for (size_t i = 0; i < 2; i++)
        digest->sums[i] += hash_of(&keys[i], row);
    digest->rows++;
}

void store_digest_format(const struct store_digest *digest,
                         char text[STORE_DIGEST_TEXT_BYTES])
{
    (void)snprintf(text, STORE_DIGEST_TEXT_BYTES, "1-%016" PRIx64 "%016" PRIx64,
                   digest->sums[0], digest->sums[1]);
}
