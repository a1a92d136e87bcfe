#include "changes_reply.h"

#include "cleanup.h"
#include "clock.h"
#include "cursor.h"
#include "json_write.h"
#include "list_request.h"
#include "log.h"
#include "row_json.h"
#include "store_changes.h"

enum {
    LINK_BYTES_MAX = 8192,
};

/* How the answer to GET /history is made otherwise. */
static const char *const others[] = {
    "since", "until", "order", "skip", "sessionId", "total", "fields", "format",
};

static enum result refuse_others(const struct http_request *request,
                                 struct fault *fault)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (http_request_parameter(request, others[i]) != NULL)
            return fault_set(fault, RESULT_MALFORMED,
                             "updatedSince and %s exclude each other",
                             others[i]);
    return RESULT_OK;
}

static enum result read_query(const struct http_request *request,
                              struct store_changes_query *ret,
                              struct fault *fault)
{
    struct store_changes_query query = {.limit = LIST_LIMIT_DEFAULT};
    const char *text;
    enum result r = refuse_others(request, fault);
    if (r == RESULT_OK)
        r = list_request_time("updatedSince",
                              http_request_parameter(request, "updatedSince"),
                              &query.since_ms, fault);
    if (r == RESULT_OK &&
        (text = http_request_parameter(request, "userId")) != NULL)
        r = list_request_text("userId", text, VIEWED_USER_BYTES_MAX,
                              &query.user_id, fault);
    if (r == RESULT_OK &&
        (text = http_request_parameter(request, "videoId")) != NULL)
        r = list_request_text("videoId", text, VIEWED_VIDEO_BYTES_MAX,
                              &query.video_id, fault);
    if (r == RESULT_OK &&
        (text = http_request_parameter(request, "limit")) != NULL)
        r = list_request_number("limit", text, 1, STORE_PAGE_ROWS_MAX,
                                &query.limit, fault);
    if (r == RESULT_OK &&
        (text = http_request_parameter(request, "cursor")) != NULL) {
        query.after_given = true;
        if (!cursor_parse_change(text, &query.after, &query.after_check))
            r = fault_set(fault, RESULT_MALFORMED,
                          "cursor is not one that this service gave out for "
                          "updatedSince");
    }
    if (r == RESULT_OK)
        *ret = query;
    return r;
}

struct writing {
    struct buffer *body;
    const char *user_id; /* who was asked for, or NULL */
    bool any;
};

static void begin_row(struct writing *writing)
{
    buffer_append_text(writing->body, writing->any ? ",\n" : "");
    writing->any = true;
}

static void add_view(void *context, const struct store_row *row)
{
    struct writing *writing = context;
    begin_row(writing);
    row_json_write(writing->body, row);
}

static void add_removal(void *context, const struct store_removal *removal)
{
    struct writing *writing = context;
    char id[UUID_TEXT_BYTES];
    char time[CLOCK_TEXT_BYTES];
    uuid_format(&removal->id, id);
    clock_format(removal->removed_ms, time);
    begin_row(writing);
    buffer_append_format(writing->body, "{\"_id\":\"%s\"", id);
    if (writing->user_id != NULL) {
        buffer_append_text(writing->body, ",\"userId\":");
        json_write_text(writing->body, writing->user_id);
    }
    buffer_append_format(writing->body,
                         ",\"deleted\":true,\"deletedAt\":\"%s\"}", time);
}

static void add_parameter(struct buffer *buffer, const char *name,
                          const char *value)
{
    if (value == NULL)
        return;
    buffer_append_text(buffer, name);
    http_query_encode(buffer, value);
}

static void write_link(const struct store_changes_query *query,
                       const char *cursor, struct buffer *link)
{
    char time[CLOCK_TEXT_BYTES];
    clock_format(query->since_ms, time);
    buffer_append_text(link, "/history?updatedSince=");
    http_query_encode(link, time);
    buffer_append_text(link, "&limit=");
    buffer_append_integer(link, query->limit);
    add_parameter(link, "&userId=", query->user_id);
    add_parameter(link, "&videoId=", query->video_id);
    add_parameter(link, "&cursor=", cursor);
}

static void end_page(const struct store_changes_query *query,
                     const struct store_changes_page *page,
                     struct http_reply *reply)
{
    CLEANUP(buffer_done) struct buffer link = buffer_make(LINK_BYTES_MAX);
    char cursor[CURSOR_TEXT_BYTES];
    cursor_format_change(page->last, page->last_check, cursor);
    write_link(query, cursor, &link);
    buffer_append_format(&reply->body, "],\"cursor\":\"%s\"", cursor);
    if (page->more && !link.failed) {
        CLEANUP(buffer_done)
        struct buffer header = buffer_make(LINK_BYTES_MAX);
        buffer_append_text(&reply->body, ",\"next\":");
        json_write_string(&reply->body, link.data, link.bytes);
        buffer_append_text(&header, "<");
        buffer_append(&header, link.data, link.bytes);
        buffer_append(&header, ">; rel=\"next\"", sizeof ">; rel=\"next\"");
        if (!header.failed)
            http_reply_header(reply, "Link", header.data);
    }
    buffer_append_text(&reply->body, "}\n");
    reply->content_type = "application/json";
    reply->coding = HTTP_CODING_CHOOSE;
    http_reply_header(reply, "Cache-Control", "private, no-cache");
}

void changes_reply(const struct api *api, struct http_request *request,
                   struct http_reply *reply)
{
    struct fault fault = {0};
    struct store_changes_query query;
    struct store_changes_page page;
    if (read_query(request, &query, &fault) != RESULT_OK) {
        http_reply_problem(reply, 400, "%s", fault.text);
        return;
    }
    struct writing writing = {.body = &reply->body, .user_id = query.user_id};
    struct store_changes_taker taker = {add_view, add_removal, &writing};
    buffer_append_text(&reply->body, "{\"history\":[");
    enum result r = store_changes(api->store, &query, &taker, &page, &fault);
    if (r == RESULT_OK) {
        end_page(&query, &page, reply);
    } else if (r == RESULT_NOT_FOUND) {
        http_reply_problem(reply, 400,
                           "cursor is of another history: begin anew");
    } else {
        log_error("changes cannot be read", log_text("why", fault.text),
                  log_end());
        http_reply_problem(reply, 503,
                           "the store cannot be read at the moment");
    }
}
