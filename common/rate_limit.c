#include "rate_limit.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "siphash.h"

enum {
    MILLI = 1000, /* a bucket counts thousandths of a request */
};

struct bucket {
    int64_t at_ms;
    int64_t left; /* thousandths, at at_ms */
};

struct rate_limit {
    int64_t per_s;
    struct siphash_key key;
    pthread_mutex_t lock; /* guards `buckets` */
    struct bucket buckets[RATE_BUCKETS];
};

enum result rate_limit_make(uint32_t per_s_max, struct rate_limit **ret,
                            struct fault *fault)
{
    struct rate_limit *limit = calloc(1, sizeof *limit);
    if (limit == NULL || getrandom(&limit->key, sizeof limit->key, 0) !=
                             (ssize_t)sizeof limit->key) {
        free(limit);
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    }
    limit->per_s = per_s_max;
    pthread_mutex_init(&limit->lock, NULL);
    *ret = limit;
    return RESULT_OK;
}

void rate_limit_end(struct rate_limit *limit)
{
    if (limit == NULL)
        return;
    pthread_mutex_destroy(&limit->lock);
    free(limit);
}

static uint64_t hash_of(const struct rate_limit *limit, int socket)
{
    struct sockaddr_storage peer = {0};
    socklen_t bytes = sizeof peer;
    if (getpeername(socket, (struct sockaddr *)&peer, &bytes) != 0)
        return 0;
    const struct sockaddr_in *v4 = (const void *)&peer;
    const struct sockaddr_in6 *v6 = (const void *)&peer;
    if (peer.ss_family == AF_INET)
        return siphash(&limit->key, &v4->sin_addr, sizeof v4->sin_addr);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return siphash(&limit->key, &v6->sin6_addr.s6_addr[12], 4);
    return siphash(&limit->key, &v6->sin6_addr, 8);
}

bool rate_limit_takes(struct rate_limit *limit, int socket, int64_t now_ms)
{
    int64_t most = limit->per_s * RATE_BURST_S * MILLI;
    struct bucket *bucket =
        &limit->buckets[hash_of(limit, socket) % RATE_BUCKETS];
    pthread_mutex_lock(&limit->lock);
    /* One that was never used is full; so is one of long ago. */
    int64_t passed_ms = now_ms - bucket->at_ms;
    if (bucket->at_ms == 0 || passed_ms > RATE_BURST_S * MILLI)
        bucket->left = most;
    else if (passed_ms > 0)
        bucket->left += passed_ms * limit->per_s;
    if (bucket->left > most)
        bucket->left = most;
    bucket->at_ms = now_ms;
    bool taken = bucket->left >= MILLI;
    if (taken)
        bucket->left -= MILLI;
    pthread_mutex_unlock(&limit->lock);
    return taken;
}
