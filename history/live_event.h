#ifndef FLIXTUBE_HISTORY_LIVE_EVENT_H
#define FLIXTUBE_HISTORY_LIVE_EVENT_H

#include <stdbool.h>

#include "buffer.h"
#include "store.h"

/*
 * The text of server-sent events (WHATWG HTML, "Server-sent events") and the
 * cursor that is their id: a place in the log, in order of arrival, and a part
 * of the id of the view there, which tells another log of the same length
 * (after a restore) from this one. Pure.
 */
struct live_place {
    int64_t seq; /* 0: before the first view */
    uint64_t check;
};

enum {
    LIVE_CURSOR_BYTES = 34, /* 's', 16 + 16 hex digits, NUL */
    LIVE_RETRY_MS = 2000,   /* what browsers wait before they connect again */
};

struct live_place live_place_of(int64_t seq, const struct uuid *id);
void live_cursor_format(const struct live_place *place,
                        char text[LIVE_CURSOR_BYTES]);
/* False for anything that live_cursor_format() did not write. */
bool live_cursor_parse(const char *text, struct live_place *ret);

/* The first bytes of a stream, and what is sent while nothing happens: both
 * carry the place, so that a reader whose views are rare resumes near. */
void live_event_hello(struct buffer *buffer, const struct live_place *place);
void live_event_alive(struct buffer *buffer, const struct live_place *place);

void live_event_view(struct buffer *buffer, const struct store_row *row);

/* Events without an id: whoever was away is not told them. */
void live_event_erased(struct buffer *buffer, const char *user_id);
void live_event_deleted(struct buffer *buffer, const struct uuid *id);
void live_event_reset(struct buffer *buffer);
void live_event_behind(struct buffer *buffer, int64_t views);
void live_event_end(struct buffer *buffer, const char *reason); /* no quotes */

#endif
