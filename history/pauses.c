#include "pauses.h"

#include <string.h>

struct store_recording pauses_recording(const struct erased_set *set,
                                        const char *user_id)
{
    const struct erased_entry *open = NULL;
    struct erased_user user = erased_user_of(user_id, strlen(user_id));
    (void)erased_set_pauses(set, &user, &open);
    return (struct store_recording){
        .paused = open != NULL,
        .since_ms = open != NULL ? open->from_ms : 0,
    };
}

enum result pauses_change(const struct erased_set *set, const char *user_id,
                          bool paused, int64_t now_ms, struct erased_entry *ret,
                          bool *ret_changes, struct fault *fault)
{
    const struct erased_entry *open = NULL;
    struct erased_user user = erased_user_of(user_id, strlen(user_id));
    size_t count = erased_set_pauses(set, &user, &open);
    *ret_changes = paused != (open != NULL);
    if (!*ret_changes)
        return RESULT_OK;
    if (paused && count >= STORE_PAUSES_MAX)
        return fault_set(fault, RESULT_LIMIT,
                         "a user's recording can be paused %d times",
                         STORE_PAUSES_MAX);
    *ret = (struct erased_entry){user, now_ms, ERASED_OPEN};
    if (!paused) {
        ret->from_ms = open->from_ms;
        ret->until_ms = now_ms > open->from_ms ? now_ms - 1 : open->from_ms;
    }
    return RESULT_OK;
}
