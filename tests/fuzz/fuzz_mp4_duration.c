/* mp4_duration_of_memory(): stays in the data, ends, and says a duration
 * within its limits or that it knows none. */
#include "fuzz.h"
#include "mp4_duration.h"
#include "viewed_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    int64_t ms = mp4_duration_of_memory(data, bytes);
    FUZZ_HOLDS(ms == MP4_DURATION_UNKNOWN ||
               (ms >= 1 && ms < INT64_C(1000) * VIEWED_SECONDS_MAX));
    return 0;
}
