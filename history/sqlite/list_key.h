#ifndef FLIXTUBE_HISTORY_LIST_KEY_H
#define FLIXTUBE_HISTORY_LIST_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "siphash.h"

/*
 * The name of a list of views, as the index knows it: a hash under the
 * store's own key. Two lists may share one (a row found through it is compared
 * with what was asked for), but nobody can make that happen on purpose.
 * The values are stored: what is hashed never changes.
 */

#define LIST_ALL INT64_C(0) /* every view is in it; no other list has it */

/*
 * The list of one user, of one video, or of one user and one video; NULL for
 * the part that is not asked for, LIST_ALL for two NULLs. False, with *ret
 * untouched, when no view can be in it: a text is empty or longer than a view
 * may have.
 */
bool list_key(const struct siphash_key *key, const char *user_id,
              const char *video_id, int64_t *ret);

#endif
