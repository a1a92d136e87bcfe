#include "view_rule.h"

#include <assert.h>

struct view_session view_rule_begin(int64_t now_ms)
{
    return (struct view_session){
        .started_ms = now_ms,
        .active_ms = now_ms,
        .position_ms = -1,
        .duration_ms = -1,
        .state = VIEW_OPEN,
    };
}

void view_rule_done(struct view_session *session)
{
    byte_set_done(&session->delivered);
}

bool view_rule_is_over(const struct view_session *session, int64_t now_ms,
                       int64_t idle_ms)
{
    return session->state != VIEW_COUNTING &&
           now_ms - session->active_ms >= idle_ms;
}

/* Time that stepped back takes the start along: the session stays as old as
 * it was. */
static void touch(struct view_session *session, int64_t now_ms)
{
    if (now_ms < session->active_ms)
        session->started_ms -= session->active_ms - now_ms;
    session->active_ms = now_ms;
}

static int64_t plausible_played_ms(const struct view_session *session,
                                   int64_t played_ms)
{
    int64_t real_ms = session->active_ms - session->started_ms;
    if (real_ms > INT64_MAX / (2 * VIEW_RATE_MAX))
        return played_ms;
    int64_t most_ms = real_ms * VIEW_RATE_MAX + VIEW_SLACK_MS;
    return played_ms < most_ms ? played_ms : most_ms;
}

/* A duration of nothing says nothing. */
static int64_t needed_played_ms(int64_t duration_ms)
{
    if (duration_ms <= 0 || duration_ms >= VIEW_SHORT_MS)
        return VIEW_PLAYED_MS;
    return (duration_ms + 1) / 2;
}

static enum viewed_rule count_if(struct view_session *session, bool reached,
                                 enum viewed_rule rule)
{
    if (!reached || session->state != VIEW_OPEN)
        return VIEWED_RULE_NONE;
    session->state = VIEW_COUNTING;
    return rule;
}

void view_rule_mark_reporting(struct view_session *session, int64_t now_ms)
{
    touch(session, now_ms);
    session->reports = true;
    byte_set_done(&session->delivered);
}

enum viewed_rule view_rule_report(struct view_session *session, int64_t now_ms,
                                  const struct view_report *report,
                                  int64_t file_duration_ms)
{
    view_rule_mark_reporting(session, now_ms);
    if (report->position_ms >= 0)
        session->position_ms = report->position_ms;
    if (file_duration_ms > 0)
        session->duration_ms = file_duration_ms;
    else if (report->duration_ms > 0)
        session->duration_ms = report->duration_ms;

    int64_t played_ms = plausible_played_ms(session, report->played_ms);
    if (played_ms > session->played_ms)
        session->played_ms = played_ms;
    return count_if(
        session, session->played_ms >= needed_played_ms(session->duration_ms),
        VIEWED_RULE_PLAYED);
}

enum viewed_rule view_rule_delivered(struct view_session *session,
                                     int64_t now_ms, uint64_t first,
                                     uint64_t last, uint64_t file_bytes)
{
    touch(session, now_ms);
    if (session->reports || session->state == VIEW_COUNTED || first > last ||
        last >= file_bytes || file_bytes > INT64_MAX)
        return VIEWED_RULE_NONE;
    if (session->file_bytes != file_bytes)
        byte_set_done(&session->delivered);
    session->file_bytes = file_bytes;

    (void)byte_set_add(&session->delivered, first, last);
    uint64_t delivered = session->delivered.bytes;
    assert(delivered <= file_bytes);
    return count_if(session, delivered >= file_bytes - delivered,
                    VIEWED_RULE_BYTES);
}

void view_rule_settle(struct view_session *session, bool stored)
{
    if (session->state != VIEW_COUNTING)
        return;
    session->state = stored ? VIEW_COUNTED : VIEW_OPEN;
    if (stored)
        byte_set_done(&session->delivered);
}
