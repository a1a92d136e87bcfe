#ifndef FLIXTUBE_HISTORY_STREAM_LOG_H
#define FLIXTUBE_HISTORY_STREAM_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp_link.h"
#include "ingest.h"
#include "store.h"

/*
 * Reads the stream viewed.log, which keeps every message that came to the
 * exchange `viewed`, in order, for a set age and size. Reading takes nothing
 * away, and any number may read. One thread; blocks.
 */
struct stream_log;

struct stream_message {
    int64_t offset;
    int64_t hash; /* of the message: tells two streams apart */
    const struct amqp_event *event;
};

/*
 * Begins at `from`: "first", "last", an offset, or "@" and seconds since 1970.
 * What is before the first message that is still kept begins there. On success
 * the caller owns *ret. Errors: RESULT_UNAVAILABLE.
 */
enum result stream_log_open(const struct amqp_options *amqp, const char *from,
                            struct stream_log **ret, struct fault *fault);

/* The next message, or RESULT_NOT_FOUND when none came within wait_ms. The
 * message is the log's until the next call. Errors: RESULT_UNAVAILABLE. */
enum result stream_log_next(struct stream_log *log, uint32_t wait_ms,
                            struct stream_message *ret, struct fault *fault);

void stream_log_close(struct stream_log *log); /* NULL is fine */

/*
 * The last offset there is; -1 when nothing came within wait_ms, as from an
 * empty stream. A stream says its end nowhere: its last chunk is read until
 * nothing more comes, for a third of a second. So it may be later than the end
 * at the time of the call, and is never before it. Errors: RESULT_UNAVAILABLE.
 */
enum result stream_log_end(const struct amqp_options *amqp, uint32_t wait_ms,
                           int64_t *ret_end, struct fault *fault);

enum {
    STREAM_LOG_WAIT_MS = 5 * 1000, /* for a first message, on a busy broker */
};

/*
 * The first offset at or after a time; one beyond the end when all is before.
 * The broker finds times by its chunks, so it may be some messages early.
 */
enum result stream_log_at(const struct amqp_options *amqp, int64_t time_ms,
                          int64_t *ret_offset, struct fault *fault);

/*
 * The view of a message, as the consumer of history.viewed would read it, but
 * for one that has no id: it gets one that is made of the message and its
 * offset, so that it is the same at each replay (from the queue it has got
 * another, so a replay adds it once more: without an id it is stored at least
 * once). Errors: RESULT_MALFORMED, no view; RESULT_UNAVAILABLE.
 */
enum result stream_log_view(const struct stream_message *message,
                            struct viewed *ret, struct fault *fault);

#endif
