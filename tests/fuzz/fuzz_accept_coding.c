/* Accept-Encoding: any text is read to its end, no weight is out of bounds, and
 * what a second line says of a coding it replaces. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "http_accept_coding.h"

static bool is_weight(int weight)
{
    return weight >= HTTP_CODING_UNNAMED && weight <= 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *line = malloc(bytes + 1);
    FUZZ_HOLDS(line != NULL);
    memcpy(line, data, bytes);
    line[bytes] = '\0';
    struct http_accept_coding accept = HTTP_ACCEPT_CODING_NONE;
    http_accept_coding_take(&accept, line);
    FUZZ_HOLDS(is_weight(accept.gzip) && is_weight(accept.identity) &&
               is_weight(accept.any));
    enum http_wish wish = http_accept_coding_wish(&accept);
    if (strcasestr(line, "gzip") == NULL && strchr(line, '*') == NULL)
        FUZZ_HOLDS(wish == HTTP_WISH_IDENTITY);
    http_accept_coding_take(&accept, "gzip;q=0");
    FUZZ_HOLDS(http_accept_coding_wish(&accept) == HTTP_WISH_IDENTITY);
    free(line);
    return 0;
}
