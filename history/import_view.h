#ifndef FLIXTUBE_HISTORY_IMPORT_VIEW_H
#define FLIXTUBE_HISTORY_IMPORT_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "result.h"
#include "viewed_message.h"

/*
 * What an item of a program's export says, as a view. Nothing is made up: an
 * item that lacks a time or a title is skipped, with the reason.
 *
 *   flixtube  a row of GET /history: its _id, and all else but receivedAt
 *   takeout   watch-history.json of Google Takeout: the video is "youtube:ID"
 *   tautulli  a row of get_history: the video is "plex:RATING_KEY"
 *   trakt     a row of the history: "trakt:movie:ID" or "trakt:episode:ID"
 *             (or another id that it has: "imdb:…", "tmdb:movie:…")
 *
 * A title goes to videoPath. An id that the item has not is made of the
 * program's name, the user, the video and the time: the same each time.
 */
enum import_format {
    IMPORT_UNKNOWN,
    IMPORT_FLIXTUBE,
    IMPORT_TAKEOUT,
    IMPORT_TAUTULLI,
    IMPORT_TRAKT,
};

enum import_skip {
    IMPORT_TAKEN,
    IMPORT_NO_TIME,
    IMPORT_NO_TITLE,
    IMPORT_NO_USER,
    IMPORT_ADVERT,
    IMPORT_GONE,     /* the video was removed before the export */
    IMPORT_NO_VIDEO, /* something else than a video: a post, music */
    IMPORT_PLAYING,  /* still under way when it was exported */
    IMPORT_TOO_LONG, /* a name that no view can have */
    IMPORT_SKIPS,
};

/* By its name. IMPORT_UNKNOWN for what is none. */
enum import_format import_format_of(const char *name);
const char *import_format_name(enum import_format format);

/* Whether its items say whose views they are. */
bool import_format_has_user(enum import_format format);

/* In words, and as a name in JSON. */
const char *import_skip_text(enum import_skip skip);
const char *import_skip_name(enum import_skip skip);

/* By an item's members. Errors: RESULT_MALFORMED (no JSON, no object, or of no
 * format that is known). Pure. */
enum result import_recognise(const char *text, size_t bytes,
                             enum import_format *ret, struct fault *fault);

/*
 * The item as a view; `user_id` ("": none) is whose it is where it does not
 * say. *ret_skip tells whether it is one. Pure. Errors: RESULT_MALFORMED: it is
 * no JSON object, or a row of ours that cannot be a view, in words.
 */
enum result import_view(enum import_format format, const char *user_id,
                        const char *text, size_t bytes, struct viewed *ret,
                        enum import_skip *ret_skip, struct fault *fault);

/* One line of NDJSON, without its end, which import_view() reads as this view.
 * Failure is the buffer's. */
void import_view_write(const struct viewed *viewed, struct buffer *buffer);

#endif
