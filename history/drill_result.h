#ifndef FLIXTUBE_HISTORY_DRILL_RESULT_H
#define FLIXTUBE_HISTORY_DRILL_RESULT_H

#include "buffer.h"
#include "drill.h"
#include "store_drilled.h"

/*
 * The last drill's result, one line of numbers beside the store
 * (store_drilled.h), so that the service can show it.
 */

/* Errors: as store_note_drilled(). */
enum result drill_result_write(const char *path,
                               const struct drill_report *report,
                               struct fault *fault);

/* history_last_drill_…, nothing where there was no drill. */
void drill_result_metrics(struct store *store, struct buffer *buffer);

/* {"at":…,"passed":…,…}, or null where there was none. */
void drill_result_json(struct store *store, struct buffer *buffer);

#endif
