#ifndef FLIXTUBE_HISTORY_LIST_OPTIONS_H
#define FLIXTUBE_HISTORY_LIST_OPTIONS_H

#include <stdbool.h>

#include "buffer.h"
#include "result.h"
#include "row_json.h"

/* How the answer to GET /history is written; what is in it is the query's. */
enum list_format {
    LIST_JSON,   /* a page, with where the next one is */
    LIST_NDJSON, /* a row a line; all rows, or as many as `limit` says */
    LIST_CSV,    /* RFC 4180, with a head; likewise */
};

struct list_options {
    enum list_format format;
    unsigned fields;  /* enum row_field, or-ed */
    bool backwards;   /* the cursor is of `prev`: the rows before that place */
    bool limit_given; /* else an export has no end but the list's */
};

/*
 * Pure. `get` finds a parameter's decoded value, or NULL; `accept` is the
 * header's value or NULL, and what it does not know of that it passes over:
 * `format` goes before it. Errors: RESULT_MALFORMED, in words.
 */
enum result list_options_read(const char *(*get)(const void *context,
                                                 const char *name),
                              const void *context, const char *accept,
                              struct list_options *ret, struct fault *fault);

/* What a link to another page of this answer needs: "&fields=…", or nothing. */
void list_options_link(const struct list_options *options,
                       struct buffer *buffer);

#endif
