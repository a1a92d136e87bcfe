#ifndef FLIXTUBE_STREAMING_SESSIONS_H
#define FLIXTUBE_STREAMING_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"
#include "uuid.h"
#include "view_rule.h"
#include "viewed_message.h"

/*
 * The sessions that are going on: one for a viewer with a video. Counting has
 * two steps, because a view counts only when it is on disk:
 *
 *   1. an event answers counts = true; the session is then counting, and no
 *      other event counts it again;
 *   2. the caller writes the view and the session's row in `counted` in one
 *      transaction, and says sessions_settle(): stored, and it is counted; not
 *      stored, and the next event may count it.
 *
 * At the limit the session that was idle the longest is forgotten. A counted
 * one is on disk, and `recall` brings it back, so that neither this nor a
 * restart counts a view twice. One that has not counted begins again: delivered
 * bytes are lost, while a player's next report still holds all it has played.
 *
 * Every function may be called from any thread.
 */
enum {
    /* At 270 bytes each 27 MB; 230 MB if every client fetches 128 separate
     * pieces and reports nothing. */
    SESSIONS_MAX = 100 * 1000,
    /* What is on disk about a session's activity is behind by at most this
     * part of the idle time: one minute of thirty. */
    SESSIONS_TOUCH_PARTS = 30,
};

struct sessions;

struct sessions_config {
    uint32_t sessions_max; /* at least 1; SESSIONS_MAX unless a test */
    int64_t idle_ms;       /* at least 1; a session without an event ends */
    /*
     * Looks on disk for the counted session of a viewer with a video that is
     * still going on: RESULT_OK and *ret_session; RESULT_NOT_FOUND; or another
     * result, which then is the event's. Going on means: its active_ms lies
     * less than idle_ms + sessions_touch_ms(idle_ms) before now_ms (or behind
     * it, after the clock stepped back). Called on the thread of the event,
     * for new sessions only, with no lock held and never at once for the
     * same viewer and video.
     */
    enum result (*recall)(void *context, const struct uuid *viewer,
                          const char *video, int64_t now_ms,
                          struct uuid *ret_session, struct fault *fault);
    void *recall_context;
};

/* What an event led to. */
struct session_outcome {
    bool counts;           /* store it now, then sessions_settle() */
    enum viewed_rule rule; /* by which it counts; else VIEWED_RULE_NONE */
    bool counted_before;   /* this session has its view already */
    /* Counted before, and its active_ms on disk should become now_ms. Need
     * not be synced. Said to one caller once in sessions_touch_ms(). */
    bool touch;
    struct uuid session_id;
    int64_t position_ms; /* last reported; -1: unknown */
    int64_t duration_ms; /* the catalogue's, else the player's; -1: unknown */
};

/*
 * On success the caller owns *ret and ends it with sessions_close(), when no
 * other thread uses it. Errors: RESULT_UNAVAILABLE without memory or
 * randomness.
 */
enum result sessions_open(const struct sessions_config *config,
                          struct sessions **ret, struct fault *fault);
void sessions_close(struct sessions *sessions); /* NULL is fine */

/* How far the active_ms on disk may be behind. At least 1. */
int64_t sessions_touch_ms(int64_t idle_ms);

/*
 * The events; see view_rule.h for what each means. `video` is the video's id,
 * at most VIEWED_VIDEO_BYTES_MAX bytes. *ret changes only on success.
 * Errors: what recall answered; RESULT_LIMIT when every session is just being
 * counted or recalled; RESULT_MALFORMED for a longer id; RESULT_UNAVAILABLE
 * without memory.
 */
enum result sessions_report(struct sessions *sessions,
                            const struct uuid *viewer, const char *video,
                            const struct view_report *report,
                            int64_t file_duration_ms, int64_t now_ms,
                            struct session_outcome *ret, struct fault *fault);
enum result sessions_delivered(struct sessions *sessions,
                               const struct uuid *viewer, const char *video,
                               uint64_t first, uint64_t last,
                               uint64_t file_bytes, int64_t now_ms,
                               struct session_outcome *ret,
                               struct fault *fault);
enum result sessions_mark_reporting(struct sessions *sessions,
                                    const struct uuid *viewer,
                                    const char *video, int64_t now_ms,
                                    struct session_outcome *ret,
                                    struct fault *fault);

/*
 * The second step, once for each outcome that said counts. session_id is the
 * outcome's.
 */
void sessions_settle(struct sessions *sessions, const struct uuid *viewer,
                     const char *video, const struct uuid *session_id,
                     bool stored);

/* How many are held, for metrics. */
size_t sessions_count(struct sessions *sessions);

#endif
