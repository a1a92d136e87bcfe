#include "live_api.h"

#include <string.h>

#include "api.h"
#include "log.h"
#include "metrics.h"

static bool take_text(struct http_request *request, struct http_reply *reply,
                      const char *name, char *to, size_t bytes_max)
{
    const char *text = http_request_parameter(request, name);
    size_t bytes = text != NULL ? strlen(text) : 0;
    if (text != NULL && (bytes == 0 || bytes > bytes_max)) {
        http_reply_problem(reply, 400, "%s must have from 1 to %zu bytes", name,
                           bytes_max);
        return false;
    }
    memcpy(to, text != NULL ? text : "", bytes + 1);
    return true;
}

static bool read_filter(struct http_request *request, struct http_reply *reply,
                        struct live_filter *filter)
{
    const char *session = http_request_parameter(request, "sessionId");
    if (!take_text(request, reply, "userId", filter->user_id,
                   VIEWED_USER_BYTES_MAX) ||
        !take_text(request, reply, "videoId", filter->video_id,
                   VIEWED_VIDEO_BYTES_MAX))
        return false;
    filter->session_given = session != NULL;
    if (session != NULL &&
        !uuid_parse(session, strlen(session), &filter->session_id)) {
        http_reply_problem(reply, 400, "sessionId must be a UUID");
        return false;
    }
    return true;
}

static size_t more(void *context, char *out, size_t out_bytes)
{
    return live_read(context, out, out_bytes);
}

static void released(void *context)
{
    live_close(context);
}

static void refuse(struct http_reply *reply, enum result result,
                   const struct fault *fault)
{
    if (result == RESULT_MALFORMED) {
        http_reply_problem(reply, 400, "lastEventId: %s", fault->text);
        return;
    }
    if (result != RESULT_LIMIT && result != RESULT_STOPPED)
        log_error("no stream", log_text("why", fault->text), log_end());
    http_reply_problem(reply, 503, "no stream at the moment: %s",
                       result == RESULT_LIMIT || result == RESULT_STOPPED
                           ? fault->text
                           : "the store cannot be read");
    http_reply_header(reply, "Retry-After", "5");
}

/* A browser sends the header when it connects again by itself; a tool may give
 * the parameter, which the header beats since it is newer. */
void live_api_stream(void *context, struct http_request *request,
                     struct http_reply *reply)
{
    struct api *api = context;
    struct fault fault = {0};
    struct live_filter filter = {0};
    struct live_reader *reader = NULL;
    if (!read_filter(request, reply, &filter))
        return;
    const char *cursor = http_request_header(request, "Last-Event-ID");
    if (cursor == NULL || cursor[0] == '\0')
        cursor = http_request_parameter(request, "lastEventId");
    enum result r = live_open(api->live, &filter, cursor,
                              http_request_socket(request), &reader, &fault);
    if (r != RESULT_OK) {
        refuse(reply, r, &fault);
        return;
    }
    live_until(reader, access_until_ms(&api->access, request));
    reply->content_type = "text/event-stream";
    http_reply_header(reply, "Cache-Control", "no-store");
    http_reply_header(reply, "X-Accel-Buffering", "no"); /* nginx's */
    if (http_request_is_head(request)) {
        live_close(reader);
        return;
    }
    reply->more = more;
    reply->more_context = reader;
    reply->released = released;
    reply->release_context = reader;
}

void live_api_metrics(struct buffer *buffer, struct live *live)
{
    struct live_stats stats;
    live_stats(live, &stats);
    metrics_write_gauge(buffer, "history_live_readers",
                        "Live streams open now.", stats.readers);
    metrics_write_counter(buffer, "history_live_events_total",
                          "Views told on live streams.", stats.events);
    metrics_write_counter(buffer, "history_live_behind_total",
                          "Live streams ended since they fell behind.",
                          stats.behind);
    metrics_write_counter(buffer, "history_live_refused_total",
                          "Live streams over the limit.", stats.refused);
}
