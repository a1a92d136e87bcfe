#ifndef FLIXTUBE_HISTORY_LIVE_H
#define FLIXTUBE_HISTORY_LIVE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live_ring.h"

/*
 * Views as they are committed, to any number of readers.
 *
 * The writer only raises a flag after a commit, and nothing while nobody
 * reads. One thread then reads the log on, encodes each view once into a ring
 * and wakes the readers whose filter takes one. It gathers for a while between
 * two rounds (LIVE_GATHER_MS and a tenth of a millisecond a reader), so that a
 * thousand readers cost ten wakings a second each and not one a commit.
 *
 * A reader has a place in the log and no queue. One whose place has left the
 * ring reads on from the store, in short reads that all such readers together
 * spend a quarter of one processor on. So a slow reader costs its connection
 * alone. One that had caught up and then fell LIVE_BEHIND_MAX views behind is
 * told, as its last event, and ended; by its last id it can go on from there.
 *
 * Where other services write to the store too (store_shared_poll_ms()), the log
 * is read on that often while somebody reads, and when one of them has erased
 * or removed anything (store_log_rules_version()), the ring is emptied: readers
 * then go on from the store, which has nothing of it. A reader that comes with
 * a place has that looked up first.
 */
struct live;
struct live_reader;

enum {
    LIVE_GATHER_MS = 5,
    LIVE_BEHIND_MAX = 100000,
};

struct live_config {
    struct store *store; /* open, and outlives it */
    const char *db;      /* its path */
    unsigned readers_max;
    uint32_t heartbeat_ms;
};

struct live_stats {
    unsigned readers;
    uint64_t events;  /* handed out, to whomever */
    uint64_t behind;  /* readers that were ended for it */
    uint64_t refused; /* over readers_max */
};

/* On success the caller owns *ret. Errors: RESULT_UNAVAILABLE,
 * RESULT_UNUSABLE. */
enum result live_start(const struct live_config *config, struct live **ret,
                       struct fault *fault);

/* Ends every stream, after a last event, and refuses new ones. Any thread. */
void live_end(struct live *live); /* NULL is fine */

/* After live_end() and the last live_close(). NULL is fine. */
void live_stop(struct live *live);

/* A batch was committed. The writer's thread; does not wait. */
void live_committed(struct live *live);

/* After a user was erased: what is held of it is dropped and those who are
 * connected are told. */
void live_erased(struct live *live, const char *user_id);

/* The same of one view, which was at `seq`; "" for a view without a user. */
void live_deleted(struct live *live, const char *user_id, int64_t seq,
                  const struct uuid *id);

/*
 * A stream of what comes after `cursor`, or from now on (NULL). Errors:
 * RESULT_LIMIT (readers_max), RESULT_STOPPED, RESULT_MALFORMED (no cursor of
 * ours), and the store's. A cursor of another log is told by an event.
 * `socket` (-1: none) is looked at, to find that a client has gone: at each
 * heartbeat, and when there is no room for another reader, who then waits a
 * little, since those who were cut off together come again together.
 */
enum result live_open(struct live *live, const struct live_filter *filter,
                      const char *cursor, int socket, struct live_reader **ret,
                      struct fault *fault);

/* Waits for something to say, heartbeats included, and writes it to `out`;
 * returns how many bytes, 0 at the end. One thread a reader. */
size_t live_read(struct live_reader *reader, char *out, size_t out_bytes);

/* The stream ends then, after a last event, by clock_monotonic_ms(). Before the
 * first live_read(). */
void live_until(struct live_reader *reader, int64_t until_ms);

void live_close(struct live_reader *reader);

void live_stats(struct live *live, struct live_stats *ret);

#endif
