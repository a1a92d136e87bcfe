/* uuid_parse(): what it takes formats to the same text but for its case. */
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *text = (const char *)data;
    struct uuid uuid;
    if (!uuid_parse(text, bytes, &uuid))
        return 0;
    FUZZ_HOLDS(bytes == UUID_TEXT_BYTES - 1);
    char formatted[UUID_TEXT_BYTES];
    uuid_format(&uuid, formatted);
    FUZZ_HOLDS(strncasecmp(formatted, text, bytes) == 0);
    struct uuid again;
    FUZZ_HOLDS(uuid_parse(formatted, bytes, &again));
    FUZZ_HOLDS(memcmp(&again, &uuid, sizeof uuid) == 0);
    return 0;
}
