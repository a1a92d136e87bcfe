#ifndef FLIXTUBE_HISTORY_STORE_DISMISSED_H
#define FLIXTUBE_HISTORY_STORE_DISMISSED_H

#include "erased_set.h"
#include "store.h"

/*
 * Which videos a user does not want to continue, and up to which view of them.
 * It is removed with the user (store_erase.h), and is no part of the history:
 * a restore of an older backup brings back what was noted then.
 */
enum {
    STORE_DISMISSED_MAX = 1000, /* of a user; of more the oldest is forgotten */
};

/*
 * Notes it; a later time than the one that is there replaces it. `video` is an
 * id, else a path. The writer's thread. Errors: RESULT_UNAVAILABLE,
 * RESULT_UNUSABLE.
 */
enum result store_dismiss(struct store *store, const char *user_id,
                          const char *video, int64_t until_ms,
                          struct fault *fault);

/* One, as it is kept. */
struct store_dismissal {
    struct erased_user user;
    const char *video; /* not the owner */
    int64_t until_ms;
};

/* Several at once, those of a user one after the other. As store_dismiss(). */
enum result store_dismiss_all(struct store *store,
                              const struct store_dismissal *all, size_t count,
                              struct fault *fault);

/* Takes it back; nothing noted is fine. As store_dismiss(). */
enum result store_undismiss(struct store *store, const char *user_id,
                            const char *video, struct fault *fault);

/* Hands out all of the user's, in no order. `each` must not ask the store. Any
 * thread. Errors as store_query()'s. */
enum result store_dismissed(struct store *store, const char *user_id,
                            void (*each)(void *context, const char *video,
                                         size_t video_bytes, int64_t until_ms),
                            void *context, struct fault *fault);

#endif
