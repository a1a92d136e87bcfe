#ifndef FLIXTUBE_HISTORY_LIVE_RING_H
#define FLIXTUBE_HISTORY_LIVE_RING_H

#include "live_event.h"
#include "siphash.h"

/*
 * The latest events, encoded once for all readers. Full of events or of bytes:
 * the oldest go. Each has a number, one more than the one before it. Not for
 * two threads at once.
 */
enum {
    LIVE_RING_EVENTS = 8192,
    LIVE_RING_BYTES = 8 << 20, /* some 400 bytes an event */
};

struct live_filter {
    char user_id[VIEWED_USER_BYTES_MAX + 1]; /* "": all, so below */
    char video_id[VIEWED_VIDEO_BYTES_MAX + 1];
    bool session_given;
    struct uuid session_id;
    /* live_filter_ready() sets them. */
    uint64_t user_hash;
    uint64_t video_hash;
};

struct live_event {
    char *text; /* NULL: it was about who is erased now */
    uint32_t bytes;
    bool note; /* erased: no view */
    bool session_given;
    uint64_t user_hash;  /* 0: none */
    uint64_t video_hash; /* likewise */
    struct uuid session_id;
    struct live_place place; /* of a note: of the view before it */
};

struct live_ring {
    struct live_event events[LIVE_RING_EVENTS];
    uint64_t first; /* numbers: [first, next) are there */
    uint64_t next;
    size_t bytes;
    struct live_place before; /* of what came before `first` */
    struct live_place end;    /* of the last view that came */
    struct buffer scratch;
    struct siphash_key key; /* nobody can pick texts whose hashes collide */
};

/* Errors: RESULT_UNAVAILABLE (the system gives no random bytes). */
enum result live_ring_init(struct live_ring *ring, struct fault *fault);
void live_ring_done(struct live_ring *ring);

/* Empty, and what comes next comes after `end`. */
void live_ring_restart(struct live_ring *ring, const struct live_place *end);

/* False without memory: the ring is then empty, after this view. */
bool live_ring_add_view(struct live_ring *ring, const struct store_row *row);

/* Takes what the ring has of that user out of it and adds a note.
 * What there is no memory for is not told. */
void live_ring_add_erased(struct live_ring *ring, const char *user_id);

/* The same of the view at `seq`. */
void live_ring_add_deleted(struct live_ring *ring, const char *user_id,
                           int64_t seq, const struct uuid *id);

const struct live_event *live_ring_at(const struct live_ring *ring,
                                      uint64_t number);

/* The number of the first event after that place; false where some of what
 * came after it has gone. */
bool live_ring_find(const struct live_ring *ring, int64_t seq, uint64_t *ret);

void live_filter_ready(struct live_filter *filter,
                       const struct live_ring *ring);
bool live_filter_takes(const struct live_filter *filter,
                       const struct live_event *event);
bool live_filter_takes_row(const struct live_filter *filter,
                           const struct store_row *row);

#endif
