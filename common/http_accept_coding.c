#include "http_accept_coding.h"

#include <string.h>
#include <strings.h>

enum {
    WEIGHT_ONE = 1000,
    WEIGHT_MALFORMED = -2,
};

#define SPACE " \t"

static const char *skip_space(const char *at)
{
    return at + strspn(at, SPACE);
}

/* qvalue, section 12.4.2: at most three digits, and none is over 1. */
static int read_weight(const char *text, size_t bytes)
{
    static const int worth[] = {100, 10, 1};
    if (bytes == 0 || bytes > 5 || (text[0] != '0' && text[0] != '1') ||
        (bytes > 1 && text[1] != '.'))
        return WEIGHT_MALFORMED;
    int weight = text[0] == '1' ? WEIGHT_ONE : 0;
    for (size_t i = 2; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9')
            return WEIGHT_MALFORMED;
        weight += (text[i] - '0') * worth[i - 2];
    }
    return weight <= WEIGHT_ONE ? weight : WEIGHT_MALFORMED;
}

/* What stands behind a coding's name, up to `end`: nothing, or ";q=". */
static int weight_of(const char *at, const char *end)
{
    at = skip_space(at);
    if (at == end)
        return WEIGHT_ONE;
    if (*at != ';')
        return WEIGHT_MALFORMED;
    at = skip_space(at + 1);
    if (strncasecmp(at, "q=", 2) != 0)
        return WEIGHT_MALFORMED;
    while (end > at && strchr(SPACE, end[-1]) != NULL)
        end--;
    return end > at + 2 ? read_weight(at + 2, (size_t)(end - at) - 2)
                        : WEIGHT_MALFORMED;
}

static bool is_name(const char *at, size_t bytes, const char *name)
{
    return strlen(name) == bytes && strncasecmp(at, name, bytes) == 0;
}

static int *place_of(struct http_accept_coding *accept, const char *name,
                     size_t bytes)
{
    /* "x-gzip" means gzip: section 8.4.1.3. */
    if (is_name(name, bytes, "gzip") || is_name(name, bytes, "x-gzip"))
        return &accept->gzip;
    if (is_name(name, bytes, "identity"))
        return &accept->identity;
    return is_name(name, bytes, "*") ? &accept->any : NULL;
}

void http_accept_coding_take(struct http_accept_coding *accept,
                             const char *line)
{
    for (const char *at = line; *at != '\0';) {
        at += strspn(at, SPACE ",");
        size_t name_bytes = strcspn(at, ",;" SPACE);
        const char *end = at + strcspn(at, ",");
        int *place = place_of(accept, at, name_bytes);
        int weight = weight_of(at + name_bytes, end);
        if (place != NULL && weight != WEIGHT_MALFORMED)
            *place = weight;
        at = end;
    }
}

enum http_wish http_accept_coding_wish(const struct http_accept_coding *accept)
{
    int gzip = accept->gzip != HTTP_CODING_UNNAMED ? accept->gzip : accept->any;
    int identity = accept->identity != HTTP_CODING_UNNAMED ? accept->identity
                                                           : accept->any;
    if (gzip <= 0)
        return HTTP_WISH_IDENTITY;
    if (identity == 0)
        return HTTP_WISH_GZIP_ALONE;
    return gzip >= identity ? HTTP_WISH_GZIP : HTTP_WISH_IDENTITY;
}
