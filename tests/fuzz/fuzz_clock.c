/* clock_parse(): what it takes formats to a text that it takes as the same. */
#include <string.h>

#include "clock.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *text = (const char *)data;
    const int64_t before = INT64_MIN;
    int64_t ms = before;
    if (!clock_parse(text, bytes, &ms)) {
        FUZZ_HOLDS(ms == before);
        return 0;
    }
    FUZZ_HOLDS(bytes >= strlen("2026-01-31T12:00:00Z"));
    FUZZ_HOLDS(ms >= CLOCK_MIN_MS && ms <= CLOCK_MAX_MS);
    char formatted[CLOCK_TEXT_BYTES];
    clock_format(ms, formatted);
    FUZZ_HOLDS(strlen(formatted) == CLOCK_TEXT_BYTES - 1);
    int64_t again;
    FUZZ_HOLDS(clock_parse(formatted, CLOCK_TEXT_BYTES - 1, &again));
    FUZZ_HOLDS(again == ms);
    return 0;
}
