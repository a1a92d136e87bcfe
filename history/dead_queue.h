#ifndef FLIXTUBE_HISTORY_DEAD_QUEUE_H
#define FLIXTUBE_HISTORY_DEAD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp_link.h"
#include "result.h"
#include "trace_parent.h"
#include "uuid.h"

/*
 * The queue history.viewed.dead as an operator works with it: letters are
 * taken one by one and held; what is neither retried nor discarded goes back
 * as it was when the session closes, or dies; it may then come behind what
 * nobody has looked at. While a session holds a letter, others do not see it.
 *
 * A letter's id is its message-id as history wrote it. What the broker moved
 * by itself (it was rejected, or delivered too often) has no such id: there it
 * is made of the message alone, so that it is the same at each look. Two
 * messages that are alike in every byte then share one, and what is done to
 * the id is done to both.
 *
 * A retry sends the message to the queue history.viewed and no other, so that
 * other services do not see it twice, and removes the letter when the broker
 * has confirmed it. A kill in between leaves the letter, and the next retry
 * sends it again under the same id: it is stored once. A letter that comes
 * back counts its retries, keeps its id and the time when it was first seen.
 *
 * One thread. Blocks for the broker's answers.
 */
struct dead_queue;

enum {
    /* A session looks at no more: each is held by the broker meanwhile. */
    DEAD_QUEUE_LETTERS_MAX = 100000,
    /* A message that failed so often fails again: discard it, or publish what
     * is right in its place. */
    DEAD_QUEUE_RETRIES_MAX = 10,
};

/* The session's, until its next call. */
struct dead_found {
    struct uuid id;
    char reason[AMQP_TEXT_BYTES_MAX];
    char message_id[AMQP_TEXT_BYTES_MAX];      /* of the message; "" for none */
    char content_type[AMQP_TEXT_BYTES_MAX];    /* "" for none */
    char traceparent[TRACE_PARENT_TEXT_BYTES]; /* of the message; "" for none */
    int64_t seen_ms;                           /* first; 0: not known */
    int64_t deliveries;                        /* to history; 0: not known */
    int64_t retries;
    int64_t timestamp_s; /* of the message, 0: not set */
    const char *body;    /* not NUL-terminated; may hold anything */
    size_t body_bytes;
    bool body_cut; /* was longer than AMQP_BODY_BYTES_MAX */
};

/* Connects; declares the topology. On success the caller owns *ret.
 * Errors: RESULT_UNAVAILABLE. */
enum result dead_queue_open(const struct amqp_options *amqp,
                            struct dead_queue **ret, struct fault *fault);

/*
 * The next letter, in the order of the queue. No more than were there at the
 * first call: a letter that comes back is not met again. Errors:
 * RESULT_NOT_FOUND at the end; RESULT_UNAVAILABLE.
 */
enum result dead_queue_next(struct dead_queue *queue,
                            const struct dead_found **ret, struct fault *fault);

/* Removes the letter that dead_queue_next() gave last. */
enum result dead_queue_discard(struct dead_queue *queue, struct fault *fault);

/* Sends it to history again, as above. Errors: RESULT_LIMIT after
 * DEAD_QUEUE_RETRIES_MAX, RESULT_MALFORMED for a body that is cut: the letter
 * stays, and the session goes on. RESULT_UNAVAILABLE: it is over. */
enum result dead_queue_retry(struct dead_queue *queue, struct fault *fault);

void dead_queue_close(struct dead_queue *queue); /* NULL is fine */

#endif
