/* trace_parent_parse(): what it takes formats to the same text, and back. */
#include <string.h>

#include "fuzz.h"
#include "trace_parent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *text = (const char *)data;
    struct trace_parent trace = {.given = false};
    if (!trace_parent_parse(text, bytes, &trace)) {
        FUZZ_HOLDS(!trace.given);
        return 0;
    }
    FUZZ_HOLDS(trace.given && bytes == TRACE_PARENT_TEXT_BYTES - 1);
    char formatted[TRACE_PARENT_TEXT_BYTES];
    trace_parent_format(&trace, formatted);
    FUZZ_HOLDS(memcmp(formatted, text, bytes) == 0);
    struct trace_parent again =
        trace_parent_of_bytes(trace.bytes, sizeof trace.bytes);
    FUZZ_HOLDS(again.given);
    FUZZ_HOLDS(memcmp(again.bytes, trace.bytes, sizeof again.bytes) == 0);
    return 0;
}
