#include "http_route.h"

#include <string.h>
#include <strings.h>

static bool ends_with(const char *text, const char *end)
{
    size_t bytes = strlen(text);
    size_t end_bytes = strlen(end);
    return bytes > end_bytes && strcmp(text + bytes - end_bytes, end) == 0;
}

/* "/history/{id}" matches "/history/" and one segment that is not empty;
 * "/history/{id}/restore" that and what follows. */
static bool path_matches(const char *pattern, const char *path,
                         const char **ret_tail)
{
    const char *open = strchr(pattern, '{');
    if (open == NULL) {
        *ret_tail = NULL;
        return strcmp(pattern, path) == 0;
    }
    size_t fixed = (size_t)(open - pattern);
    if (strncmp(pattern, path, fixed) != 0)
        return false;
    const char *tail = path + fixed;
    const char *rest = strchr(open, '}') + 1;
    *ret_tail = tail;
    if (!ends_with(tail, rest))
        return false;
    const char *slash = strchr(tail, '/');
    return slash == NULL ? *rest == '\0' : strcmp(slash, rest) == 0;
}

enum result http_route_find(const struct http_route *routes, size_t count,
                            const char *method, const char *path,
                            const struct http_route **ret_route,
                            const char **ret_tail, struct buffer *allow)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    bool path_known = false;
    for (size_t i = 0; i < count; i++) {
        const char *tail = NULL;
        if (!path_matches(routes[i].path, path, &tail))
            continue;
        if (strcmp(routes[i].method, wanted) == 0) {
            *ret_route = &routes[i];
            *ret_tail = tail;
            return RESULT_OK;
        }
        buffer_append_text(allow, path_known ? ", " : "");
        buffer_append_text(allow, routes[i].method);
        if (strcmp(routes[i].method, "GET") == 0)
            buffer_append_text(allow, ", HEAD");
        path_known = true;
    }
    return path_known ? RESULT_MALFORMED : RESULT_NOT_FOUND;
}

bool http_route_takes(const struct http_route *route, const char *parameter)
{
    for (size_t i = 0; i < HTTP_PARAMETERS_MAX; i++) {
        if (route->parameters[i] == NULL)
            return false;
        if (strcmp(route->parameters[i], parameter) == 0)
            return true;
    }
    return false;
}

bool http_route_takes_type(const struct http_route *route, const char *type)
{
    if (route->body_types == NULL)
        return true;
    if (type == NULL)
        return false;
    size_t type_bytes = strcspn(type, "; \t");
    const char *taken = route->body_types;
    while (*taken != '\0') {
        size_t bytes = strcspn(taken, ",");
        if (bytes == type_bytes && strncasecmp(taken, type, bytes) == 0)
            return true;
        taken += bytes + (taken[bytes] == ',' ? 1 : 0);
    }
    return false;
}
