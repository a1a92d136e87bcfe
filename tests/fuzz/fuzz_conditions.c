/*
 * conditions_check() and http_date_parse(): no answer without the header that
 * can cause it, and a date that is read is written and read as the same. The
 * input is five headers, each ended by a line feed; an empty one is absent.
 */
#include <string.h>

#include "conditions.h"
#include "fuzz.h"
#include "http_date.h"

enum {
    INPUT_BYTES_MAX = 4096,
    HEADERS = 5,
    NOW_S = 1767225600,
};

static void date_reads_as_itself(const char *text)
{
    int64_t time_s = 0;
    if (text == NULL || !http_date_parse(text, strlen(text), NOW_S, &time_s))
        return;
    FUZZ_HOLDS(time_s >= HTTP_DATE_MIN_S && time_s <= HTTP_DATE_MAX_S);
    char written[HTTP_DATE_TEXT_BYTES];
    http_date_format(time_s, written);
    int64_t again_s = 0;
    FUZZ_HOLDS(http_date_parse(written, strlen(written), NOW_S, &again_s));
    FUZZ_HOLDS(again_s == time_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char input[INPUT_BYTES_MAX + 1];
    if (bytes > INPUT_BYTES_MAX)
        return 0;
    memcpy(input, data, bytes);
    input[bytes] = '\0';
    const char *headers[HEADERS] = {NULL};
    char *rest = input;
    for (size_t i = 0; i < HEADERS && rest != NULL; i++) {
        const char *header = strsep(&rest, "\n");
        headers[i] = *header == '\0' ? NULL : header;
        date_reads_as_itself(headers[i]);
    }
    const struct conditions conditions = {
        .if_match = headers[0],
        .if_unmodified_since = headers[1],
        .if_none_match = headers[2],
        .if_modified_since = headers[3],
        .if_range = headers[4],
    };
    const struct validators current = {"\"e\"", 784111777};
    switch (conditions_check(&conditions, &current, NOW_S)) {
    case CONDITION_PRECONDITION_FAILED:
        FUZZ_HOLDS(headers[0] != NULL || headers[1] != NULL);
        break;
    case CONDITION_NOT_MODIFIED:
        FUZZ_HOLDS(headers[2] != NULL || headers[3] != NULL);
        break;
    case CONDITION_SERVE_WHOLE:
        FUZZ_HOLDS(headers[4] != NULL);
        break;
    case CONDITION_SERVE:
        break;
    }
    return 0;
}
