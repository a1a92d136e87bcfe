#ifndef FLIXTUBE_HISTORY_CONTINUE_LIST_H
#define FLIXTUBE_HISTORY_CONTINUE_LIST_H

#include "ingest.h"

/*
 * Continue watching: of each video of a user the newest view, by its own time,
 * that tells a position over zero. So neither a report of zero nor one that
 * comes late takes a place away. A video whose view there is at its end is
 * left out, as is one that was dismissed, until a later view of it. A video is
 * its id, else its path.
 */
enum {
    CONTINUE_LIMIT_DEFAULT = 20,
    CONTINUE_LIMIT_MAX = 100,
    /* The user's newest that are looked at: some 50 ms. */
    CONTINUE_VIEWS_MAX = 10000,
};

/*
 * At the end: at most a twentieth of the duration is left, or, of a video of
 * five minutes or more, at most 30 s. False where no duration is known. Pure.
 */
bool continue_is_finished(int64_t position_ms, int64_t duration_ms);

/* Hands out at most `limit` rows, newest first. Any thread. Errors as
 * store_query()'s; rows may have been handed out. */
enum result
continue_list(struct store *store, const char *user_id, uint32_t limit,
              void (*row)(void *context, const struct store_row *row),
              void *context, struct fault *fault);

/* When that view of the video was, finished or dismissed or not.
 * RESULT_NOT_FOUND: there is none. */
enum result continue_find(struct store *store, const char *user_id,
                          const char *video, int64_t *ret_viewed_at_ms,
                          struct fault *fault);

/*
 * After a view of the video was removed: where the user has no other view of it
 * that could be continued, that it was dismissed is forgotten, too. Not the
 * writer's thread. Errors: continue_find()'s, ingest_run()'s.
 */
enum result continue_forget(struct store *store, struct ingest *ingest,
                            const char *user_id, const char *video,
                            struct fault *fault);

#endif
