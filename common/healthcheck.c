#include "healthcheck.h"

#include "local_request.h"

enum {
    TIMEOUT_S = 2,
};

enum result healthcheck(const char *bind, uint16_t port, struct fault *fault)
{
    unsigned status = 0;
    enum result r = local_request(bind, port, "GET", "/healthz", NULL,
                                  TIMEOUT_S, &status, NULL, fault);
    if (r == RESULT_OK && status != 200)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "%s port %u answers with %u instead of 200", bind,
                         port, status);
    return r;
}
