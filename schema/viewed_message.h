#ifndef FLIXTUBE_SCHEMA_VIEWED_MESSAGE_H
#define FLIXTUBE_SCHEMA_VIEWED_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "result.h"
#include "trace_parent.h"
#include "uuid.h"

/*
 * The message "viewed": what streaming publishes and history takes, by AMQP
 * and by POST /viewed. viewed.schema.json describes the same; a test holds
 * the two together.
 */
enum {
    VIEWED_BODY_BYTES_MAX = 16 * 1024, /* ours are under 600 bytes */
    VIEWED_USER_BYTES_MAX = 128,
    VIEWED_VIDEO_BYTES_MAX = 256,
    VIEWED_PATH_BYTES_MAX = 1024,
};

#define VIEWED_SECONDS_MAX 31622400 /* a leap year; longer is a mistake */

/* Which rule made the view count. Stored by number: never renumber. */
enum viewed_rule {
    VIEWED_RULE_NONE = 0,   /* the message did not say */
    VIEWED_RULE_PLAYED = 1, /* "played": the player reported it */
    VIEWED_RULE_BYTES = 2,  /* "bytes": half of the file was delivered */
    VIEWED_RULE_OTHER = 3,  /* another text, from another publisher */
};

/*
 * One view. Texts are NUL-terminated, valid UTF-8; "" means absent. At least
 * one of video_id and video_path is there.
 */
struct viewed {
    struct uuid id;
    bool id_given;   /* false: made on arrival, so a repeat is a new view */
    bool time_given; /* false: viewed_at_ms is when it arrived */
    char user_id[VIEWED_USER_BYTES_MAX + 1];
    char video_id[VIEWED_VIDEO_BYTES_MAX + 1];
    char video_path[VIEWED_PATH_BYTES_MAX + 1];
    int64_t viewed_at_ms;
    int64_t position_ms; /* -1: absent */
    int64_t duration_ms; /* -1: absent */
    bool session_given;
    struct uuid session_id;
    enum viewed_rule rule;
    struct trace_parent trace; /* the request that made it count */
};

/* What came beside the body. */
struct viewed_envelope {
    const char *message_id;  /* "" or NULL: none */
    int64_t timestamp_s;     /* 0: none */
    int64_t received_ms;     /* counts as viewed_at where nothing else does */
    const char *traceparent; /* "" or NULL: none */
};

/*
 * Reads ours and the reference's two shapes, {"videoPath":…} and
 * {"video":{"id":…}}. Unknown fields are passed over. A known one is an error
 * that names it when it is of a wrong type (null is one: absent is said by
 * leaving it out), empty, too long, given twice, or when userId, video.id or
 * videoPath holds a control character (below 0x20, 0x7f). Seconds are rounded
 * to milliseconds.
 *
 * An id comes from the body, else from message_id when that is a UUID, else it
 * is made; two that differ are refused, a message_id that is no UUID counts as
 * none. The time comes from viewedAt, else from timestamp_s (refused where it
 * is negative or after year 9999), else it is received_ms.
 *
 * The trace comes from the body's traceparent, else from the envelope's. One
 * that is no such thing (trace_parent.h) counts as none, whatever its type: no
 * view is refused for what is only there to follow it.
 *
 * Pure but for a made id; any thread; *ret changes only on success.
 * Errors: RESULT_MALFORMED.
 */
enum result viewed_decode(const char *body, size_t body_bytes,
                          const struct viewed_envelope *envelope,
                          struct viewed *ret, struct fault *fault);

/* The body as we publish it, with id and viewedAt always; it decodes to the
 * same view. Failure is the buffer's. */
void viewed_encode(const struct viewed *viewed, struct buffer *buffer);

/* What goes beside a body that viewed_encode() made; "" where it has none. */
struct viewed_beside {
    char trace[TRACE_PARENT_TEXT_BYTES];
    char user_id[VIEWED_USER_BYTES_MAX + 1];
};
void viewed_encoded_beside(const char *body, size_t body_bytes,
                           struct viewed_beside *ret);

const char *
viewed_rule_text(enum viewed_rule rule); /* "played"; "" for none; "other" */

#endif
