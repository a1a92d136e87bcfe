#ifndef FLIXTUBE_HISTORY_IMPORT_H
#define FLIXTUBE_HISTORY_IMPORT_H

#include "config.h"
#include "import_items.h"
#include "import_view.h"
#include "store_import.h"

/*
 * Brings the views of a file of another program, or of an export of ours, into
 * a store, under a name by which they can be taken back. What the store has
 * stays as it is, so an import can be repeated and stopped.
 *
 * A store that no service has open is written to, in batches. A store that one
 * has open has one writer, the service: there each batch goes to it by POST
 * /imports/{name}. A dry run only looks, in both cases.
 */
struct import_counts {
    int64_t read; /* items */
    int64_t added;
    int64_t known;
    int64_t erased; /* refused, as of an erased user; so the next */
    int64_t removed;
    int64_t paused;
    int64_t expired;
    int64_t skipped[IMPORT_SKIPS];
};

struct import_progress {
    struct import_counts counts;
    enum import_format format;
    int64_t elapsed_ms;
    bool by_service; /* a service has the store open */
    bool uncounted;  /* a dry run that could not keep all ids in mind */
};

struct import_options {
    const struct config *config; /* the store, and where the service listens */
    const char *name;            /* a good one: store_import.h */
    enum import_format format;   /* IMPORT_UNKNOWN: by its content */
    const char *user_id;         /* "": as the items say */
    bool dry_run; /* looks, writes nothing; the store may be missing */
    import_read read;
    void *read_context;
    /* Called now and then, between items. True ends it: RESULT_STOPPED. */
    bool (*progress)(void *context, const struct import_progress *progress);
    void *context;
};

int64_t import_refused(const struct import_counts *counts);
int64_t import_skipped(const struct import_counts *counts);

/*
 * *ret tells how far it came, after an error too: what was read before it is
 * stored. Errors: RESULT_MALFORMED (a bad item, named in the fault; a format
 * that is not known), RESULT_LIMIT (a user is to be said and was not: nothing
 * was stored), RESULT_UNAVAILABLE, RESULT_UNUSABLE, RESULT_STOPPED;
 * RESULT_NOT_FOUND (the store or its service was not reached at all).
 */
enum result import_run(const struct import_options *options,
                       struct import_progress *ret, struct fault *fault);

/* Takes back what the import of that name added, in the file or by the service.
 * *ret_views: how many. Errors: RESULT_NOT_FOUND (no such import),
 * RESULT_LIMIT (the service does not let us), RESULT_UNAVAILABLE,
 * RESULT_UNUSABLE. */
enum result import_undo(const struct config *config, const char *name,
                        int64_t *ret_views, struct fault *fault);

/* For the two of them: one request to the service that has the store open, as
 * an operator. `body` may be NULL. Errors: RESULT_UNAVAILABLE. */
enum result import_ask(const struct config *config, const char *method,
                       const char *name, const struct buffer *body,
                       unsigned *ret_status, struct buffer *answer,
                       struct fault *fault);

#endif
