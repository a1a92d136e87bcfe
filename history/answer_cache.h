#ifndef FLIXTUBE_HISTORY_ANSWER_CACHE_H
#define FLIXTUBE_HISTORY_ANSWER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "result.h"

/*
 * Answers kept in memory, by what was asked, for as long as the version of
 * what they were made of is the same (list_changes.h). What was not asked for
 * longest makes room. Any thread.
 */
enum {
    ANSWER_CACHE_BYTES = 16 << 20, /* of all; more than 2000 pages of 20 */
    ANSWER_BYTES_MAX = 64 * 1024,  /* a longer one is not kept: a share of */
    ANSWER_CACHE_SHARDS = 16,      /* a lock each */
    ANSWER_CACHE_BUCKETS = 1024,   /* of a shard */
};

struct answer_cache;

/* What was given out stays until answer_release(), kept or not. */
struct answer {
    const char *body;
    size_t body_bytes;
    const char *links; /* the value of the header Link; "" for none */
    bool gzipped;      /* the body is */
};

/* On success the caller owns *ret and ends it with answer_cache_free(), after
 * the last answer was released. Errors: RESULT_UNAVAILABLE, no memory. */
enum result answer_cache_make(struct answer_cache **ret, struct fault *fault);
void answer_cache_free(struct answer_cache *cache); /* NULL is fine */

/* The answer to that key if it is of that version, or NULL. The caller
 * releases it. */
const struct answer *answer_cache_find(struct answer_cache *cache,
                                       const void *key, size_t key_bytes,
                                       uint64_t version);

/*
 * Makes an answer of `body`, which becomes its own, and of `links`, and keeps
 * it unless it is too long; one of another version under that key goes.
 * Returns it, for the caller to release; NULL without memory, and then the
 * body stays where it is.
 */
const struct answer *answer_cache_put(struct answer_cache *cache,
                                      const void *key, size_t key_bytes,
                                      uint64_t version, struct buffer *body,
                                      bool gzipped, const char *links);

void answer_release(const struct answer *answer);

/* Numbers for /metrics. */
struct answer_cache_stats {
    uint64_t found;
    uint64_t missed;
    uint64_t bytes;
};
void answer_cache_stats(struct answer_cache *cache,
                        struct answer_cache_stats *ret);

#endif
