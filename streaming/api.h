#ifndef FLIXTUBE_STREAMING_API_H
#define FLIXTUBE_STREAMING_API_H

#include "bearer_token.h"
#include "catalog.h"
#include "condition.h"
#include "config.h"
#include "counting.h"
#include "delivery.h"
#include "http_server.h"
#include "metrics.h"
#include "outbox.h"
#include "publisher.h"

/* The routes of streaming; schema/openapi.yaml describes them. */
struct api {
    const struct config *config;
    struct catalog *catalog;
    struct condition *catalog_condition;
    struct counting *counting;
    struct deliveries *deliveries;
    struct outbox *outbox;
    struct publisher *publisher;
    struct token_keys *keys; /* by which viewers read their history; NULL */
    struct metrics_histogram request;
    _Atomic uint64_t requests[6]; /* by the status's first digit */
};

extern const struct http_route api_routes[];
extern const size_t api_routes_count;

/* Starts the HTTP server; `api` outlives it. Errors: http_server_start()'s. */
enum result api_start(struct api *api, struct http_server **ret,
                      struct fault *fault);

#endif
