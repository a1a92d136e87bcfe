#include "counting.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"

/* As the reference names its files, so that its consumers know them. */
#define VIDEO_PATH_FORMAT "./videos/%s"

static void view_make(const struct uuid *viewer, const struct video_file *video,
                      int64_t now_ms, const struct session_outcome *outcome,
                      const struct trace_parent *trace, struct viewed *ret)
{
    *ret = (struct viewed){
        .id = uuid_make(),
        .id_given = true,
        .time_given = true,
        .viewed_at_ms = now_ms,
        .position_ms = outcome->position_ms,
        .duration_ms = outcome->duration_ms >= 0 ? outcome->duration_ms
                                                 : video->duration_ms,
        .session_given = true,
        .session_id = outcome->session_id,
        .rule = outcome->rule,
        .trace = *trace,
    };
    uuid_format(viewer, ret->user_id);
    (void)snprintf(ret->video_id, sizeof ret->video_id, "%s", video->id);
    (void)snprintf(ret->video_path, sizeof ret->video_path, VIDEO_PATH_FORMAT,
                   video->id);
}

static void log_view(const struct viewed *viewed)
{
    if (!log_takes(LOG_DEBUG))
        return;
    char id[UUID_TEXT_BYTES];
    char trace[TRACE_PARENT_TEXT_BYTES];
    uuid_format(&viewed->id, id);
    trace_parent_format(&viewed->trace, trace);
    log_debug("view counted", log_text("id", id),
              log_text("video", viewed->video_id),
              log_text("rule", viewed_rule_text(viewed->rule)),
              log_text("traceparent", trace), log_end());
}

/* Stores what counts, and notes on disk that a counted session goes on. */
static enum result work_off(struct counting *counting,
                            const struct uuid *viewer,
                            const struct video_file *video, int64_t now_ms,
                            const struct session_outcome *outcome,
                            const struct trace_parent *trace,
                            struct fault *fault)
{
    if (outcome->touch)
        outbox_touch(counting->outbox, viewer, video->id, now_ms);
    if (!outcome->counts)
        return RESULT_OK;
    struct viewed viewed;
    view_make(viewer, video, now_ms, outcome, trace, &viewed);
    enum result r = outbox_accept(counting->outbox, &viewed);
    sessions_settle(counting->sessions, viewer, video->id, &outcome->session_id,
                    r == RESULT_OK);
    if (r != RESULT_OK) {
        counting->refused++;
        return fault_set(fault, r, "the view cannot be stored");
    }
    log_view(&viewed);
    if (outcome->rule == VIEWED_RULE_PLAYED)
        counting->views_played++;
    else
        counting->views_bytes++;
    return RESULT_OK;
}

enum result counting_report(struct counting *counting,
                            const struct uuid *viewer,
                            const struct video_file *video,
                            const struct view_report *report,
                            const struct trace_parent *trace,
                            struct session_outcome *ret, struct fault *fault)
{
    int64_t now_ms = clock_now_ms();
    struct session_outcome outcome;
    enum result r =
        sessions_report(counting->sessions, viewer, video->id, report,
                        video->duration_ms, now_ms, &outcome, fault);
    if (r == RESULT_OK)
        r = work_off(counting, viewer, video, now_ms, &outcome, trace, fault);
    if (r == RESULT_OK)
        *ret = outcome;
    return r;
}

enum result counting_delivered(struct counting *counting,
                               const struct uuid *viewer,
                               const struct video_file *video, uint64_t first,
                               uint64_t last, const struct trace_parent *trace,
                               struct session_outcome *ret, struct fault *fault)
{
    int64_t now_ms = clock_now_ms();
    struct session_outcome outcome;
    enum result r =
        sessions_delivered(counting->sessions, viewer, video->id, first, last,
                           video->bytes, now_ms, &outcome, fault);
    if (r == RESULT_OK)
        r = work_off(counting, viewer, video, now_ms, &outcome, trace, fault);
    if (r == RESULT_OK)
        *ret = outcome;
    return r;
}

enum result counting_announce(struct counting *counting,
                              const struct uuid *viewer,
                              const struct video_file *video,
                              struct fault *fault)
{
    int64_t now_ms = clock_now_ms();
    struct session_outcome outcome;
    enum result r = sessions_mark_reporting(counting->sessions, viewer,
                                            video->id, now_ms, &outcome, fault);
    if (r == RESULT_OK && outcome.touch)
        outbox_touch(counting->outbox, viewer, video->id, now_ms);
    return r;
}
