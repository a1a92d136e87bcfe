#ifndef FLIXTUBE_HISTORY_CONFIG_H
#define FLIXTUBE_HISTORY_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "env.h"
#include "result.h"

/* The settings of `history serve`, from the environment; README lists them. */
struct config {
    uint16_t port;
    char bind[64];
    char rabbit[ENV_VALUE_BYTES_MAX];
    char rabbit_ca_file[ENV_VALUE_BYTES_MAX]; /* "" for the system's */
    char db[ENV_VALUE_BYTES_MAX];
    char cors_origins[ENV_VALUE_BYTES_MAX]; /* "" for none */
    uint32_t batch_max;
    uint32_t batch_linger_ms;
    uint16_t prefetch;
    uint32_t readers;
    uint32_t http_connections_max;
    uint32_t live_readers_max; /* of them, live streams */
    uint32_t live_heartbeat_s;
    uint32_t keep_days;                   /* 0: for ever */
    char backup_dir[ENV_VALUE_BYTES_MAX]; /* "": no scheduled backups */
    uint32_t backup_every_s;
    uint32_t backup_keep;
    uint32_t checkpoint_s; /* 0: never */
    bool admin_api;
    char auth_keys[ENV_VALUE_BYTES_MAX];  /* folder; "": no tokens */
    char auth_audience[256];              /* "": not looked at */
    uint32_t requests_per_s_max;          /* of one address; 0: no limit */
    uint32_t connections_per_address_max; /* 0: no limit */
};

/* Also sets what the broker keeps (topology_set).
 * Errors: RESULT_MALFORMED or RESULT_UNAVAILABLE, naming the variable. */
enum result config_read(struct config *ret, struct fault *fault);

#endif
