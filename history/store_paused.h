#ifndef FLIXTUBE_HISTORY_STORE_PAUSED_H
#define FLIXTUBE_HISTORY_STORE_PAUSED_H

#include "store.h"

/*
 * Times in which a user does not want to be recorded: store_write() refuses
 * (STORE_PAUSED) a view that was watched then, whenever it arrives, by
 * redelivery and replay too. What was stored before stays.
 */
enum {
    STORE_PAUSES_MAX = 1000, /* of a user: each is kept for good */
};

struct store_recording {
    bool paused;
    int64_t since_ms; /* where it is */
};

/*
 * Pauses from `now_ms` on, or goes on recording; nothing changes where it is
 * so already. *ret is how it is then. The writer's thread. Errors:
 * RESULT_LIMIT (STORE_PAUSES_MAX), RESULT_UNAVAILABLE, RESULT_UNUSABLE.
 */
enum result store_set_paused(struct store *store, const char *user_id,
                             bool paused, int64_t now_ms,
                             struct store_recording *ret, struct fault *fault);

/* How it is. The writer's thread. */
struct store_recording store_recording(const struct store *store,
                                       const char *user_id);

#endif
