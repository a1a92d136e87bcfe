#ifndef FLIXTUBE_HISTORY_STORE_VIDEOS_H
#define FLIXTUBE_HISTORY_STORE_VIDEOS_H

#include "store.h"

/*
 * Hands out the id of each video that has views, in order of the ids, at most
 * `most` of them; one whose views were removed may be among them for a while.
 * *ret_more: there are more. Views that have a path alone are of no video here.
 * `each` must not ask the store. Any thread. Errors as store_query()'s.
 */
enum result store_videos(struct store *store, uint32_t most,
                         void (*each)(void *context, const char *video_id,
                                      size_t bytes),
                         void *context, bool *ret_more, struct fault *fault);

#endif
