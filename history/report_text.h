#ifndef FLIXTUBE_HISTORY_REPORT_TEXT_H
#define FLIXTUBE_HISTORY_REPORT_TEXT_H

#include "buffer.h"
#include "store_verify.h"

/* A line each for people: "views            50000". Failure is the buffer's. */
void report_text_write(struct buffer *text, const char *file,
                       const struct store_report *report);

/* The same as one JSON object and a newline; what is absent is left out. */
void report_json_write(struct buffer *text, const char *file,
                       const struct store_report *report);

#endif
