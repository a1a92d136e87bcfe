#ifndef FLIXTUBE_HISTORY_DRILL_RESULT_H
#define FLIXTUBE_HISTORY_DRILL_RESULT_H

#include "buffer.h"
#include "drill.h"

/*
 * The last drill's result, in a file beside the store, so that the service can
 * show it: `HISTORY_DB`-drill, one line of numbers.
 */

/* Errors: RESULT_UNAVAILABLE, RESULT_UNUSABLE (the path is too long). */
enum result drill_result_write(const char *store,
                               const struct drill_report *report,
                               struct fault *fault);

/* history_last_drill_…, nothing where there was no drill. Reads the file. */
void drill_result_metrics(const char *store, struct buffer *buffer);

/* {"at":…,"passed":…,…}, or null where there was none. Reads the file. */
void drill_result_json(const char *store, struct buffer *buffer);

#endif
