#ifndef FLIXTUBE_HISTORY_API_H
#define FLIXTUBE_HISTORY_API_H

#include "access.h"
#include "amqp_link.h"
#include "answer_cache.h"
#include "config.h"
#include "consumer.h"
#include "counters.h"
#include "http_server.h"
#include "ingest.h"
#include "live.h"
#include "queue_depths.h"
#include "store.h"

/* The routes of history; schema/openapi.yaml describes them. */
struct api {
    struct store *store;
    struct ingest *ingest;
    struct consumer *consumer;
    struct counters *counters;
    struct live *live;
    struct amqp_options amqp; /* for what operators ask for */
    struct queue_depths *queue_depths;
    int64_t started_ms;
    uint32_t backup_every_s;
    const char *db;         /* the store's path */
    const char *backup_dir; /* "" for none */
    bool admin;             /* ADMIN_API=on */
    struct access access;
    struct answer_cache *answers;
    uint64_t etag_salt; /* random */
};

extern const struct http_route api_routes[];
extern const size_t api_routes_count;

/* Starts the HTTP server; `api` outlives it. Errors: http_server_start()'s. */
enum result api_start(struct api *api, const struct config *config,
                      struct http_server **ret, struct fault *fault);

#endif
