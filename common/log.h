#ifndef FLIXTUBE_COMMON_LOG_H
#define FLIXTUBE_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "result.h"

/*
 * Structured lines on standard error, one write() each, from any thread:
 *   2026-01-31T12:00:00.123Z info store opened path=history.db rows=12
 * or, with LOG_FORMAT=json, one JSON object with ts, level, program, msg and
 * the fields. Values are escaped, so no input can forge a line, and bytes that
 * are not UTF-8 are made visible. A line longer than LOG_LINE_BYTES loses its
 * last fields, stays well-formed, and says cut=true.
 * Only programs' top layers log: libraries return a struct fault.
 */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum {
    LOG_LINE_BYTES = 2048,
};

enum log_kind { LOG_KIND_END, LOG_KIND_TEXT, LOG_KIND_INTEGER };

struct log_field {
    enum log_kind kind;
    const char *key;
    const char *text;
    int64_t integer;
};

/* The key is plain: letters, digits, _. NULL as a value reads "". */
struct log_field log_text(const char *key, const char *value);
struct log_field log_int(const char *key, int64_t value);
struct log_field log_end(void);

/*
 * Sets the program's name and reads LOG_FORMAT (text, json) and LOG_LEVEL
 * (debug, info, warn, error). Call once, before any thread starts.
 * Errors: RESULT_MALFORMED for another value of either.
 */
enum result log_start(const char *program, struct fault *fault);

/* Whether lines of that level are written: for what would cost to gather. */
bool log_takes(enum log_level level);

/* The fields follow as struct log_field values, log_end() last. */
void log_write(enum log_level level, const char *message, ...);

/* `log_info("store opened", log_text("path", path), log_end());` */
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
