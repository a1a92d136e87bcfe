#ifndef FLIXTUBE_COMMON_LOCAL_REQUEST_H
#define FLIXTUBE_COMMON_LOCAL_REQUEST_H

#include <stdint.h>

#include "buffer.h"
#include "result.h"

/*
 * One HTTP/1.1 request without a body to the service on this host, as its own
 * commands need it. `bind` is the address that the service binds to;
 * any-address is asked by loopback. `token` is a bearer token, or NULL. The
 * answer's body is added to `body` (NULL: not read). Waits up to timeout_s for
 * each piece of the answer. Errors: RESULT_UNAVAILABLE without a whole answer.
 */
enum result local_request(const char *bind, uint16_t port, const char *method,
                          const char *target, const char *token,
                          uint32_t timeout_s, unsigned *ret_status,
                          struct buffer *body, struct fault *fault);

/* The same with a body of that media type. */
struct local_body {
    const char *type;
    const char *data;
    size_t bytes;
};

enum result local_request_with(const char *bind, uint16_t port,
                               const char *method, const char *target,
                               const char *token,
                               const struct local_body *request_body,
                               uint32_t timeout_s, unsigned *ret_status,
                               struct buffer *body, struct fault *fault);

#endif
