/*
 * range_parse(): a partial range lies inside of the file, nothing else is
 * written, and a range that is written out reads as itself. The input is the
 * file's size in eight bytes, then the header.
 */
#include <inttypes.h>
#include <string.h>

#include "fuzz.h"
#include "range.h"

enum {
    HEADER_BYTES_MAX = 4096,
};

static void reads_as_itself(struct byte_range range, uint64_t file_bytes)
{
    char header[64];
    (void)snprintf(header, sizeof header, "bytes=%" PRIu64 "-%" PRIu64,
                   range.first, range.last);
    struct byte_range again;
    FUZZ_HOLDS(range_parse(header, file_bytes, &again) == RANGE_PARTIAL);
    FUZZ_HOLDS(again.first == range.first && again.last == range.last);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint64_t file_bytes = 0;
    char header[HEADER_BYTES_MAX + 1];
    if (bytes < sizeof file_bytes ||
        bytes - sizeof file_bytes > HEADER_BYTES_MAX)
        return 0;
    memcpy(&file_bytes, data, sizeof file_bytes);
    memcpy(header, data + sizeof file_bytes, bytes - sizeof file_bytes);
    header[bytes - sizeof file_bytes] = '\0';

    struct byte_range range = {1, 0};
    enum range_kind kind = range_parse(header, file_bytes, &range);
    if (kind != RANGE_PARTIAL) {
        FUZZ_HOLDS(range.first == 1 && range.last == 0);
        return 0;
    }
    FUZZ_HOLDS(range.first <= range.last);
    FUZZ_HOLDS(range.last < file_bytes);
    reads_as_itself(range, file_bytes);
    return 0;
}
