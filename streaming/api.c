#include "api.h"

#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "documents.h"
#include "json_write.h"
#include "log.h"
#include "metrics_text.h"
#include "page.h"
#include "progress_report.h"
#include "video_reply.h"
#include "viewer.h"

enum {
    HEADER_TIMEOUT_MS = 10 * 1000,
    BODY_TIMEOUT_MS = 15 * 1000,
    IDLE_TIMEOUT_MS = 60 * 1000,
    SEND_BYTES_PER_S_MIN = 8 * 1024, /* no video plays at that rate */
    REPLY_BYTES_MAX = 16 << 20,      /* the list of CATALOG_VIDEOS_MAX videos */
    VIEWER_TOKEN_S = 3600, /* a page asks for the next before it ends */
};

static void write_video(struct buffer *body, const struct video_file *video)
{
    buffer_append_text(body, "{\"id\":");
    json_write_text(body, video->id);
    buffer_append_text(body, ",\"title\":");
    json_write_text(body, video->title);
    buffer_append_text(body, ",\"bytes\":");
    buffer_append_integer(body, (int64_t)video->bytes);
    buffer_append_text(body, ",\"type\":");
    json_write_text(body, video->type);
    if (video->duration_ms >= 0) {
        buffer_append_text(body, ",\"duration\":");
        json_write_seconds(body, video->duration_ms);
    }
    buffer_append_text(body, ",\"url\":\"/video?id=");
    http_query_encode(body, video->id);
    buffer_append_text(body, "\"}");
}

static void get_videos(void *context, struct http_request *request,
                       struct http_reply *reply)
{
    struct api *api = context;
    (void)request;
    const struct catalog_snapshot *snapshot = catalog_acquire(api->catalog);
    buffer_append_text(&reply->body, "{\"videos\":[");
    for (size_t i = 0; i < snapshot->count; i++) {
        buffer_append_text(&reply->body, i == 0 ? "" : ",\n");
        write_video(&reply->body, snapshot->videos[i]);
    }
    buffer_append_text(&reply->body, "]}\n");
    catalog_release(snapshot);
    reply->content_type = "application/json";
    reply->coding = HTTP_CODING_CHOOSE;
    http_reply_header(reply, "Cache-Control", "no-cache");
}

/* A visit that begins with 304 or HEAD is a visit all the same. */
static void announce(struct api *api, const struct uuid *viewer,
                     const struct video_file *video)
{
    struct fault fault = {0};
    if (counting_announce(api->counting, viewer, video, &fault) != RESULT_OK)
        log_warn("a session is not followed", log_text("why", fault.text),
                 log_end());
}

/* None where the request has none, several, or one that is malformed (Trace
 * Context, section 3.2). */
static struct trace_parent trace_of(const struct http_request *request)
{
    struct trace_parent trace = {.given = false};
    const char *text = http_request_header_once(request, "traceparent");
    if (text != NULL)
        (void)trace_parent_parse(text, strlen(text), &trace);
    return trace;
}

static void follow(struct api *api, const struct http_request *request,
                   struct http_reply *reply, const struct uuid *viewer,
                   struct video_file *video, const struct byte_range *range)
{
    struct trace_parent trace = trace_of(request);
    struct delivery *delivery = delivery_begin(
        api->deliveries, viewer, video, range->first, range->last, &trace,
        http_request_connection(request), http_request_socket(request));
    if (delivery == NULL)
        return;
    reply->sent = delivery_sent;
    reply->sent_context = delivery;
}

static void get_video(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    struct api *api = context;
    const char *reports = http_request_parameter(request, "reports");
    if (reports != NULL && strcmp(reports, "1") != 0) {
        http_reply_problem(reply, 400, "reports must be 1");
        return;
    }
    struct video_file *video =
        catalog_take(api->catalog, http_request_parameter(request, "id"));
    if (video == NULL) {
        http_reply_problem(reply, 404, "there is no video of that id");
        return;
    }
    struct uuid viewer = viewer_of(api->keys, request, reply);
    struct byte_range range;
    struct video_file *followed = video_file_hold(video);
    bool sends = video_reply(video, request, reply, &range);
    if (reports != NULL)
        announce(api, &viewer, followed);
    else if (sends && !http_request_is_head(request))
        follow(api, request, reply, &viewer, followed, &range);
    video_file_release(followed);
}

/* What the viewer's page shows to history. */
static void add_token(struct api *api, struct buffer *body, const char *viewer)
{
    char token[TOKEN_BYTES_MAX];
    struct fault fault = {0};
    if (token_make(api->keys, viewer, "", VIEWER_TOKEN_S, token, sizeof token,
                   &fault) != RESULT_OK) {
        log_error("viewer without a token", log_text("why", fault.text),
                  log_end());
        return;
    }
    buffer_append_text(body, ",\"token\":");
    json_write_text(body, token);
    buffer_append_format(body, ",\"tokenSeconds\":%d", VIEWER_TOKEN_S);
}

static void get_viewer(void *context, struct http_request *request,
                       struct http_reply *reply)
{
    struct api *api = context;
    struct uuid viewer = viewer_of(api->keys, request, reply);
    char id[UUID_TEXT_BYTES];
    uuid_format(&viewer, id);
    buffer_append_text(&reply->body, "{\"userId\":");
    json_write_text(&reply->body, id);
    buffer_append_text(&reply->body, ",\"historyUrl\":");
    json_write_text(&reply->body, api->config->history_url);
    if (api->keys != NULL)
        add_token(api, &reply->body, id);
    buffer_append_text(&reply->body, "}\n");
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "private, no-store");
}

static void reply_outcome(struct http_reply *reply,
                          const struct session_outcome *outcome)
{
    char session[UUID_TEXT_BYTES];
    uuid_format(&outcome->session_id, session);
    buffer_append_format(
        &reply->body, "{\"counted\":%s,\"sessionId\":\"%s\"}\n",
        outcome->counts || outcome->counted_before ? "true" : "false", session);
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "private, no-store");
}

static void post_progress(void *context, struct http_request *request,
                          struct http_reply *reply)
{
    struct api *api = context;
    struct fault fault = {0};
    struct progress_report report;
    size_t body_bytes;
    const char *body = http_request_body(request, &body_bytes);
    if (progress_report_read(body, body_bytes, &report, &fault) != RESULT_OK) {
        http_reply_problem(reply, 400, "%s", fault.text);
        return;
    }
    struct video_file *video = catalog_take(api->catalog, report.video_id);
    if (video == NULL) {
        http_reply_problem(reply, 404, "there is no video of that id");
        return;
    }
    struct uuid viewer = viewer_of(api->keys, request, reply);
    struct trace_parent trace = trace_of(request);
    struct session_outcome outcome;
    enum result r = counting_report(api->counting, &viewer, video,
                                    &report.report, &trace, &outcome, &fault);
    video_file_release(video);
    if (r == RESULT_OK) {
        reply_outcome(reply, &outcome);
        return;
    }
    log_error("a report is not taken", log_text("why", fault.text), log_end());
    http_reply_problem(reply, 503, "the view is not stored: report again");
    http_reply_header(reply, "Retry-After", "1");
}

static void get_health(void *context, struct http_request *request,
                       struct http_reply *reply)
{
    (void)context;
    (void)request;
    buffer_append_text(&reply->body, "{\"status\":\"alive\"}\n");
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "no-store");
}

static void add_reason(struct buffer *reasons, const char *part,
                       const struct fault *why)
{
    CLEANUP(buffer_done) struct buffer text = buffer_make(512);
    buffer_append_format(&text, "%s: %s", part, why->text);
    buffer_append_text(reasons, reasons->bytes > 0 ? "," : "");
    json_write_string(reasons, text.data, text.bytes);
}

/* The broker's absence is a reason that is told, and no hindrance: views wait
 * in the outbox. */
static void get_ready(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    struct api *api = context;
    (void)request;
    CLEANUP(buffer_done) struct buffer reasons = buffer_make(4096);
    struct fault why = {0};
    bool ready = true;
    if (!outbox_works(api->outbox, &why)) {
        add_reason(&reasons, "outbox", &why);
        ready = false;
    }
    if (!condition_works(api->catalog_condition, &why)) {
        add_reason(&reasons, "videos", &why);
        ready = false;
    }
    if (!publisher_works(api->publisher, &why))
        add_reason(&reasons, "broker (views wait in the outbox)", &why);
    buffer_append_format(&reply->body, "{\"ready\":%s,\"reasons\":[",
                         ready ? "true" : "false");
    buffer_append(&reply->body, reasons.data, reasons.bytes);
    buffer_append_text(&reply->body, "]}\n");
    reply->status = ready ? 200 : 503;
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "no-store");
}

static void get_metrics(void *context, struct http_request *request,
                        struct http_reply *reply)
{
    (void)request;
    metrics_text_write(&reply->body, context);
    reply->content_type = METRICS_CONTENT_TYPE;
    reply->coding = HTTP_CODING_CHOOSE;
}

static void get_page(void *context, struct http_request *request,
                     struct http_reply *reply)
{
    struct api *api = context;
    (void)viewer_of(api->keys, request, reply);
    page_html(api->config->history_url, reply);
}

const struct http_route api_routes[] = {
    {.method = "GET", .path = "/", .handle = get_page},
    {.method = "GET", .path = "/page.css", .handle = page_css},
    {.method = "GET", .path = "/page.js", .handle = page_js},
    {.method = "GET", .path = "/videos", .handle = get_videos},
    {.method = "GET",
     .path = "/video",
     .handle = get_video,
     .parameters = {"id", "reports"}},
    {.method = "GET", .path = "/viewer", .handle = get_viewer},
    {.method = "POST",
     .path = "/progress",
     .handle = post_progress,
     .body_bytes_max = PROGRESS_BODY_BYTES_MAX,
     .body_types = "application/json,text/plain"},
    {.method = "GET", .path = "/healthz", .handle = get_health},
    {.method = "GET", .path = "/readyz", .handle = get_ready},
    {.method = "GET", .path = "/metrics", .handle = get_metrics},
    {.method = "GET",
     .path = "/openapi.yaml",
     .handle = documents_openapi_yaml},
    {.method = "GET",
     .path = "/openapi.json",
     .handle = documents_openapi_json},
    {.method = "GET", .path = "/docs", .handle = documents_page},
    {.method = "GET", .path = "/docs.css", .handle = documents_page_css},
};
const size_t api_routes_count = sizeof api_routes / sizeof api_routes[0];

static void request_finished(void *context, const struct http_route *route,
                             unsigned status, uint64_t elapsed_us)
{
    struct api *api = context;
    (void)route;
    metrics_observe(&api->request, elapsed_us);
    api->requests[status / 100 % 6]++;
}

static void connection_closed(void *context, uint64_t connection, int socket)
{
    struct api *api = context;
    (void)socket;
    deliveries_connection_closed(api->deliveries, connection);
}

enum result api_start(struct api *api, struct http_server **ret,
                      struct fault *fault)
{
    struct http_config http = {
        .bind = api->config->bind,
        .port = api->config->port,
        .routes = api_routes,
        .routes_count = api_routes_count,
        .context = api,
        .connections_max = api->config->http_connections_max,
        .header_timeout_ms = HEADER_TIMEOUT_MS,
        .body_timeout_ms = BODY_TIMEOUT_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .send_bytes_per_s_min = SEND_BYTES_PER_S_MIN,
        .reply_bytes_max = REPLY_BYTES_MAX,
        .finished = request_finished,
        .closed = connection_closed,
    };
    struct fault room = {0};
    if (http_server_make_room(http.connections_max, &room) != RESULT_OK)
        log_warn("fewer connections than HTTP_CONNECTIONS_MAX",
                 log_text("why", room.text), log_end());
    return http_server_start(&http, ret, fault);
}
