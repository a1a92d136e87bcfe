#ifndef FLIXTUBE_COMMON_HEALTHCHECK_H
#define FLIXTUBE_COMMON_HEALTHCHECK_H

#include <stdint.h>

#include "result.h"

/*
 * Asks the service on this host for GET /healthz, as a container's health
 * check does; waits up to 2 s. `bind` is the address that the service binds
 * to; any-address is asked by loopback.
 * Errors: RESULT_UNAVAILABLE when it does not answer with 200.
 */
enum result healthcheck(const char *bind, uint16_t port, struct fault *fault);

#endif
