#ifndef FLIXTUBE_HISTORY_LIST_REQUEST_H
#define FLIXTUBE_HISTORY_LIST_REQUEST_H

#include "buffer.h"
#include "http_query.h"
#include "store.h"

enum {
    LIST_LIMIT_DEFAULT = 100,
};

/*
 * The parameters of GET /history. Pure: `get` finds a parameter's decoded
 * value, or NULL; the texts of *ret are the ones it answered.
 * Errors: RESULT_MALFORMED, naming the parameter and its limits; nothing is
 * clamped.
 */
enum result list_request_read(const char *(*get)(const void *context,
                                                 const char *name),
                              const void *context, struct store_query *ret,
                              struct fault *fault);

/* "/history?userId=…&limit=…&cursor=…": the page after `last`. */
void list_request_next(const struct store_query *query,
                       const struct store_place *last, struct buffer *buffer);

#endif
