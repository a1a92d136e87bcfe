#include "report_text.h"

#include <stddef.h>
#include <string.h>

#include "clock.h"
#include "json_write.h"
#include "terminal_text.h"

/* One number of a report, under its two names. */
struct number {
    const char *words;
    const char *name;
    size_t offset;
};

#define NUMBER(words, name, member)                                            \
    {                                                                          \
        words, name, offsetof(struct store_report, member)                     \
    }

static const struct number numbers[] = {
    NUMBER("version", "version", version),
    NUMBER("views", "views", views),
    NUMBER("without an id", "viewsWithoutId", views_without_id),
    NUMBER("mark of the index", "mark", mark),
    NUMBER("entries up to it", "entries", entries),
    NUMBER("checkpoint", "checkpoint", contained),
};

static const struct number times[] = {
    NUMBER("first view", "firstViewedAt", first_viewed_ms),
    NUMBER("last view", "lastViewedAt", last_viewed_ms),
    NUMBER("last received", "lastReceivedAt", last_received_ms),
};

enum {
    NUMBERS = sizeof numbers / sizeof numbers[0],
    TIMES = sizeof times / sizeof times[0],
};

static int64_t value_of(const struct store_report *report,
                        const struct number *number)
{
    return *(const int64_t *)(const void *)((const char *)report +
                                            number->offset);
}

static void line(struct buffer *text, const char *words, const char *value)
{
    buffer_append_format(text, "%-18s ", words);
    terminal_text(text, value, strlen(value), SIZE_MAX);
    buffer_append_text(text, "\n");
}

/* A damaged file may hold any number. */
static bool is_time(int64_t ms)
{
    return ms >= CLOCK_MIN_MS && ms <= CLOCK_MAX_MS;
}

void report_text_write(struct buffer *text, const char *file,
                       const struct store_report *report)
{
    char value[STORE_DIGEST_TEXT_BYTES];
    line(text, "file", file);
    line(text, "good", report->problem[0] == '\0' ? "yes" : "no");
    if (report->problem[0] != '\0')
        line(text, "problem", report->problem);
    for (size_t i = 0; i < NUMBERS; i++)
        buffer_append_format(text, "%-18s %lld\n", numbers[i].words,
                             (long long)value_of(report, &numbers[i]));
    for (size_t i = 0; i < TIMES && report->views > 0; i++) {
        if (!is_time(value_of(report, &times[i])))
            continue;
        clock_format(value_of(report, &times[i]), value);
        line(text, times[i].words, value);
    }
    store_digest_format(&report->digest, value);
    line(text, "digest", value);
}

void report_json_write(struct buffer *text, const char *file,
                       const struct store_report *report)
{
    char value[STORE_DIGEST_TEXT_BYTES];
    bool good = report->problem[0] == '\0';
    buffer_append_text(text, "{\"file\":");
    json_write_text(text, file);
    buffer_append_format(text, ",\"good\":%s", good ? "true" : "false");
    if (!good) {
        buffer_append_text(text, ",\"problem\":");
        json_write_text(text, report->problem);
    }
    for (size_t i = 0; i < NUMBERS; i++)
        buffer_append_format(text, ",\"%s\":%lld", numbers[i].name,
                             (long long)value_of(report, &numbers[i]));
    for (size_t i = 0; i < TIMES && report->views > 0; i++) {
        if (!is_time(value_of(report, &times[i])))
            continue;
        clock_format(value_of(report, &times[i]), value);
        buffer_append_format(text, ",\"%s\":\"%s\"", times[i].name, value);
    }
    store_digest_format(&report->digest, value);
    buffer_append_format(text, ",\"digest\":\"%s\"}\n", value);
}
