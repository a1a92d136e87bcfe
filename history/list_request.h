#ifndef FLIXTUBE_HISTORY_LIST_REQUEST_H
#define FLIXTUBE_HISTORY_LIST_REQUEST_H

#include "buffer.h"
#include "http_query.h"
#include "store.h"

enum {
    LIST_LIMIT_DEFAULT = 100,
    /* Numbers, an id, options, and two texts with their NULs. */
    LIST_KEY_BYTES_MAX =
        64 + 16 + 8 + VIEWED_USER_BYTES_MAX + VIEWED_VIDEO_BYTES_MAX + 2,
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

/* A parameter's value by itself, for other routes: a whole number, a text that
 * is not empty, a time. */
enum result list_request_number(const char *name, const char *text,
                                uint32_t min, uint32_t max, uint32_t *ret,
                                struct fault *fault);
enum result list_request_time(const char *name, const char *text, int64_t *ret,
                              struct fault *fault);
enum result list_request_text(const char *name, const char *text,
                              size_t bytes_max, const char **ret,
                              struct fault *fault);

/* What a query asks, as bytes: the same for two queries that ask the same,
 * however they were written. */
struct list_key_text {
    char bytes[LIST_KEY_BYTES_MAX];
    size_t count;
};
void list_request_key(const struct store_query *query,
                      struct list_key_text *ret);

/* "/history?userId=…&limit=…&cursor=…": the page after `last`. */
void list_request_next(const struct store_query *query,
                       const struct store_place *last, struct buffer *buffer);

/* The same for the page that ends before `first`. */
void list_request_prev(const struct store_query *query,
                       const struct store_place *first, struct buffer *buffer);

#endif
