#include "http_server.h"

#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "http_accept_coding.h"
#include "http_coding.h"
#include "http_connections.h"
#include "http_head.h"
#include "http_route.h"

enum {
    LISTEN_BACKLOG = 1024,
    TAIL_BYTES_MAX = 256,
    OTHER_FILES = 256, /* databases, videos, the broker */
    /* What a client may still send after it went over the body limit, so
     * that it can read the answer; then it is cut. */
    SURPLUS_BODY_BYTES_MAX = 1 << 20,
    STREAM_BLOCK_BYTES = 4096, /* for clients that know no chunks */
    STOP_CLOSE_MS = 1000, /* closing takes no longer, but for a stuck handler */
};

/* How long a browser keeps our answer to its preflight. */
#define PREFLIGHT_MAX_AGE_S "600"

struct http_server {
    struct http_config config;
    struct MHD_Daemon *daemon;
    struct http_connections *connections;
    struct http_coder *coder;
    uint16_t port;
    bool refusing;
    MHD_socket quiesced; /* the listening socket, once refusing */
};

struct http_request {
    struct http_server *server;
    struct MHD_Connection *mhd;
    struct http_connection *connection;
    const struct http_route *route;
    char *path; /* path, NUL, query; one allocation */
    char *query_text;
    struct http_query query;
    char tail[TAIL_BYTES_MAX];
    struct buffer body;
    size_t surplus_bytes;
    bool begun;
    bool head;
    bool coded_body; /* refused for its Content-Encoding */
    bool close;      /* after the answer: the framing cannot be trusted */
    unsigned refusal_status; /* 0: the handler answers */
    struct fault refusal;
    struct buffer allow;
    struct http_reply reply;
    unsigned status; /* that was sent */
    int64_t started_us;
};

static int64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

const char *http_request_parameter(const struct http_request *request,
                                   const char *name)
{
    return http_query_get(&request->query, name);
}

const char *http_request_header(const struct http_request *request,
                                const char *name)
{
    return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

struct field_search {
    const char *name;
    const char *value;
    unsigned found;
};

static enum MHD_Result search_field(void *context, enum MHD_ValueKind kind,
                                    const char *name, const char *value)
{
    struct field_search *search = context;
    (void)kind;
    if (strcasecmp(name, search->name) != 0)
        return MHD_YES;
    search->value = value;
    search->found++;
    return MHD_YES;
}

const char *http_request_header_once(const struct http_request *request,
                                     const char *name)
{
    struct field_search search = {.name = name};
    MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, search_field,
                              &search);
    return search.found == 1 ? search.value : NULL;
}

static enum MHD_Result take_coding(void *context, enum MHD_ValueKind kind,
                                   const char *name, const char *value)
{
    (void)kind;
    if (value != NULL && strcasecmp(name, "Accept-Encoding") == 0)
        http_accept_coding_take(context, value);
    return MHD_YES;
}

enum http_wish http_request_wish(const struct http_request *request)
{
    struct http_accept_coding accept = HTTP_ACCEPT_CODING_NONE;
    MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, take_coding,
                              &accept);
    return http_accept_coding_wish(&accept);
}

const char *http_request_tail(const struct http_request *request)
{
    return request->tail;
}

const char *http_request_body(const struct http_request *request,
                              size_t *ret_bytes)
{
    *ret_bytes = request->body.bytes;
    return request->body.data;
}

bool http_request_is_head(const struct http_request *request)
{
    return request->head;
}

const char *http_request_query(const struct http_request *request)
{
    return request->query_text;
}

int http_request_socket(const struct http_request *request)
{
    return http_connection_socket(request->connection);
}

uint64_t http_request_connection(const struct http_request *request)
{
    return http_connection_number(request->connection);
}

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

/* The raw target is kept: libmicrohttpd's own unescaping is not strict. One
 * allocation: the path, NUL, and the query. NULL without memory. */
static char *path_make(const char *target, char **ret_query)
{
    const char *rest = http_target_path(target);
    bool bare = rest != target && *rest != '/';
    size_t bytes = strlen(rest);
    char *path = malloc(bytes + 2);
    if (path == NULL)
        return NULL;
    path[0] = '/';
    memcpy(path + (bare ? 1 : 0), rest, bytes + 1);
    char *query = strchr(path, '?');
    if (query != NULL)
        *query++ = '\0';
    *ret_query = query != NULL ? query : path + strlen(path);
    return path;
}

static void *request_begin(void *context, const char *target,
                           struct MHD_Connection *mhd)
{
    struct http_server *server = context;
    struct http_connection *connection = connection_of(mhd);
    struct http_request *request = calloc(1, sizeof *request);
    char *query = NULL;
    char *path = target != NULL ? path_make(target, &query) : NULL;
    if (request == NULL || path == NULL || connection == NULL) {
        free(request);
        free(path);
        return NULL;
    }
    http_connection_phase(connection, HTTP_PHASE_HEADERS);
    request->server = server;
    request->mhd = mhd;
    request->connection = connection;
    request->path = path;
    request->query_text = query;
    request->allow = buffer_make(128);
    request->reply.status = MHD_HTTP_OK;
    request->reply.file = -1;
    request->reply.body = buffer_make(server->config.reply_bytes_max);
    request->reply.headers = buffer_make(HTTP_REPLY_HEADERS_BYTES_MAX);
    request->started_us = now_us();
    return request;
}

static void request_free(struct http_request *request)
{
    free(request->path);
    http_query_done(&request->query);
    buffer_done(&request->body);
    buffer_done(&request->allow);
    buffer_done(&request->reply.body);
    buffer_done(&request->reply.headers);
    free(request);
}

static void request_end(void *context, struct MHD_Connection *mhd,
                        void **request_context,
                        enum MHD_RequestTerminationCode code)
{
    struct http_server *server = context;
    struct http_request *request = *request_context;
    (void)mhd;
    if (request == NULL)
        return;
    *request_context = NULL;
    http_connection_phase(request->connection, HTTP_PHASE_IDLE);
    if (request->reply.sent != NULL)
        request->reply.sent(request->reply.sent_context,
                            code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    if (server->config.finished != NULL && request->status != 0)
        server->config.finished(server->config.context, request->route,
                                request->status,
                                (uint64_t)(now_us() - request->started_us));
    request_free(request);
}

__attribute__((format(printf, 3, 4))) static void
refuse(struct http_request *request, unsigned status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(request->refusal.text, sizeof request->refusal.text, format,
                    arguments);
    va_end(arguments);
    request->refusal_status = status;
}

static enum MHD_Result take_field(void *context, enum MHD_ValueKind kind,
                                  const char *name, const char *value)
{
    (void)kind;
    http_head_field(context, name, value != NULL ? value : "");
    return MHD_YES;
}

/* What holds whatever the request is for; after a refusal the rest of what
 * comes cannot be trusted. */
static void check_head(struct http_request *request, const char *version)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        request->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info != NULL && info->header_size > HTTP_HEAD_BYTES_MAX) {
        refuse(request, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
               "the request's head is over %d bytes", HTTP_HEAD_BYTES_MAX);
        request->close = true;
        return;
    }
    struct http_head head = {0};
    const char *why;
    MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, take_field, &head);
    unsigned status = http_head_refusal(&head, version, &why);
    if (status == 0)
        return;
    refuse(request, status, "%s", why);
    request->close = true;
}

/* What the head says of the body's size; chunked says nothing, but that there
 * is one. */
static uint64_t body_announced(const struct http_request *request)
{
    const char *length = http_request_header(request, "Content-Length");
    if (length != NULL)
        return strtoull(length, NULL, 10);
    return http_request_header(request, "Transfer-Encoding") != NULL ? 1 : 0;
}

static void check_length(struct http_request *request)
{
    size_t limit = request->route->body_bytes_max;
    if (body_announced(request) > limit)
        refuse(request, MHD_HTTP_CONTENT_TOO_LARGE,
               limit == 0 ? "this route takes no body"
                          : "the body is over %zu bytes",
               limit);
}

static void check_query(struct http_request *request)
{
    enum result r = http_query_parse(request->query_text, &request->query,
                                     &request->refusal);
    if (r != RESULT_OK) {
        request->refusal_status = r == RESULT_MALFORMED
                                      ? MHD_HTTP_BAD_REQUEST
                                      : MHD_HTTP_SERVICE_UNAVAILABLE;
        return;
    }
    for (size_t i = 0; i < request->query.count; i++) {
        const char *name = request->query.parameters[i].name;
        if (!http_route_takes(request->route, name)) {
            refuse(request, MHD_HTTP_BAD_REQUEST,
                   "unknown query parameter '%.40s'", name);
            return;
        }
    }
}

static bool origin_is_allowed(const char *allowed, const char *origin)
{
    size_t origin_bytes = strlen(origin);
    if (strpbrk(origin, "\t\r\n") != NULL)
        return false; /* could not be repeated in a header */
    while (*allowed != '\0') {
        size_t bytes = strcspn(allowed, ",");
        if ((bytes == 1 && allowed[0] == '*') ||
            (bytes == origin_bytes && strncmp(allowed, origin, bytes) == 0))
            return true;
        allowed += bytes + (allowed[bytes] == ',' ? 1 : 0);
    }
    return false;
}

/* The question of a browser whether a page of another origin may send what it
 * wants to (WHATWG Fetch, CORS-preflight request). */
static bool is_preflight(const struct http_request *request, const char *method)
{
    const char *allowed = request->server->config.cors_origins;
    const char *origin = http_request_header(request, "Origin");
    return allowed != NULL && origin != NULL &&
           strcmp(method, "OPTIONS") == 0 &&
           http_request_header(request, "Access-Control-Request-Method") !=
               NULL &&
           origin_is_allowed(allowed, origin);
}

/* Nothing that comes is expanded, so nothing can grow beyond its limit. */
static void check_coding(struct http_request *request)
{
    const char *coding = http_request_header(request, "Content-Encoding");
    if (coding == NULL || request->route->body_bytes_max == 0 ||
        strcasecmp(coding, "identity") == 0)
        return;
    refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
           "the body must come without a Content-Encoding");
    request->coded_body = true;
}

static void check_route(struct http_request *request, const char *method)
{
    const struct http_config *config = &request->server->config;
    const char *tail = NULL;
    request->head = strcmp(method, "HEAD") == 0;
    switch (http_route_find(config->routes, config->routes_count, method,
                            request->path, &request->route, &tail,
                            &request->allow)) {
    case RESULT_OK:
        break;
    case RESULT_MALFORMED:
        if (is_preflight(request, method)) {
            request->refusal_status = MHD_HTTP_NO_CONTENT;
            return;
        }
        refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED,
               "this path does not take the method %.20s", method);
        return;
    default:
        refuse(request, MHD_HTTP_NOT_FOUND, "there is no such path");
        return;
    }
    check_length(request);
    if (request->refusal_status == 0 && tail != NULL &&
        http_segment_decode(tail, strcspn(tail, "/"), request->tail,
                            sizeof request->tail,
                            &request->refusal) != RESULT_OK)
        request->refusal_status = MHD_HTTP_BAD_REQUEST;
    if (request->refusal_status == 0)
        check_query(request);
    if (request->refusal_status == 0 && request->route->body_bytes_max > 0 &&
        !http_route_takes_type(request->route,
                               http_request_header(request, "Content-Type")))
        refuse(request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
               "the body's Content-Type must be %s",
               request->route->body_types);
    if (request->refusal_status == 0)
        check_coding(request);
    request->body = buffer_make(request->route->body_bytes_max);
}

/* Decides all that can be decided from the head of the request. */
static void request_check(struct http_request *request, const char *method,
                          const char *version)
{
    check_head(request, version);
    if (request->refusal_status != 0)
        return;
    check_route(request, method);
    /* A refused body is read all the same, since closing before it came
     * would take the answer away from the client. Not one that is too much
     * to read, and not one that waits for our leave (100-continue). */
    if (request->refusal_status != 0 &&
        (body_announced(request) > SURPLUS_BODY_BYTES_MAX ||
         http_request_header(request, "Expect") != NULL))
        request->close = true;
}

static void add_cors(struct http_request *request)
{
    const char *allowed = request->server->config.cors_origins;
    const char *origin = http_request_header(request, "Origin");
    if (allowed == NULL)
        return;
    http_reply_header(&request->reply, "Vary", "Origin");
    if (origin == NULL || !origin_is_allowed(allowed, origin))
        return;
    http_reply_header(&request->reply, "Access-Control-Allow-Origin", origin);
    http_reply_header(&request->reply, "Access-Control-Expose-Headers",
                      "Link, ETag");
}

/* Before `released`, as http_server.h promises. */
static void tell_not_sent(struct http_reply *reply)
{
    if (reply->sent != NULL)
        reply->sent(reply->sent_context, false);
    reply->sent = NULL;
}

/* For the slowest reader that is waited for. */
static uint64_t time_for(uint64_t bytes, uint32_t bytes_per_s_min)
{
    return bytes_per_s_min > 0 ? bytes / bytes_per_s_min * 1000 : 0;
}

/* What a body that comes bit by bit needs, for as long as the reply lives. */
struct stream {
    struct http_connection *connection;
    uint32_t bytes_per_s_min;
    size_t (*more)(void *context, char *out, size_t out_bytes);
    void *context;
    void (*released)(void *context);
    void *release_context;
};

static ssize_t stream_more(void *context, uint64_t at, char *out, size_t bytes)
{
    struct stream *stream = context;
    (void)at;
    http_connection_phase(stream->connection, HTTP_PHASE_REPLY);
    size_t written = stream->more(stream->context, out, bytes);
    if (written == HTTP_MORE_FAILED)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    http_connection_send(stream->connection,
                         time_for(written, stream->bytes_per_s_min));
    return written > 0 ? (ssize_t)written : MHD_CONTENT_READER_END_OF_STREAM;
}

static void stream_free(void *context)
{
    struct stream *stream = context;
    if (stream->released != NULL)
        stream->released(stream->release_context);
    free(stream);
}

static struct MHD_Response *stream_make(struct http_request *request)
{
    struct http_reply *reply = &request->reply;
    struct stream *stream = malloc(sizeof *stream);
    struct MHD_Response *response = NULL;
    if (stream != NULL) {
        *stream = (struct stream){
            request->connection, request->server->config.send_bytes_per_s_min,
            reply->more,         reply->more_context,
            reply->released,     reply->release_context};
        response = MHD_create_response_from_callback(
            MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, stream_more, stream,
            stream_free);
    }
    if (response == NULL) {
        free(stream);
        tell_not_sent(reply);
        if (reply->released != NULL)
            reply->released(reply->release_context);
    }
    return response;
}

/* Hands what the reply holds over to libmicrohttpd; NULL without memory. */
static struct MHD_Response *response_make(struct http_request *request)
{
    struct http_reply *reply = &request->reply;
    struct MHD_Response *response;
    if (reply->more != NULL)
        return stream_make(request);
    if (reply->mapped != NULL) {
        /* The callback variant takes the bytes as they are: no copy. */
        response = MHD_create_response_from_buffer_with_free_callback_cls(
            reply->mapped_bytes, (void *)(uintptr_t)reply->mapped,
            reply->released, reply->release_context);
        if (response == NULL)
            tell_not_sent(reply);
        if (response == NULL && reply->released != NULL)
            reply->released(reply->release_context);
        return response;
    }
    if (reply->file >= 0) {
        response = MHD_create_response_from_fd_at_offset64(
            reply->file_bytes, reply->file, reply->file_offset);
        if (response == NULL)
            (void)close(reply->file);
        return response;
    }
    size_t bytes = 0;
    char *data = buffer_take(&reply->body, &bytes);
    response =
        MHD_create_response_from_buffer(bytes, data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(data);
    return response;
}

static bool add_headers(struct MHD_Response *response,
                        const struct http_reply *reply)
{
    bool whole = true;
    if (reply->content_type != NULL)
        whole = MHD_add_response_header(response, "Content-Type",
                                        reply->content_type) == MHD_YES;
    size_t at = 0;
    while (whole && at < reply->headers.bytes) {
        const char *name = reply->headers.data + at;
        const char *value = name + strlen(name) + 1;
        whole = MHD_add_response_header(response, name, value) == MHD_YES;
        at += strlen(name) + strlen(value) + 2;
    }
    return whole;
}

static void add_common_headers(struct http_request *request)
{
    struct http_reply *reply = &request->reply;
    http_reply_header(reply, "X-Content-Type-Options", "nosniff");
    if (reply->coding == HTTP_CODING_GZIP)
        http_reply_header(reply, "Content-Encoding", "gzip");
    add_cors(request);
    if (request->close)
        http_reply_header(reply, "Connection", "close");
}

static bool is_over_limit(const struct http_reply *reply)
{
    return reply->headers.failed ||
           (reply->body.failed && reply->mapped == NULL &&
            reply->more == NULL && reply->file < 0);
}

/* Gives back what the reply holds, and says instead that it is too much. */
static void replace_by_fault(struct http_reply *reply)
{
    tell_not_sent(reply);
    if ((reply->mapped != NULL || reply->more != NULL) &&
        reply->released != NULL)
        reply->released(reply->release_context);
    if (reply->file >= 0)
        (void)close(reply->file);
    reply->mapped = NULL;
    reply->more = NULL;
    reply->file = -1;
    buffer_clear(&reply->headers);
    http_reply_problem(reply, MHD_HTTP_INTERNAL_SERVER_ERROR,
                       "the answer is over this server's limit");
}

static uint64_t send_allowance_ms(const struct http_request *request)
{
    const struct http_reply *reply = &request->reply;
    uint64_t bytes = reply->mapped != NULL ? reply->mapped_bytes
                     : reply->file >= 0    ? reply->file_bytes
                                           : reply->body.bytes;
    return time_for(bytes, request->server->config.send_bytes_per_s_min);
}

static enum MHD_Result reply_send(struct http_request *request)
{
    struct http_reply *reply = &request->reply;
    if (reply->coding == HTTP_CODING_CHOOSE)
        http_coder_apply(request->server->coder, http_request_wish(request),
                         reply);
    add_common_headers(request);
    if (is_over_limit(reply)) {
        replace_by_fault(reply);
        add_common_headers(request);
    }
    uint64_t allowance_ms = send_allowance_ms(request);
    struct MHD_Response *response = response_make(request);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result queued = MHD_NO;
    if (add_headers(response, reply)) {
        request->status = reply->status;
        http_connection_send(request->connection, allowance_ms);
        queued = MHD_queue_response(request->mhd, reply->status, response);
    }
    if (queued != MHD_YES)
        tell_not_sent(reply);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result reply_refusal(struct http_request *request)
{
    bool preflight = request->refusal_status == MHD_HTTP_NO_CONTENT;
    if (request->allow.bytes > 0) {
        buffer_append(&request->allow, "", 1);
        http_reply_header(&request->reply,
                          preflight ? "Access-Control-Allow-Methods" : "Allow",
                          request->allow.data);
    }
    if (request->coded_body) /* RFC 9110 section 15.5.16 */
        http_reply_header(&request->reply, "Accept-Encoding", "identity");
    if (preflight) {
        request->reply.status = MHD_HTTP_NO_CONTENT;
        http_reply_header(&request->reply, "Access-Control-Allow-Headers",
                          "Authorization, Content-Type");
        http_reply_header(&request->reply, "Access-Control-Max-Age",
                          PREFLIGHT_MAX_AGE_S);
        return reply_send(request);
    }
    http_reply_problem(&request->reply, request->refusal_status, "%s",
                       request->refusal.text);
    return reply_send(request);
}

/* Keeps the piece of the body, or counts what is over the limit. */
static enum MHD_Result take_body(struct http_request *request, const char *data,
                                 size_t bytes)
{
    if (request->refusal_status == 0) {
        buffer_append(&request->body, data, bytes);
        if (!request->body.failed)
            return MHD_YES;
        refuse(request, MHD_HTTP_CONTENT_TOO_LARGE,
               "the body is over %zu bytes", request->route->body_bytes_max);
        request->close = true;
    }
    request->surplus_bytes += bytes;
    return request->surplus_bytes <= SURPLUS_BODY_BYTES_MAX ? MHD_YES : MHD_NO;
}

/* libmicrohttpd calls this first with the head, then for each piece of the
 * body, then once more. A reply to the first call would cost the connection,
 * so it is given there only where the connection must end anyway. */
static enum MHD_Result
request_step(void *context, struct MHD_Connection *mhd, const char *url,
             const char *method, const char *version, const char *upload_data,
             size_t *upload_data_size, void **request_context)
{
    struct http_request *request = *request_context;
    (void)context;
    (void)mhd;
    (void)url;
    if (request == NULL)
        return MHD_NO;
    if (!request->begun) {
        request->begun = true;
        http_connection_phase(request->connection, HTTP_PHASE_BODY);
        request_check(request, method, version);
        return request->close ? reply_refusal(request) : MHD_YES;
    }
    if (*upload_data_size > 0) {
        enum MHD_Result taken =
            take_body(request, upload_data, *upload_data_size);
        *upload_data_size = 0;
        return taken;
    }
    if (request->refusal_status != 0)
        return reply_refusal(request);
    http_connection_phase(request->connection, HTTP_PHASE_REPLY);
    const struct http_config *config = &request->server->config;
    if (config->allows == NULL ||
        config->allows(config->context, request->route, request,
                       &request->reply))
        request->route->handle(config->context, request, &request->reply);
    return reply_send(request);
}

static void connection_changed(void *context, struct MHD_Connection *mhd,
                               void **socket_context,
                               enum MHD_ConnectionNotificationCode code)
{
    struct http_server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_context =
            http_connection_begin(server->connections, info->connect_fd);
        return;
    }
    struct http_connection *connection = *socket_context;
    if (connection == NULL)
        return;
    if (server->config.closed != NULL)
        server->config.closed(server->config.context,
                              http_connection_number(connection),
                              http_connection_socket(connection));
    http_connection_end(server->connections, connection);
    *socket_context = NULL;
}

/* The target is decoded by us, strictly: leave it as it came. */
static size_t keep_escaped(void *context, struct MHD_Connection *mhd,
                           char *text)
{
    (void)context;
    (void)mhd;
    return strlen(text);
}

/* Our own socket, so that a failure can be told in words. -1 on failure. */
static int listen_on(const char *bind_text, uint16_t port, uint16_t *ret_port,
                     struct fault *fault)
{
    char port_text[8];
    (void)snprintf(port_text, sizeof port_text, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *address = NULL;
    if (getaddrinfo(bind_text, port_text, &hints, &address) != 0) {
        (void)fault_set(fault, RESULT_MALFORMED,
                        "'%s' is not a numeric address to bind to", bind_text);
        return -1;
    }
    int yes = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 bound;
    socklen_t bound_bytes = sizeof bound;
    bool listening =
        fd >= 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 &&
        listen(fd, LISTEN_BACKLOG) == 0 &&
        getsockname(fd, (struct sockaddr *)&bound, &bound_bytes) == 0;
    freeaddrinfo(address);
    if (!listening) {
        (void)fault_set(fault, RESULT_UNAVAILABLE,
                        "cannot listen on %s port %u: %s", bind_text, port,
                        strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    /* sin_port and sin6_port lie at the same place. */
    *ret_port = ntohs(bound.sin6_port);
    return fd;
}

static enum result daemon_start(struct http_server *server, int listen_fd,
                                struct fault *fault)
{
    const struct http_config *config = &server->config;
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
            MHD_USE_POLL | MHD_USE_ITC,
        0, NULL, NULL, request_step, server, MHD_OPTION_LISTEN_SOCKET,
        (MHD_socket)listen_fd, MHD_OPTION_CONNECTION_LIMIT,
        config->connections_max, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        config->connections_per_address_max, MHD_OPTION_CONNECTION_TIMEOUT,
        config->idle_timeout_ms / 1000 + 1, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_CONNECTION_BYTES, MHD_OPTION_THREAD_STACK_SIZE,
        (size_t)HTTP_STACK_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, request_begin, server,
        MHD_OPTION_NOTIFY_COMPLETED, request_end, server,
        MHD_OPTION_NOTIFY_CONNECTION, connection_changed, server,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escaped, server, MHD_OPTION_END);
    if (server->daemon == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "cannot start the HTTP server: %s", strerror(errno));
    return RESULT_OK;
}

enum result http_server_start(const struct http_config *config,
                              struct http_server **ret, struct fault *fault)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    server->config = *config;
    struct http_deadlines deadlines = {
        .limit_ms = {[HTTP_PHASE_IDLE] = config->idle_timeout_ms,
                     [HTTP_PHASE_HEADERS] = config->header_timeout_ms,
                     [HTTP_PHASE_BODY] = config->body_timeout_ms,
                     [HTTP_PHASE_SEND] = config->send_bytes_per_s_min > 0
                                             ? config->idle_timeout_ms
                                             : 0},
        .first_ms = config->header_timeout_ms,
    };
    int fd = listen_on(config->bind, config->port, &server->port, fault);
    enum result r = fd >= 0 ? RESULT_OK : RESULT_UNAVAILABLE;
    if (r == RESULT_OK)
        r = http_connections_start(&deadlines, &server->connections, fault);
    if (r == RESULT_OK && (server->coder = http_coder_make()) == NULL)
        r = fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    if (r == RESULT_OK)
        r = daemon_start(server, fd, fault);
    if (r != RESULT_OK) {
        if (fd >= 0)
            (void)close(fd);
        http_connections_stop(server->connections);
        http_coder_free(server->coder);
        free(server);
        return r;
    }
    *ret = server;
    return RESULT_OK;
}

enum result http_server_make_room(unsigned connections_max, struct fault *fault)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections_max + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return RESULT_OK;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == wanted)
        return RESULT_OK;
    return fault_set(fault, RESULT_LIMIT,
                     "%u connections need %llu open files, and the system "
                     "allows %llu (ulimit -n)",
                     connections_max, (unsigned long long)wanted,
                     (unsigned long long)limit.rlim_max);
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_refuse(struct http_server *server)
{
    if (server->refusing)
        return;
    server->refusing = true;
    server->quiesced = MHD_quiesce_daemon(server->daemon);
    /* Left open, the kernel would go on to accept for us. It is not closed
     * before the daemon has stopped, which may still look at it. */
    if (server->quiesced != MHD_INVALID_SOCKET)
        (void)shutdown(server->quiesced, SHUT_RDWR);
}

void http_server_stop(struct http_server *server, uint32_t grace_ms)
{
    if (server == NULL)
        return;
    http_server_refuse(server);
    (void)http_connections_wait_idle(server->connections, grace_ms);
    /* libmicrohttpd 0.9.75 crashes where it refuses a malformed request
     * while it stops: MHD_queue_response then says MHD_YES and sets no reply,
     * which is read next. So none is left for it to end. */
    (void)http_connections_end_all(server->connections, STOP_CLOSE_MS);
    MHD_stop_daemon(server->daemon);
    if (server->quiesced != MHD_INVALID_SOCKET)
        (void)close(server->quiesced);
    http_connections_stop(server->connections);
    http_coder_free(server->coder);
    free(server);
}
