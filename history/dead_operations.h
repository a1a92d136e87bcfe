#ifndef FLIXTUBE_HISTORY_DEAD_OPERATIONS_H
#define FLIXTUBE_HISTORY_DEAD_OPERATIONS_H

#include "buffer.h"
#include "dead_queue.h"

/*
 * What operators do with dead letters, by `history dead` and by HTTP, each in
 * a session of its own (dead_queue.h).
 */
enum {
    DEAD_LIST_DEFAULT = 100,
    DEAD_LIST_MAX = 1000,
    DEAD_IDS_MAX = 1000,    /* named in one call */
    DEAD_BODY_SHOWN = 2048, /* bytes of a body in a list; the rest is cut */
};

/* Hands at most `limit` letters to `letter`. *ret_more: there
 * are more. Errors: dead_queue_next()'s. */
enum result dead_list(const struct amqp_options *amqp, size_t limit,
                      void (*letter)(void *context,
                                     const struct dead_found *found),
                      void *context, bool *ret_more, struct fault *fault);

/* Hands the letter over. Errors: RESULT_NOT_FOUND. */
enum result dead_show(const struct amqp_options *amqp, const struct uuid *id,
                      void (*letter)(void *context,
                                     const struct dead_found *found),
                      void *context, struct fault *fault);

enum dead_act {
    DEAD_RETRY,
    DEAD_DISCARD,
};

/* ids[0..count), or all of them. */
struct dead_wish {
    enum dead_act act;
    bool all;
    size_t count;
    struct uuid ids[DEAD_IDS_MAX];
};

/* What became of a letter: RESULT_OK, RESULT_NOT_FOUND, or why it stayed. */
struct dead_outcome {
    struct uuid id;
    enum result result;
    struct fault why;
};

/*
 * Does it, and reports each letter that was named or met. What was done before
 * an error stays done. Errors: RESULT_UNAVAILABLE.
 */
enum result
dead_do(const struct amqp_options *amqp, const struct dead_wish *wish,
        void (*outcome)(void *context, const struct dead_outcome *outcome),
        void *context, struct fault *fault);

/* {"id":…,"reason":…,…}; a body longer than body_bytes_max is cut. */
void dead_json_letter(struct buffer *buffer, const struct dead_found *found,
                      size_t body_bytes_max);

/* {"id":…,"outcome":"done"|"not found"|"refused","why":…} */
void dead_json_outcome(struct buffer *buffer,
                       const struct dead_outcome *outcome);

#endif
