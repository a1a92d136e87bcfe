/* progress_report_read(): what is taken keeps to the limits, what is refused
 * says why and changes nothing. */
#include <string.h>

#include "fuzz.h"
#include "progress_report.h"
#include "utf8.h"

static void check_seconds(int64_t ms)
{
    FUZZ_HOLDS(ms >= -1 && ms <= VIEWED_SECONDS_MAX * INT64_C(1000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct progress_report report = {.video_id = "untouched"};
    struct fault fault = {""};
    enum result r =
        progress_report_read((const char *)data, bytes, &report, &fault);
    if (r != RESULT_OK) {
        FUZZ_HOLDS(r == RESULT_MALFORMED);
        FUZZ_HOLDS(fault.text[0] != '\0');
        FUZZ_HOLDS(strcmp(report.video_id, "untouched") == 0);
        return 0;
    }
    FUZZ_HOLDS(report.video_id[0] != '\0');
    FUZZ_HOLDS(utf8_is_valid(report.video_id, strlen(report.video_id)));
    FUZZ_HOLDS(report.report.played_ms >= 0);
    check_seconds(report.report.played_ms);
    check_seconds(report.report.position_ms);
    check_seconds(report.report.duration_ms);
    return 0;
}
