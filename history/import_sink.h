#ifndef FLIXTUBE_HISTORY_IMPORT_SINK_H
#define FLIXTUBE_HISTORY_IMPORT_SINK_H

#include "import.h"
#include "json_read.h"

/*
 * Where an import's views go: into a file, to the service that has it open, or
 * nowhere (a dry run). One thread.
 */
struct import_sink;

enum {
    /* Of 8 bytes: what a dry run remembers of a file's own ids. Of more it
     * tells only what the store has. */
    IMPORT_SEEN_MAX = 4 << 20,
};

/* Errors: store_open()'s, store_look_open()'s. */
enum result import_sink_open(const struct import_options *options,
                             struct import_sink **ret,
                             struct import_progress *progress,
                             struct fault *fault);

/* Takes the view; it is settled by the next flush at the latest. */
enum result import_sink_take(struct import_sink *sink,
                             const struct viewed *viewed,
                             struct import_progress *progress,
                             struct fault *fault);
enum result import_sink_flush(struct import_sink *sink,
                              struct import_progress *progress,
                              struct fault *fault);

/* Brings a file in order. NULL is fine. Errors: RESULT_UNAVAILABLE. */
enum result import_sink_close(struct import_sink *sink, struct fault *fault);

/* A number of the service's answer; 0 where it is not there. */
int64_t import_number(const cJSON *json, const char *name);

#endif
