#ifndef FLIXTUBE_STREAMING_CONFIG_H
#define FLIXTUBE_STREAMING_CONFIG_H

#include <stdint.h>

#include "env.h"
#include "result.h"

/* The settings of `streaming serve`, from the environment; README lists
 * them. */
struct config {
    uint16_t port;
    char bind[64];
    char rabbit[ENV_VALUE_BYTES_MAX];
    char rabbit_ca_file[ENV_VALUE_BYTES_MAX]; /* "" for the system's */
    char outbox[ENV_VALUE_BYTES_MAX];
    char videos[ENV_VALUE_BYTES_MAX];
    char history_url[512]; /* scheme://host[:port], no path */
    int64_t session_idle_ms;
    uint32_t http_connections_max;
    char auth_keys[ENV_VALUE_BYTES_MAX]; /* folder; "": no tokens */
    char auth_audience[256];             /* "": tokens name none */
};

/* Also sets what the broker keeps (topology_set).
 * Errors: RESULT_MALFORMED or RESULT_UNAVAILABLE, naming the variable. */
enum result config_read(struct config *ret, struct fault *fault);

#endif
