#ifndef FLIXTUBE_STREAMING_COOKIE_H
#define FLIXTUBE_STREAMING_COOKIE_H

#include <stdbool.h>
#include <stddef.h>

#include "uuid.h"

#define COOKIE_VIEWER "viewer"

/* One well-formed cookie-pair; both point into the header. */
struct cookie {
    const char *name;
    size_t name_bytes;
    const char *value; /* without the quotes around it */
    size_t value_bytes;
};

/*
 * The next well-formed cookie-pair (RFC 6265bis section 4.1.1: a token, "=",
 * cookie-octets, with or without quotes) at or behind *cursor, which starts as
 * the value of the Cookie header and moves behind the pair. Malformed pairs
 * are passed over: cookies of all programs on a host come in one header, and
 * another's must not cost us ours. False at the end. Pure.
 */
bool cookie_next(const char **cursor, struct cookie *ret);

/*
 * The viewer's id: the first cookie named "viewer" (in that case) whose value
 * is a UUID; one that is not counts as absent. A NULL header has none. False
 * leaves *ret alone. Pure.
 */
bool cookie_viewer(const char *header, struct uuid *ret);

#endif
