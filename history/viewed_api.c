#include "viewed_api.h"

#include <string.h>
#include <strings.h>

#include "api.h"
#include "clock.h"

static void refuse(struct http_reply *reply, enum result result,
                   const struct fault *fault)
{
    if (result == RESULT_MALFORMED) {
        http_reply_problem(reply, 400, "%s",
                           fault->text[0] != '\0' ? fault->text
                                                  : "this cannot be a view");
        return;
    }
    http_reply_problem(reply, 503, "the view is not stored: try again");
    http_reply_header(reply, "Retry-After", "1");
}

static void post_one(struct api *api, const char *body, size_t body_bytes,
                     const char *traceparent, struct http_reply *reply)
{
    struct fault fault = {0};
    struct ingest_view view = {.received_ms = clock_now_ms()};
    struct viewed_envelope envelope = {.received_ms = view.received_ms,
                                       .traceparent = traceparent};
    if (body_bytes > VIEWED_BODY_BYTES_MAX) {
        http_reply_problem(reply, 413, "a view is over %d bytes",
                           VIEWED_BODY_BYTES_MAX);
        return;
    }
    enum result r =
        viewed_decode(body, body_bytes, &envelope, &view.viewed, &fault);
    if (r == RESULT_OK)
        r = ingest_submit_and_wait(api->ingest, &view);
    if (r != RESULT_OK) {
        refuse(reply, r, &fault);
        return;
    }
    char id[UUID_TEXT_BYTES];
    uuid_format(&view.viewed.id, id);
    buffer_append_format(&reply->body, "{\"id\":\"%s\",\"stored\":%s}\n", id,
                         view.written == STORE_NEW ? "true" : "false");
}

static bool begins_array(const char *body, size_t bytes)
{
    size_t at = 0;
    while (at < bytes && strchr(" \t\r\n", body[at]) != NULL)
        at++;
    return at < bytes && body[at] == '[';
}

void viewed_api_post(void *context, struct http_request *request,
                     struct http_reply *reply)
{
    static const char ndjson[] = "application/x-ndjson";
    struct api *api = context;
    struct fault fault = {0};
    size_t bytes;
    const char *body = http_request_body(request, &bytes);
    const char *type = http_request_header(request, "Content-Type");
    const char *traceparent = http_request_header_once(request, "traceparent");
    bool lines =
        type != NULL && strncasecmp(type, ndjson, sizeof ndjson - 1) == 0;
    reply->content_type = "application/json";
    if (!lines && !begins_array(body, bytes)) {
        post_one(api, body, bytes, traceparent, reply);
        return;
    }
    struct viewed_batch_input input = {body, bytes, lines, traceparent};
    enum result r =
        viewed_batch_store(api->ingest, &input, &reply->body, &fault);
    if (r != RESULT_OK)
        refuse(reply, r, &fault);
}
