#include "api.h"

#include <stdatomic.h>
#include <string.h>

#include "admin.h"
#include "cleanup.h"
#include "clock.h"
#include "continue_api.h"
#include "documents.h"
#include "drill_result.h"
#include "import_api.h"
#include "json_write.h"
#include "keeping_api.h"
#include "list_reply.h"
#include "live_api.h"
#include "log.h"
#include "metrics_text.h"
#include "operator_api.h"
#include "page.h"
#include "remove_api.h"
#include "row_json.h"
#include "stats_api.h"
#include "viewed_api.h"

enum {
    HEADER_TIMEOUT_MS = 10 * 1000,
    BODY_TIMEOUT_MS = 15 * 1000,
    IDLE_TIMEOUT_MS = 60 * 1000,
    SEND_BYTES_PER_S_MIN = 8 * 1024, /* a slow link has ten times that */
    REPLY_BYTES_MAX = 8 << 20, /* a page of the longest rows there can be */
};

/* A failed store is told to the client in general, to the log in detail. */
static void reply_store_fault(struct http_reply *reply,
                              const struct fault *fault)
{
    log_error("query failed", log_text("why", fault->text), log_end());
    http_reply_problem(reply, 503, "the store cannot be read at the moment");
}

/* A row that another user's token asks for is not there, for that token. */
struct own_row {
    struct buffer *body;
    const struct access *access;
    const struct http_request *request;
    bool seen;
};

static void add_own_row(void *context, const struct store_row *row)
{
    struct own_row *own = context;
    own->seen = access_sees(own->access, own->request, row->user_id,
                            row->user_id_bytes);
    if (own->seen)
        row_json_write(own->body, row);
}

static void get_one(void *context, struct http_request *request,
                    struct http_reply *reply)
{
    struct api *api = context;
    struct fault fault = {0};
    const char *text = http_request_tail(request);
    struct uuid id;
    if (!uuid_parse(text, strlen(text), &id)) {
        http_reply_problem(reply, 404, "there is no view of that id");
        return;
    }
    struct own_row own = {
        .body = &reply->body, .access = &api->access, .request = request};
    enum result r = store_find(api->store, &id, add_own_row, &own, &fault);
    if (r == RESULT_OK && !own.seen)
        r = RESULT_NOT_FOUND;
    switch (r) {
    case RESULT_OK:
        buffer_append_text(&reply->body, "\n");
        reply->content_type = "application/json";
        http_reply_header(reply, "Cache-Control", "private, no-cache");
        return;
    case RESULT_NOT_FOUND:
        http_reply_problem(reply, 404, "there is no view of that id");
        return;
    default:
        reply_store_fault(reply, &fault);
    }
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

static void add_reason(struct buffer *body, bool *ready, const char *part,
                       const struct fault *why)
{
    CLEANUP(buffer_done) struct buffer text = buffer_make(512);
    buffer_append_format(&text, "%s: %s", part, why->text);
    buffer_append_text(body, *ready ? "" : ",");
    json_write_string(body, text.data, text.bytes);
    *ready = false;
}

static void get_ready(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    struct api *api = context;
    (void)request;
    CLEANUP(buffer_done) struct buffer reasons = buffer_make(2048);
    struct fault why = {0};
    bool ready = true;
    if (!ingest_works(api->ingest, &why))
        add_reason(&reasons, &ready, "store", &why);
    if (!consumer_works(api->consumer, &why))
        add_reason(&reasons, &ready, "broker", &why);
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
    struct api *api = context;
    (void)request;
    metrics_text_write(&reply->body, api->counters, api->store, api->ingest,
                       api->consumer, api->answers);
    live_api_metrics(&reply->body, api->live);
    drill_result_metrics(api->store, &reply->body);
    reply->content_type = METRICS_CONTENT_TYPE;
    reply->coding = HTTP_CODING_CHOOSE;
}

const struct http_route api_routes[] = {
    {.method = "GET",
     .path = "/",
     .access = ACCESS_OPEN,
     .handle = page_html,
     .parameters = {"userId", "videoId", "since", "until", "order", "cursor"}},
    {.method = "GET",
     .path = "/page.css",
     .access = ACCESS_OPEN,
     .handle = page_css},
    {.method = "GET",
     .path = "/page.js",
     .access = ACCESS_OPEN,
     .handle = page_js},
    {.method = "GET",
     .path = "/parts.js",
     .access = ACCESS_OPEN,
     .handle = page_parts_js},
    {.method = "GET",
     .path = "/rows.js",
     .access = ACCESS_OPEN,
     .handle = page_rows_js},
    {.method = "GET",
     .path = "/overview.js",
     .access = ACCESS_OPEN,
     .handle = page_overview_js},
    {.method = "GET",
     .path = "/operator",
     .access = ACCESS_OPEN,
     .handle = page_operator_html},
    {.method = "GET",
     .path = "/operator.css",
     .access = ACCESS_OPEN,
     .handle = page_operator_css},
    {.method = "GET",
     .path = "/operator.js",
     .access = ACCESS_OPEN,
     .handle = page_operator_js},
    {.method = "GET",
     .path = "/operator.json",
     .access = ACCESS_ADMIN,
     .handle = operator_api_get},
    {.method = "GET",
     .path = "/history",
     .access = ACCESS_OWN,
     .handle = list_reply,
     .parameters = {"userId", "videoId", "since", "until", "order", "limit",
                    "skip", "cursor", "sessionId", "total", "fields", "format",
                    "updatedSince"}},
    {.method = "DELETE",
     .path = "/history",
     .access = ACCESS_OWN,
     .handle = admin_erase,
     .parameters = {"userId"}},
    {.method = "GET",
     .path = "/history/stream",
     .access = ACCESS_OWN,
     .handle = live_api_stream,
     .parameters = {"userId", "videoId", "sessionId", "lastEventId"}},
    {.method = "GET",
     .path = "/history/{id}",
     .access = ACCESS_ROW,
     .handle = get_one},
    {.method = "DELETE",
     .path = "/history/{id}",
     .access = ACCESS_ROW,
     .handle = remove_api_delete},
    {.method = "POST",
     .path = "/history/{id}/restore",
     .access = ACCESS_ROW,
     .handle = remove_api_restore},
    {.method = "GET",
     .path = "/continue",
     .access = ACCESS_OWN,
     .handle = continue_get,
     .parameters = {"userId", "limit"}},
    {.method = "DELETE",
     .path = "/continue",
     .access = ACCESS_OWN,
     .handle = continue_dismiss,
     .parameters = {"userId", "videoId"}},
    {.method = "GET",
     .path = "/recording",
     .access = ACCESS_OWN,
     .handle = keeping_get_recording,
     .parameters = {"userId"}},
    {.method = "PUT",
     .path = "/recording",
     .access = ACCESS_OWN,
     .handle = keeping_put_recording,
     .body_bytes_max = KEEPING_BODY_BYTES_MAX,
     .body_types = "application/json",
     .parameters = {"userId"}},
    {.method = "GET",
     .path = "/retention",
     .access = ACCESS_OWN,
     .handle = keeping_get_retention,
     .parameters = {"userId"}},
    {.method = "PUT",
     .path = "/retention",
     .access = ACCESS_OWN,
     .handle = keeping_put_retention,
     .body_bytes_max = KEEPING_BODY_BYTES_MAX,
     .body_types = "application/json",
     .parameters = {"userId"}},
    {.method = "GET",
     .path = "/stats/plays",
     .access = ACCESS_OWN,
     .handle = stats_get_plays,
     .parameters = {"userId", "videoId", "since", "until", "by"}},
    {.method = "GET",
     .path = "/stats/videos",
     .access = ACCESS_OWN,
     .handle = stats_get_videos,
     .parameters = {"userId", "since", "until", "limit"}},
    {.method = "GET",
     .path = "/stats/user",
     .access = ACCESS_OWN,
     .handle = stats_get_user,
     .parameters = {"userId"}},
    {.method = "POST",
     .path = "/viewed",
     .access = ACCESS_WRITE,
     .handle = viewed_api_post,
     .body_bytes_max = VIEWED_BATCH_BYTES_MAX,
     .body_types = VIEWED_API_TYPES},
    {.method = "POST",
     .path = "/imports/{name}",
     .access = ACCESS_WRITE,
     .handle = import_api_post,
     .body_bytes_max = VIEWED_BATCH_BYTES_MAX,
     .body_types = "application/x-ndjson"},
    {.method = "DELETE",
     .path = "/imports/{name}",
     .handle = import_api_delete},
    {.method = "GET",
     .path = "/dead",
     .handle = admin_get_dead,
     .parameters = {"limit"}},
    {.method = "POST",
     .path = "/dead/retry",
     .handle = admin_retry_dead,
     .body_bytes_max = ADMIN_BODY_BYTES_MAX,
     .body_types = "application/json"},
    {.method = "POST",
     .path = "/dead/discard",
     .handle = admin_discard_dead,
     .body_bytes_max = ADMIN_BODY_BYTES_MAX,
     .body_types = "application/json"},
    {.method = "GET",
     .path = "/healthz",
     .access = ACCESS_OPEN,
     .handle = get_health},
    {.method = "GET",
     .path = "/readyz",
     .access = ACCESS_OPEN,
     .handle = get_ready},
    {.method = "GET", .path = "/metrics", .handle = get_metrics},
    {.method = "GET",
     .path = "/openapi.yaml",
     .access = ACCESS_OPEN,
     .handle = documents_openapi_yaml},
    {.method = "GET",
     .path = "/openapi.json",
     .access = ACCESS_OPEN,
     .handle = documents_openapi_json},
    {.method = "GET",
     .path = "/docs",
     .access = ACCESS_OPEN,
     .handle = documents_page},
    {.method = "GET",
     .path = "/docs.css",
     .access = ACCESS_OPEN,
     .handle = documents_page_css},
};
const size_t api_routes_count = sizeof api_routes / sizeof api_routes[0];

static bool request_allowed(void *context, const struct http_route *route,
                            struct http_request *request,
                            struct http_reply *reply)
{
    const struct api *api = context;
    return access_allows(&api->access, route, request, reply);
}

static void request_finished(void *context, const struct http_route *route,
                             unsigned status, uint64_t elapsed_us)
{
    struct api *api = context;
    /* How long a stream was open says nothing of how fast answers are. */
    if (route == NULL || route->handle != live_api_stream)
        metrics_observe(&api->counters->request, elapsed_us);
    api->counters->requests[status / 100 % 6]++;
}

enum result api_start(struct api *api, const struct config *config,
                      struct http_server **ret, struct fault *fault)
{
    struct http_config http = {
        .bind = config->bind,
        .port = config->port,
        .routes = api_routes,
        .routes_count = api_routes_count,
        .context = api,
        .connections_max = config->http_connections_max,
        .header_timeout_ms = HEADER_TIMEOUT_MS,
        .body_timeout_ms = BODY_TIMEOUT_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .send_bytes_per_s_min = SEND_BYTES_PER_S_MIN,
        .reply_bytes_max = REPLY_BYTES_MAX,
        .cors_origins =
            config->cors_origins[0] != '\0' ? config->cors_origins : NULL,
        .connections_per_address_max = config->connections_per_address_max,
        .allows = request_allowed,
        .finished = request_finished,
    };
    struct fault room = {0};
    if (http_server_make_room(http.connections_max, &room) != RESULT_OK)
        log_warn("fewer connections than HTTP_CONNECTIONS_MAX",
                 log_text("why", room.text), log_end());
    return http_server_start(&http, ret, fault);
}
