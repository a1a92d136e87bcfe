#include "list_reply.h"

#include <string.h>

#include "api.h"
#include "changes_reply.h"
#include "cleanup.h"
#include "conditions.h"
#include "json_write.h"
#include "list_export.h"
#include "list_options.h"
#include "list_request.h"
#include "log.h"
#include "row_json.h"

enum {
    ETAG_BYTES = 48,   /* "16-16-gzip", hexadecimal, with quotes and NUL */
    ROW_BYTES = 360,   /* of most rows; a guess too low costs a copy */
    ROWS_AT_ONCE = 64, /* that room is made for */
    LINKS_BYTES_MAX = 8192,
    WISH_SHIFT = 29, /* in a key's options, above all fields */
};

_Static_assert(ROW_FIELDS_ALL < 1 << WISH_SHIFT, "they share a number");

/* What is known of the request before the store is asked. */
struct list_work {
    struct api *api;
    struct store_query query;
    struct list_options options;
    struct list_key_text key; /* what was asked, in one way only */
    bool versioned;           /* the list stands still, at `version` */
    uint64_t version;
    enum http_wish wish;
    bool gzipped; /* what is given is */
    char etag[ETAG_BYTES];
};

static const char *parameter(const void *request, const char *name)
{
    return http_request_parameter(request, name);
}

static char *put_hex(char *to, uint64_t value)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[value >> shift & 0xf];
    return to;
}

/* Each process has its own, so that a version tells of this store alone, and
 * of what it was since it was opened. Each coding has its own, too, RFC 9110
 * section 8.8.3.3. By hand: snprintf() would be a tenth of all the work of an
 * answer that is kept. */
static void write_etag(struct list_work *work, bool gzipped)
{
    static const char ends[2][8] = {"\"", "-gzip\""};
    char *to = work->etag;
    work->gzipped = gzipped;
    *to++ = '"';
    to = put_hex(to, work->api->etag_salt);
    *to++ = '-';
    to = put_hex(to, work->version);
    memcpy(to, ends[gzipped], sizeof ends[gzipped]);
}

static bool is_named(const char *if_none_match, const char *etag)
{
    struct conditions conditions = {.if_none_match = if_none_match};
    struct validators current = {.etag = etag};
    return conditions_check(&conditions, &current, 0) == CONDITION_NOT_MODIFIED;
}

/* In a coding that it would take now. Whether that is the one that it would be
 * given depends on the answer's length, which is not known here; either is an
 * answer of this version. */
static bool client_has_it(struct list_work *work,
                          const struct http_request *request)
{
    const char *named = http_request_header(request, "If-None-Match");
    if (named == NULL)
        return false;
    write_etag(work, true);
    if (work->wish != HTTP_WISH_IDENTITY && is_named(named, work->etag))
        return true;
    write_etag(work, false);
    return work->wish != HTTP_WISH_GZIP_ALONE && is_named(named, work->etag);
}

static void add_headers(const struct list_work *work, struct http_reply *reply,
                        const char *links)
{
    http_reply_header(reply, "Cache-Control", "private, no-cache");
    http_reply_header(reply, "Vary", "Accept, Accept-Encoding");
    reply->coding = reply->status == 200 && work->gzipped
                        ? HTTP_CODING_GZIP
                        : HTTP_CODING_IDENTITY;
    if (work->versioned)
        http_reply_header(reply, "ETag", work->etag);
    if (links[0] != '\0')
        http_reply_header(reply, "Link", links);
}

static void release(void *answer)
{
    answer_release(answer);
}

static void give(struct list_work *work, const struct answer *answer,
                 struct http_reply *reply)
{
    write_etag(work, answer->gzipped);
    reply->content_type = "application/json";
    reply->mapped = answer->body;
    reply->mapped_bytes = answer->body_bytes;
    reply->released = release;
    reply->release_context = (void *)(uintptr_t)answer;
    add_headers(work, reply, answer->links);
}

struct list_body {
    struct buffer *buffer;
    unsigned fields;
    uint32_t rows;
    size_t *ends; /* of each row in `buffer`; NULL: not wanted */
};

static void add_row(void *context, const struct store_row *row)
{
    struct list_body *body = context;
    if (body->rows > 0 && body->ends == NULL)
        buffer_append(body->buffer, ",\n", 2);
    row_json_write_fields(body->buffer, row, body->fields);
    if (body->ends != NULL)
        body->ends[body->rows] = body->buffer->bytes;
    body->rows++;
}

/* Writes where another page is, into the body and as the header's value. */
static void add_link(const struct list_work *work, const char *name,
                     void (*write)(const struct store_query *query,
                                   const struct store_place *place,
                                   struct buffer *buffer),
                     const struct store_place *place, struct buffer *body,
                     struct buffer *links)
{
    CLEANUP(buffer_done) struct buffer link = buffer_make(LINKS_BYTES_MAX);
    write(&work->query, place, &link);
    list_options_link(&work->options, &link);
    buffer_append_format(body, ",\"%s\":", name);
    json_write_string(body, link.data, link.bytes);
    buffer_append_text(links, links->bytes > 0 ? ", <" : "<");
    buffer_append(links, link.data, link.bytes);
    buffer_append_format(links, ">; rel=\"%s\"", name);
}

static void add_links(const struct list_work *work,
                      const struct store_page *page, struct buffer *body,
                      struct buffer *links)
{
    const struct store_query *query = &work->query;
    bool backwards = work->options.backwards;
    /* Backwards, the page's last row is the one that the walk met first. */
    const struct store_place *last = backwards ? &page->first : &page->last;
    const struct store_place *first = backwards ? &page->last : &page->first;
    bool more = backwards ? page->rows > 0 : page->more;
    bool before =
        backwards ? page->more
                  : page->rows > 0 && (query->after_given || query->skip > 0);
    if (more)
        add_link(work, "next", list_request_next, last, body, links);
    if (before)
        add_link(work, "prev", list_request_prev, first, body, links);
}

/* The rows before a place, in the list's order: they are read away from it,
 * into a buffer of their own, and written from the last to the first. Not
 * inlined: 8 kB of stack, which most connections never need. */
__attribute__((noinline)) static enum result
write_backwards(const struct list_work *work, struct buffer *body,
                struct store_page *page, struct fault *fault)
{
    CLEANUP(buffer_done) struct buffer rows = buffer_make(body->limit_bytes);
    size_t ends[STORE_PAGE_ROWS_MAX + 1] = {0};
    struct list_body rows_body = {
        .buffer = &rows, .fields = work->options.fields, .ends = ends + 1};
    struct store_query query = work->query;
    query.oldest_first = !query.oldest_first;
    enum result r =
        store_query(work->api->store, &query, add_row, &rows_body, page, fault);
    if (r != RESULT_OK)
        return r;
    body->failed = body->failed || rows.failed;
    for (uint32_t i = rows_body.rows; i > 0 && !body->failed; i--) {
        buffer_append(body, rows.data + ends[i - 1], ends[i] - ends[i - 1]);
        buffer_append(body, ",\n", i > 1 ? 2 : 0);
    }
    return RESULT_OK;
}

static enum result write_forwards(const struct list_work *work,
                                  struct buffer *body, struct store_page *page,
                                  struct fault *fault)
{
    uint32_t limit = work->query.limit;
    size_t rows = limit < ROWS_AT_ONCE ? limit : ROWS_AT_ONCE;
    (void)buffer_reserve(body, rows * ROW_BYTES);
    struct list_body rows_body = {.buffer = body,
                                  .fields = work->options.fields};
    return store_query(work->api->store, &work->query, add_row, &rows_body,
                       page, fault);
}

static enum result write_page(const struct list_work *work, struct buffer *body,
                              struct buffer *links, struct fault *fault)
{
    struct store_page page;
    buffer_append_text(body, "{\"history\":[");
    enum result r = work->options.backwards
                        ? write_backwards(work, body, &page, fault)
                        : write_forwards(work, body, &page, fault);
    if (r != RESULT_OK)
        return r;
    buffer_append_text(body, "]");
    if (work->query.count) {
        /* From there on it was not counted. */
        buffer_append_text(body, page.total < STORE_TOTAL_MAX
                                     ? ",\"total\":"
                                     : ",\"totalAtLeast\":");
        buffer_append_integer(body, page.total);
    }
    add_links(work, &page, body, links);
    buffer_append_text(body, "}\n");
    buffer_append(links, "", 1);
    return RESULT_OK;
}

/* Whether what was read between then and now is of one version. */
static bool stood_still(const struct list_work *work)
{
    uint64_t version;
    return work->versioned &&
           store_version(work->api->store, &work->query, &version) &&
           version == work->version;
}

static void ask_store(struct list_work *work, struct http_reply *reply)
{
    CLEANUP(buffer_done) struct buffer links = buffer_make(LINKS_BYTES_MAX);
    struct fault fault = {0};
    if (write_page(work, &reply->body, &links, &fault) != RESULT_OK) {
        /* To the client in general, to the log in detail. */
        log_error("query failed", log_text("why", fault.text), log_end());
        http_reply_problem(reply, 503,
                           "the store cannot be read at the moment");
        return;
    }
    work->versioned = stood_still(work);
    write_etag(work, http_gzip_pays(work->wish, reply->body.bytes) &&
                         http_reply_gzip(reply));
    const struct answer *answer = NULL;
    if (work->versioned && !reply->body.failed && !links.failed)
        answer = answer_cache_put(work->api->answers, work->key.bytes,
                                  work->key.count, work->version, &reply->body,
                                  work->gzipped, links.data);
    if (answer != NULL) {
        give(work, answer, reply);
        return;
    }
    reply->content_type = "application/json";
    add_headers(work, reply, links.failed ? "" : links.data);
}

void list_reply(void *api, struct http_request *request,
                struct http_reply *reply)
{
    struct list_work work = {.api = api, .wish = http_request_wish(request)};
    struct fault fault = {0};
    if (http_request_parameter(request, "updatedSince") != NULL) {
        changes_reply(api, request, reply);
        return;
    }
    if (list_request_read(parameter, request, &work.query, &fault) !=
            RESULT_OK ||
        list_options_read(parameter, request,
                          http_request_header(request, "Accept"), &work.options,
                          &fault) != RESULT_OK) {
        http_reply_problem(reply, 400, "%s", fault.text);
        return;
    }
    if (work.options.format != LIST_JSON) {
        list_export(work.api->store, &work.query, &work.options, reply);
        return;
    }
    work.versioned = store_version(work.api->store, &work.query, &work.version);
    const struct answer *answer = NULL;
    if (work.versioned) {
        if (client_has_it(&work, request)) {
            reply->status = 304;
            add_headers(&work, reply, "");
            return;
        }
        list_request_key(&work.query, &work.key);
        uint32_t options = work.options.fields |
                           (uint32_t)work.wish << WISH_SHIFT |
                           (work.options.backwards ? 1U << 31 : 0);
        memcpy(work.key.bytes + work.key.count, &options, sizeof options);
        work.key.count += sizeof options;
        answer = answer_cache_find(work.api->answers, work.key.bytes,
                                   work.key.count, work.version);
    }
    if (answer != NULL)
        give(&work, answer, reply);
    else
        ask_store(&work, reply);
}
