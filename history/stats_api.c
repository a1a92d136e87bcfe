#include "stats_api.h"

#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "clock.h"
#include "json_write.h"
#include "list_request.h"
#include "log.h"
#include "stats.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

enum {
    DAYS_DEFAULT = 30,
    TOP_DEFAULT = 10,
};

static void reply_fault(struct http_reply *reply, enum result r,
                        const struct fault *fault)
{
    if (r == RESULT_MALFORMED) {
        http_reply_problem(reply, 400, "%s", fault->text);
        return;
    }
    log_error("not counted", log_text("why", fault->text), log_end());
    http_reply_problem(reply, 503, "the store cannot be read at the moment");
}

static void reply_json(struct http_reply *reply)
{
    buffer_append_text(&reply->body, "}\n");
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "private, no-cache");
}

static const char *parameter(const void *request, const char *name)
{
    return http_request_parameter(request, name);
}

/* userId, videoId, since, until, limit. */
static enum result read_query(const struct http_request *request,
                              struct store_query *ret, struct fault *fault)
{
    return list_request_read(parameter, request, ret, fault);
}

/* The last days up to now, where the request does not say. */
static void default_times(const struct http_request *request,
                          struct store_query *query)
{
    if (http_request_parameter(request, "until") == NULL)
        query->until_ms = clock_now_ms() + 1;
    if (http_request_parameter(request, "since") == NULL)
        query->since_ms = query->until_ms - DAYS_DEFAULT * DAY_MS;
}

static void write_time(struct buffer *body, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format(ms < CLOCK_MIN_MS ? CLOCK_MIN_MS : ms, text);
    buffer_append_format(body, ",\"%s\":\"%s\"", name, text);
}

/* --- plays ---------------------------------------------------------------- */

struct plays {
    struct buffer *body;
    bool begun;
};

static void add_bucket(void *context, int64_t start_ms, int64_t plays)
{
    struct plays *all = context;
    buffer_append_format(all->body, "%s\n{\"plays\":%lld",
                         all->begun ? "," : "", (long long)plays);
    write_time(all->body, "start", start_ms);
    buffer_append_text(all->body, "}");
    all->begun = true;
}

static enum result read_bucket(const struct http_request *request,
                               int64_t *ret_ms, struct fault *fault)
{
    const char *by = http_request_parameter(request, "by");
    *ret_ms = DAY_MS;
    if (by == NULL || strcmp(by, "day") == 0)
        return RESULT_OK;
    if (strcmp(by, "hour") != 0)
        return fault_set(fault, RESULT_MALFORMED, "by must be hour or day");
    *ret_ms = HOUR_MS;
    return RESULT_OK;
}

void stats_get_plays(void *context, struct http_request *request,
                     struct http_reply *reply)
{
    const struct api *api = context;
    struct fault fault = {0};
    struct store_query query;
    struct plays plays = {.body = &reply->body};
    int64_t bucket_ms = 0;
    enum result r = read_query(request, &query, &fault);
    if (r == RESULT_OK)
        r = read_bucket(request, &bucket_ms, &fault);
    if (r == RESULT_OK) {
        default_times(request, &query);
        buffer_append_format(&reply->body, "{\"by\":\"%s\",\"plays\":[",
                             bucket_ms == DAY_MS ? "day" : "hour");
        r = stats_plays(api->store, &query, bucket_ms, add_bucket, &plays,
                        &fault);
    }
    if (r != RESULT_OK) {
        reply_fault(reply, r, &fault);
        return;
    }
    buffer_append_text(&reply->body, "]");
    reply_json(reply);
}

/* --- videos --------------------------------------------------------------- */

static enum result read_limit(const struct http_request *request, uint32_t *ret,
                              struct fault *fault)
{
    const char *text = http_request_parameter(request, "limit");
    *ret = TOP_DEFAULT;
    return text == NULL ? RESULT_OK
                        : list_request_number("limit", text, 1, STATS_TOP_MAX,
                                              ret, fault);
}

static void write_top(struct buffer *body, const struct stats_top *top)
{
    buffer_append_text(body, "{\"videos\":[");
    for (size_t i = 0; i < top->count; i++) {
        const struct stats_video *video = &top->videos[i];
        buffer_append_format(body, "%s\n{\"videoId\":", i > 0 ? "," : "");
        json_write_text(body, video->id);
        if (video->path[0] != '\0') {
            buffer_append_text(body, ",\"videoPath\":");
            json_write_text(body, video->path);
        }
        buffer_append_format(body, ",\"plays\":%lld}", (long long)video->plays);
    }
    buffer_append_format(body, "],\"complete\":%s",
                         top->complete ? "true" : "false");
}

void stats_get_videos(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    const struct api *api = context;
    struct fault fault = {0};
    struct store_query query;
    uint32_t most = 0;
    struct stats_top *top = calloc(1, sizeof *top);
    enum result r = top != NULL
                        ? RESULT_OK
                        : fault_set(&fault, RESULT_UNAVAILABLE, "no memory");
    if (r == RESULT_OK)
        r = read_limit(request, &most, &fault);
    if (r == RESULT_OK)
        r = read_query(request, &query, &fault);
    if (r == RESULT_OK) {
        default_times(request, &query);
        r = stats_videos(api->store, &query, most, top, &fault);
    }
    if (r == RESULT_OK) {
        write_top(&reply->body, top);
        reply_json(reply);
    } else {
        reply_fault(reply, r, &fault);
    }
    free(top);
}

/* --- of a user ------------------------------------------------------------ */

static enum result count_user(struct store *store,
                              const struct store_query *query,
                              struct buffer *body, struct fault *fault)
{
    struct stats_span span = {0};
    struct stats_top *top = calloc(1, sizeof *top);
    if (top == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    enum result r = stats_span(store, query, &span, fault);
    if (r == RESULT_OK)
        r = stats_videos(store, query, 1, top, fault);
    if (r == RESULT_OK) {
        buffer_append_text(body, "{\"userId\":");
        json_write_text(body, query->user_id);
        buffer_append_format(body, ",\"plays\":%lld,\"videos\":%zu",
                             (long long)span.plays, top->seen);
        if (span.plays > 0) {
            write_time(body, "firstViewedAt", span.first_ms);
            write_time(body, "lastViewedAt", span.last_ms);
        }
        buffer_append_format(body, ",\"complete\":%s",
                             top->complete ? "true" : "false");
    }
    free(top);
    return r;
}

void stats_get_user(void *context, struct http_request *request,
                    struct http_reply *reply)
{
    const struct api *api = context;
    struct fault fault = {0};
    struct store_query query;
    enum result r = read_query(request, &query, &fault);
    if (r == RESULT_OK && query.user_id == NULL)
        r = fault_set(&fault, RESULT_MALFORMED, "say whose: userId");
    if (r == RESULT_OK)
        r = count_user(api->store, &query, &reply->body, &fault);
    if (r == RESULT_OK)
        reply_json(reply);
    else
        reply_fault(reply, r, &fault);
}
