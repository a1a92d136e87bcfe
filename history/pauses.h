#ifndef FLIXTUBE_HISTORY_PAUSES_H
#define FLIXTUBE_HISTORY_PAUSES_H

#include "erased_set.h"
#include "store_paused.h"

/*
 * What a user's pauses come to (store_paused.h), whichever engine keeps them.
 * Pure.
 */

/* How it is now. */
struct store_recording pauses_recording(const struct erased_set *set,
                                        const char *user_id);

/*
 * What must be noted so that it is `paused` from `now_ms` on: a pause that
 * begins, or the end of the one that goes on, which is before now, or as it
 * began. *ret_changes is false where it is so already. Errors: RESULT_LIMIT
 * (STORE_PAUSES_MAX).
 */
enum result pauses_change(const struct erased_set *set, const char *user_id,
                          bool paused, int64_t now_ms, struct erased_entry *ret,
                          bool *ret_changes, struct fault *fault);

#endif
