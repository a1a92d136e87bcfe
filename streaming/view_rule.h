#ifndef FLIXTUBE_STREAMING_VIEW_RULE_H
#define FLIXTUBE_STREAMING_VIEW_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "byte_set.h"
#include "viewed_message.h"

/*
 * When a view counts. One session is one viewer with one video; it counts at
 * most once, by the first of these that comes true:
 *
 *   played  the player reported 10 s played, or half of a video that is
 *           shorter than 20 s. The catalogue's duration decides; where it has
 *           none, the player's.
 *   bytes   half of the file's distinct bytes were delivered, to a client
 *           that reports nothing. Once the session has a report, or a request
 *           that announces some, bytes never count in it: a browser loads far
 *           ahead of what is watched.
 *
 * What was reported as played is believed up to VIEW_RATE_MAX times the real
 * time since the session began, and VIEW_SLACK_MS. After an idle time without
 * any event a session is over, and the next event begins another.
 *
 * No I/O and no clock: the caller says when. Time that steps back takes the
 * session along, so it neither ends nor gains anything by it.
 */
enum {
    VIEW_PLAYED_MS = 10 * 1000,
    VIEW_SHORT_MS = 20 * 1000, /* of a shorter video half is enough */
    VIEW_RATE_MAX = 16,        /* the fastest that browsers play */
    VIEW_SLACK_MS = 1000,      /* clocks tick apart, and requests overtake */
};

enum view_state {
    VIEW_OPEN,     /* may count */
    VIEW_COUNTING, /* counts if the outbox takes it: view_rule_settle() */
    VIEW_COUNTED,
};

struct view_session {
    int64_t started_ms;
    int64_t active_ms;   /* the last event */
    int64_t played_ms;   /* the most that was reported and believed */
    int64_t position_ms; /* last reported; -1: never */
    int64_t duration_ms; /* the catalogue's, else the player's; -1: unknown */
    uint64_t file_bytes; /* of the file that `delivered` is about */
    struct byte_set delivered;
    bool reports; /* bytes do not count */
    enum view_state state;
};

/* What a player says. -1: absent, and so is whatever is below zero. */
struct view_report {
    int64_t position_ms;
    int64_t played_ms; /* distinct time played since the page was opened */
    int64_t duration_ms;
};

/* A session that begins now. End it with view_rule_done(). */
struct view_session view_rule_begin(int64_t now_ms);
void view_rule_done(struct view_session *session);

/*
 * Whether the session has been idle for idle_ms or longer. Never while it is
 * VIEW_COUNTING: its view is about to be stored.
 */
bool view_rule_is_over(const struct view_session *session, int64_t now_ms,
                       int64_t idle_ms);

/*
 * The events. They return the rule by which the view counts with this event,
 * and then the session is VIEW_COUNTING and view_rule_settle() must follow;
 * else VIEWED_RULE_NONE.
 */

/* file_duration_ms is the catalogue's; -1: it does not know. */
enum viewed_rule view_rule_report(struct view_session *session, int64_t now_ms,
                                  const struct view_report *report,
                                  int64_t file_duration_ms);

/*
 * The client has taken the bytes first to last of the file's file_bytes. Only
 * for bytes that arrived: HEAD, 304, 416 and what was cut off deliver none. A
 * file of another size than before is another file: counting starts again.
 * A range outside of the file is passed over, so an empty file never counts.
 */
enum viewed_rule view_rule_delivered(struct view_session *session,
                                     int64_t now_ms, uint64_t first,
                                     uint64_t last, uint64_t file_bytes);

/* A request that announces reports. It never counts by itself. */
void view_rule_mark_reporting(struct view_session *session, int64_t now_ms);

/*
 * What became of a view that counted: stored, and the session never counts
 * again; or not, and the next event may count it. Passed over where the
 * session is not VIEW_COUNTING.
 */
void view_rule_settle(struct view_session *session, bool stored);

#endif
