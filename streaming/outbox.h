#ifndef FLIXTUBE_STREAMING_OUTBOX_H
#define FLIXTUBE_STREAMING_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"
#include "uuid.h"
#include "viewed_message.h"

/*
 * Accepted views on disk until the broker has them. A view is accepted when
 * outbox_accept() returned RESULT_OK, and leaves only by outbox_remove(). All
 * writes go through one thread, in batches: many acceptances, one sync.
 */
struct outbox;

enum {
    OUTBOX_PAGE_ROWS = 256,
    OUTBOX_BODY_BYTES_MAX = 8 * 1024, /* what viewed_encode() can need */
};

struct outbox_config {
    const char *path;
    int64_t recall_ms; /* how long a counted session is remembered */
    /* Called on the writer's thread after a commit with new views. */
    void (*accepted)(void *context);
    void *accepted_context;
    /* Called once, on the writer's thread, after a failed sync: the process
     * must end. Nothing is accepted from then on. May be NULL. */
    void (*lost)(void *context, const char *why);
    void *lost_context;
};

/* A waiting view as the publisher takes it. */
struct outbox_row {
    int64_t seq;
    struct uuid id;
    int64_t viewed_at_ms;
    size_t body_bytes;
    char body[OUTBOX_BODY_BYTES_MAX];
};

struct outbox_stats {
    int64_t depth;     /* views that wait */
    int64_t oldest_ms; /* when the oldest was accepted; 0: none waits */
};

/* Errors: RESULT_UNAVAILABLE, RESULT_UNUSABLE, in words. */
enum result outbox_open(const struct outbox_config *config, struct outbox **ret,
                        struct fault *fault);
/* Writes what is under way, closes. NULL is fine. */
enum result outbox_close(struct outbox *outbox, struct fault *fault);

/* From when on `accepted` is called; before any outbox_accept(). */
void outbox_on_accepted(struct outbox *outbox, void (*accepted)(void *context),
                        void *context);

/*
 * Stores the view and that its session has counted, in one transaction, and
 * waits until both are on disk. Any thread.
 * Errors: RESULT_UNAVAILABLE, RESULT_LIMIT (too many waiting to be written),
 * RESULT_STOPPED: it is not accepted.
 */
enum result outbox_accept(struct outbox *outbox, const struct viewed *viewed);

/* Notes that a counted session goes on. Not waited for; any thread. */
void outbox_touch(struct outbox *outbox, const struct uuid *viewer,
                  const char *video, int64_t now_ms);

/* sessions.h's recall: RESULT_NOT_FOUND where none is remembered. */
enum result outbox_recall(void *outbox, const struct uuid *viewer,
                          const char *video, int64_t now_ms,
                          struct uuid *ret_session, struct fault *fault);

/* Up to `count` rows after `after`, in order. The publisher's thread. */
enum result outbox_read(struct outbox *outbox, int64_t after,
                        struct outbox_row *rows, size_t count,
                        size_t *ret_count, struct fault *fault);

/*
 * Removes what the broker has confirmed, soon; what cannot be removed now is
 * tried again with the next call, or when views are accepted again. Any
 * thread.
 */
void outbox_remove(struct outbox *outbox, const int64_t *seqs, size_t count);

/* False, with the reason, while views cannot be accepted; it finds out by
 * itself, within 10 s, when they can be again. Any thread. */
bool outbox_works(struct outbox *outbox, struct fault *ret_why);

/* Any thread. */
void outbox_stats(struct outbox *outbox, struct outbox_stats *ret);

#endif
