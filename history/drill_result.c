#include "drill_result.h"

#include <inttypes.h>
#include <stdio.h>

#include "clock.h"
#include "decimal.h"
#include "json_write.h"
#include "metrics.h"

struct line {
    int64_t at_ms;
    bool passed;
    int64_t recovery_ms;
    int64_t point_ms;
    int64_t wrong; /* views */
};

enum result drill_result_write(const char *path,
                               const struct drill_report *report,
                               struct fault *fault)
{
    const struct store_comparison *c = &report->comparison;
    char line[STORE_DRILLED_BYTES]; /* five integers of 20 digits */
    (void)snprintf(line, sizeof line,
                   "%" PRId64 " %d %" PRId64 " %" PRId64 " %" PRId64,
                   report->started_ms, report->passed,
                   report->restore_ms + report->replay_ms, report->point_ms,
                   c->lost + c->missing + c->altered);
    return store_note_drilled(path, line, fault);
}

static bool read_line(struct store *store, struct line *ret)
{
    char text[STORE_DRILLED_BYTES];
    struct line line;
    int64_t passed = 0;
    const char *at = text;
    if (store_drilled(store, text, NULL) != RESULT_OK ||
        !decimal_take(&at, &line.at_ms) || !decimal_take(&at, &passed) ||
        !decimal_take(&at, &line.recovery_ms) ||
        !decimal_take(&at, &line.point_ms) || !decimal_take(&at, &line.wrong))
        return false;
    line.passed = passed != 0;
    *ret = line;
    return true;
}

void drill_result_metrics(struct store *store, struct buffer *buffer)
{
    struct line line;
    if (!read_line(store, &line))
        return;
    metrics_write_gauge(buffer, "history_last_drill_timestamp_seconds",
                        "When the last recovery drill began.",
                        line.at_ms / 1000);
    metrics_write_gauge(buffer, "history_last_drill_passed",
                        "1 where it passed.", line.passed);
    metrics_write_gauge(buffer, "history_last_drill_recovery_milliseconds",
                        "How long restore and replay took.", line.recovery_ms);
    metrics_write_gauge(buffer,
                        "history_last_drill_recovery_point_timestamp_seconds",
                        "All that was received before would have come back.",
                        line.point_ms / 1000);
    metrics_write_gauge(buffer, "history_last_drill_wrong_views",
                        "Views that were lost, missing or altered.",
                        line.wrong);
}

static bool is_time(int64_t ms)
{
    return ms >= CLOCK_MIN_MS && ms <= CLOCK_MAX_MS;
}

void drill_result_json(struct store *store, struct buffer *buffer)
{
    struct line line;
    char at[CLOCK_TEXT_BYTES];
    if (!read_line(store, &line) || !is_time(line.at_ms)) {
        buffer_append_text(buffer, "null");
        return;
    }
    clock_format(line.at_ms, at);
    buffer_append_format(
        buffer, "{\"at\":\"%s\",\"passed\":%s,\"recoverySeconds\":", at,
        line.passed ? "true" : "false");
    json_write_seconds(buffer, line.recovery_ms);
    if (line.point_ms > 0 && is_time(line.point_ms)) {
        clock_format(line.point_ms, at);
        buffer_append_format(buffer, ",\"recoveryPointAt\":\"%s\"", at);
    }
    buffer_append_format(buffer, ",\"wrongViews\":%" PRId64 "}", line.wrong);
}
