#ifndef FLIXTUBE_COMMON_HTTP_ROUTE_H
#define FLIXTUBE_COMMON_HTTP_ROUTE_H

#include "buffer.h"
#include "http_server.h"

/*
 * Finds the route of a method and an undecoded path (without query). HEAD
 * finds GET's. *ret_tail is where the open segment starts, NULL without one.
 * RESULT_NOT_FOUND: no route has the path. RESULT_MALFORMED: some have, with
 * other methods, which `allow` then lists as RFC 9110 section 10.2.1 wants.
 */
enum result http_route_find(const struct http_route *routes, size_t count,
                            const char *method, const char *path,
                            const struct http_route **ret_route,
                            const char **ret_tail, struct buffer *allow);

/* Whether the route takes the query parameter. */
bool http_route_takes(const struct http_route *route, const char *parameter);

/* Whether the route takes a body of this Content-Type (NULL: none given). */
bool http_route_takes_type(const struct http_route *route, const char *type);

#endif
