#ifndef FLIXTUBE_COMMON_RATE_LIMIT_H
#define FLIXTUBE_COMMON_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "result.h"

/*
 * How many requests an address may make: a bucket of RATE_BURST_S seconds'
 * worth that fills at the rate. The memory is fixed: RATE_BUCKETS buckets,
 * found by a hash under a random key; two addresses may share one (with 1,000
 * busy ones, one in five does) and then share its rate. An IPv6 client is its
 * /64, since it has all of that. Any thread.
 */
enum {
    RATE_BUCKETS = 4096,
    RATE_BURST_S = 2,
};

struct rate_limit;

/* per_s_max of at least 1. Errors: RESULT_UNAVAILABLE. */
enum result rate_limit_make(uint32_t per_s_max, struct rate_limit **ret,
                            struct fault *fault);
void rate_limit_end(struct rate_limit *limit); /* NULL is fine */

/* Takes one for the socket's peer at now_ms (monotonic); false: it is over. */
bool rate_limit_takes(struct rate_limit *limit, int socket, int64_t now_ms);

#endif
