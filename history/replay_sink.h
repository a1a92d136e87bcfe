#ifndef FLIXTUBE_HISTORY_REPLAY_SINK_H
#define FLIXTUBE_HISTORY_REPLAY_SINK_H

#include "replay.h"
#include "store.h"
#include "stream_log.h"

/*
 * Where a replay's views go: into a file, to the queue of the service that has
 * the file open, or nowhere (a dry run). One thread.
 */
struct replay_sink;

/* Errors: store_open()'s, store_look_open()'s, amqp_link_open()'s. */
enum result replay_sink_open(const struct replay_options *options,
                             struct replay_sink **ret, bool *ret_by_queue,
                             struct fault *fault);

struct store_contained replay_sink_contained(const struct replay_sink *sink);

/* Takes the view; it is settled by the next flush at the latest. */
enum result replay_sink_take(struct replay_sink *sink,
                             const struct stream_message *message,
                             const struct viewed *viewed,
                             struct replay_progress *progress,
                             struct fault *fault);

/* Settles all that was taken, with `contained` (NULL: none to note). */
enum result replay_sink_flush(struct replay_sink *sink,
                              const struct store_contained *contained,
                              struct replay_progress *progress,
                              struct fault *fault);

/* Flushed before. Waits until a service has what was published to it, brings
 * a file in order. NULL is fine. Errors: RESULT_UNAVAILABLE. */
enum result replay_sink_close(struct replay_sink *sink, struct fault *fault);

enum {
    REPLAY_BATCH = STORE_BATCH_MAX, /* views between two flushes */
};

#endif
