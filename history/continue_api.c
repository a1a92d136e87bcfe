#include "continue_api.h"

#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "clock.h"
#include "continue_list.h"
#include "list_request.h"
#include "log.h"
#include "row_json.h"
#include "store_dismissed.h"

static void reply_fault(struct http_reply *reply, enum result r,
                        const struct fault *fault)
{
    if (r == RESULT_MALFORMED) {
        http_reply_problem(reply, 400, "%s", fault->text);
        return;
    }
    log_error("what to continue is not known", log_text("why", fault->text),
              log_end());
    http_reply_problem(reply, 503, "the store cannot be used at the moment");
}

static enum result read_user(const struct http_request *request,
                             const char **ret, struct fault *fault)
{
    const char *text = http_request_parameter(request, "userId");
    return list_request_text("userId", text != NULL ? text : "",
                             VIEWED_USER_BYTES_MAX, ret, fault);
}

struct rows {
    struct buffer *body;
    bool any;
};

static void add_row(void *context, const struct store_row *row)
{
    struct rows *rows = context;
    buffer_append_text(rows->body, rows->any ? ",\n" : "");
    row_json_write(rows->body, row);
    rows->any = true;
}

void continue_get(void *context, struct http_request *request,
                  struct http_reply *reply)
{
    const struct api *api = context;
    struct fault fault = {0};
    const char *user_id = NULL;
    const char *text = http_request_parameter(request, "limit");
    uint32_t limit = CONTINUE_LIMIT_DEFAULT;
    struct rows rows = {.body = &reply->body};
    enum result r = read_user(request, &user_id, &fault);
    if (r == RESULT_OK && text != NULL)
        r = list_request_number("limit", text, 1, CONTINUE_LIMIT_MAX, &limit,
                                &fault);
    buffer_append_text(&reply->body, "{\"continue\":[");
    if (r == RESULT_OK)
        r = continue_list(api->store, user_id, limit, add_row, &rows, &fault);
    if (r != RESULT_OK) {
        reply_fault(reply, r, &fault);
        return;
    }
    buffer_append_text(&reply->body, "]}\n");
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "private, no-cache");
}

struct dismissal {
    const char *user_id;
    const char *video;
    int64_t until_ms;
};

static enum result note(struct store *store, void *context, struct fault *fault)
{
    const struct dismissal *dismissal = context;
    return store_dismiss(store, dismissal->user_id, dismissal->video,
                         dismissal->until_ms, fault);
}

/* Up to now, since a view from before may still be on its way, or up to the
 * view that is shown where its clock was ahead. */
void continue_dismiss(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    const struct api *api = context;
    struct fault fault = {0};
    struct dismissal dismissal = {.until_ms = clock_now_ms()};
    const char *text = http_request_parameter(request, "videoId");
    int64_t viewed_at_ms = 0;
    enum result r = read_user(request, &dismissal.user_id, &fault);
    if (r == RESULT_OK)
        r = list_request_text("videoId", text != NULL ? text : "",
                              VIEWED_PATH_BYTES_MAX, &dismissal.video, &fault);
    if (r == RESULT_OK)
        r = continue_find(api->store, dismissal.user_id, dismissal.video,
                          &viewed_at_ms, &fault);
    if (r == RESULT_OK) {
        if (viewed_at_ms > dismissal.until_ms)
            dismissal.until_ms = viewed_at_ms;
        r = ingest_run(api->ingest, note, &dismissal, &fault);
    }
    if (r == RESULT_OK || r == RESULT_NOT_FOUND) /* it is not shown then */
        reply->status = 204;
    else
        reply_fault(reply, r, &fault);
}
