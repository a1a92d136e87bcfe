#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "env.h"
#include "utf8.h"

enum {
    PROGRAM_BYTES_MAX = 32,
    ESCAPE_BYTES_MAX = 6, /* \u001f */
    /* Kept free for what ends a line that was cut: ` cut=true` or
     * `,"cut":true}`, and the newline. */
    TAIL_BYTES = 16,
};

/* Set once by log_start(), before any thread. */
static struct {
    bool json;
    enum log_level level;
    char program[PROGRAM_BYTES_MAX];
} settings = {.level = LOG_INFO, .program = "flixtube"};

static const char *const level_texts[] = {"debug", "info", "warn", "error"};

struct log_field log_text(const char *key, const char *value)
{
    return (struct log_field){.kind = LOG_KIND_TEXT, .key = key, .text = value};
}

struct log_field log_int(const char *key, int64_t value)
{
    return (struct log_field){
        .kind = LOG_KIND_INTEGER, .key = key, .integer = value};
}

struct log_field log_end(void)
{
    return (struct log_field){.kind = LOG_KIND_END};
}

static enum result read_level(struct fault *fault, enum log_level *ret)
{
    char text[PROGRAM_BYTES_MAX];
    enum result result =
        env_text("LOG_LEVEL", "info", text, sizeof text, fault);
    if (result != RESULT_OK)
        return result;
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        if (strcmp(text, level_texts[i]) == 0) {
            *ret = (enum log_level)i;
            return RESULT_OK;
        }
    }
    return fault_set(fault, RESULT_MALFORMED,
                     "LOG_LEVEL must be debug, info, warn or error, not \"%s\"",
                     text);
}

static enum result read_format(struct fault *fault, bool *ret_json)
{
    char text[PROGRAM_BYTES_MAX];
    enum result result =
        env_text("LOG_FORMAT", "text", text, sizeof text, fault);
    if (result != RESULT_OK)
        return result;
    *ret_json = strcmp(text, "json") == 0;
    if (*ret_json || strcmp(text, "text") == 0)
        return RESULT_OK;
    return fault_set(fault, RESULT_MALFORMED,
                     "LOG_FORMAT must be text or json, not \"%s\"", text);
}

enum result log_start(const char *program, struct fault *fault)
{
    bool json = false;
    enum log_level level = LOG_INFO;
    enum result result = read_format(fault, &json);
    if (result == RESULT_OK)
        result = read_level(fault, &level);
    if (result != RESULT_OK)
        return result;
    settings.json = json;
    settings.level = level;
    (void)snprintf(settings.program, sizeof settings.program, "%s", program);
    return RESULT_OK;
}

/* A line that fills up to a limit; units (a character, an escape) go in whole
 * or not at all, so that a cut line is still well-formed. */
struct line {
    char data[LOG_LINE_BYTES];
    size_t bytes;
    size_t limit_bytes;
    bool cut;
};

static bool put(struct line *line, const char *data, size_t bytes)
{
    if (line->cut || bytes > line->limit_bytes - line->bytes) {
        line->cut = true;
        return false;
    }
    memcpy(line->data + line->bytes, data, bytes);
    line->bytes += bytes;
    return true;
}

static bool put_text(struct line *line, const char *text)
{
    return put(line, text, strlen(text));
}

/* C1 controls (U+0080 to U+009F) drive terminals as C0 ones do. */
static bool is_c1(const char *text, size_t length)
{
    return length == 2 && (unsigned char)text[0] == 0xc2 &&
           (unsigned char)text[1] < 0xa0;
}

/* What a byte or sequence that cannot go in as it is looks like. */
static int make_escape(char escape[ESCAPE_BYTES_MAX + 1], const char *text,
                       size_t length)
{
    unsigned char byte = (unsigned char)text[0];
    size_t size = ESCAPE_BYTES_MAX + 1;
    if (length == 0) /* a byte that is not UTF-8 */
        return settings.json ? snprintf(escape, size, "\\ufffd")
                             : snprintf(escape, size, "\\x%02x", byte);
    if (is_c1(text, length))
        return snprintf(escape, size, "\\u%04x", (unsigned char)text[1]);
    switch (byte) {
    case '\n':
        return snprintf(escape, size, "\\n");
    case '\r':
        return snprintf(escape, size, "\\r");
    case '\t':
        return snprintf(escape, size, "\\t");
    case '"':
    case '\\':
        return snprintf(escape, size, "\\%c", byte);
    default:
        return snprintf(escape, size, settings.json ? "\\u%04x" : "\\x%02x",
                        byte);
    }
}

static bool needs_escape(const char *text, size_t length)
{
    unsigned char byte = (unsigned char)text[0];
    return length == 0 || byte < 0x20 || byte == 0x7f || byte == '"' ||
           byte == '\\' || is_c1(text, length);
}

static void put_escaped(struct line *line, const char *text)
{
    size_t bytes = strlen(text);
    for (size_t at = 0; at < bytes;) {
        size_t length = utf8_sequence(text + at, bytes - at);
        bool put_it;
        if (needs_escape(text + at, length)) {
            char escape[ESCAPE_BYTES_MAX + 1];
            int escaped = make_escape(escape, text + at, length);
            put_it = put(line, escape, (size_t)escaped);
        } else {
            put_it = put(line, text + at, length);
        }
        if (!put_it)
            return;
        at += length > 0 ? length : 1;
    }
}

static void put_quoted(struct line *line, const char *text)
{
    if (line->limit_bytes - line->bytes < 2) {
        line->cut = true;
        return;
    }
    line->limit_bytes--; /* the closing quote's place */
    bool opened = put(line, "\"", 1);
    put_escaped(line, text);
    line->limit_bytes++;
    if (opened)
        line->data[line->bytes++] = '"';
}

static bool needs_quotes(const char *text)
{
    size_t bytes = strlen(text);
    if (bytes == 0)
        return true;
    for (size_t at = 0; at < bytes;) {
        size_t length = utf8_sequence(text + at, bytes - at);
        if (text[at] == ' ' || text[at] == '=' ||
            needs_escape(text + at, length))
            return true;
        at += length;
    }
    return false;
}

static void put_value(struct line *line, const struct log_field *field)
{
    if (field->kind == LOG_KIND_INTEGER) {
        char digits[24];
        (void)snprintf(digits, sizeof digits, "%" PRId64, field->integer);
        (void)put_text(line, digits);
        return;
    }
    const char *text = field->text != NULL ? field->text : "";
    if (settings.json || needs_quotes(text))
        put_quoted(line, text);
    else
        put_escaped(line, text);
}

/* Key and value together or neither; only a text may be cut within. */
static void put_field(struct line *line, const struct log_field *field)
{
    size_t before = line->bytes;
    bool whole_key =
        settings.json ? put_text(line, ",\"") && put_text(line, field->key) &&
                            put_text(line, "\":")
                      : put_text(line, " ") && put_text(line, field->key) &&
                            put_text(line, "=");
    size_t value_at = line->bytes;
    if (whole_key)
        put_value(line, field);
    if (line->bytes == value_at)
        line->bytes = before;
}

static void put_start(struct line *line, enum log_level level,
                      const char *message)
{
    char now[CLOCK_TEXT_BYTES];
    clock_format(clock_now_ms(), now);
    if (!settings.json) {
        (void)(put_text(line, now) && put_text(line, " ") &&
               put_text(line, level_texts[level]) && put_text(line, " "));
        put_escaped(line, message);
        return;
    }
    (void)(put_text(line, "{\"ts\":\"") && put_text(line, now) &&
           put_text(line, "\",\"level\":\"") &&
           put_text(line, level_texts[level]) &&
           put_text(line, "\",\"program\":"));
    put_quoted(line, settings.program);
    (void)put_text(line, ",\"msg\":");
    put_quoted(line, message);
}

static void put_end(struct line *line)
{
    const char *end = settings.json ? "}\n" : "\n";
    if (line->cut)
        end = settings.json ? ",\"cut\":true}\n" : " cut=true\n";
    line->cut = false;
    line->limit_bytes = sizeof line->data;
    (void)put_text(line, end);
}

bool log_takes(enum log_level level)
{
    return level >= settings.level;
}

void log_write(enum log_level level, const char *message, ...)
{
    if (!log_takes(level))
        return;
    int errno_before = errno;
    struct line line;
    line.bytes = 0;
    line.limit_bytes = sizeof line.data - TAIL_BYTES;
    line.cut = false;
    put_start(&line, level, message);
    va_list fields;
    va_start(fields, message);
    for (;;) {
        struct log_field field = va_arg(fields, struct log_field);
        if (field.kind == LOG_KIND_END)
            break;
        put_field(&line, &field);
    }
    va_end(fields);
    put_end(&line);
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line.data, line.bytes);
    } while (written < 0 && errno == EINTR);
    /* A log that cannot be written has nowhere to say so. */
    errno = errno_before;
}
