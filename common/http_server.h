#ifndef FLIXTUBE_COMMON_HTTP_SERVER_H
#define FLIXTUBE_COMMON_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "http_query.h"
#include "result.h"

/*
 * HTTP/1.1 on libmicrohttpd: the only module that uses it. A thread a
 * connection, so a handler may block. The server itself answers, as RFC 9457
 * application/problem+json: 404 (no such path), 405 with Allow, 400 (unknown,
 * repeated or malformed query parameter; ambiguous framing), 413, 415, 431
 * and 501 (see http_head.h). What libmicrohttpd cannot read as a request it
 * answers itself, in HTML (400, 414, 431, 505), or not at all, and closes.
 * A connection over a limit or a deadline is closed. HEAD is served by GET's
 * handler.
 */
enum {
    HTTP_REPLY_HEADERS_BYTES_MAX = 4096, /* leaves room in a connection's */
    HTTP_STACK_BYTES = 256 * 1024,       /* of a connection's thread; virtual */
    HTTP_HEAD_BYTES_MAX = 8 * 1024,      /* request line and headers */
    /* All that libmicrohttpd holds of a request: its head, some 60 bytes for
     * each field, cookie and parameter, the reply's head. Touched whole by
     * each. */
    HTTP_CONNECTION_BYTES = 16 * 1024,
};

#define HTTP_MORE_FAILED SIZE_MAX

struct http_server;
struct http_request; /* lives during the handler's call */

/* The coding of a reply's body, RFC 9110 section 8.4. */
enum http_coding {
    HTTP_CODING_NONE, /* as it is, whatever the client takes: what a handler
                         that says nothing has. Videos, streams of events */
    /* The server's choice: gzip where the client takes it and it pays. Not
     * with an ETag, which each coding has its own of. */
    HTTP_CODING_CHOOSE,
    /* The handler has chosen, and says so in Vary. */
    HTTP_CODING_IDENTITY,
    HTTP_CODING_GZIP,
};

enum {
    /* With its head, a shorter body goes in one packet either way. To compress
     * 1 KiB takes 10 us and leaves 450 bytes; 7 KiB (20 rows), 24 us and 1680;
     * 35 KiB, 240 us and 7460. */
    HTTP_GZIP_BYTES_MIN = 1024,
};

struct http_reply {
    unsigned status;          /* 200 before the handler runs */
    struct buffer body;       /* the handler writes here, to reply_bytes_max */
    struct buffer headers;    /* see http_reply_header() */
    const char *content_type; /* static; NULL: no header */
    enum http_coding coding;  /* of `body`, `mapped` or `more`; not of a file */
    /* Instead of `body`: bytes that stay valid until `released` was called
     * with `release_context`, once, after the last byte was sent or not.
     * Without `released` they stay, and are the same, as long as the process
     * lives. */
    const void *mapped;
    size_t mapped_bytes;
    void (*released)(void *release_context);
    void *release_context;
    /* Instead of both: a file sent from its descriptor, which the server
     * closes. -1 (the default): none. */
    int file;
    uint64_t file_offset;
    uint64_t file_bytes;
    /* Instead of all: a body that comes bit by bit. Called on the connection's
     * thread, which it may hold for as long as there is nothing to say; writes
     * up to out_bytes (over 1000) to `out` and returns how many, 0 at the end.
     * A client that has gone shows when something is sent, so say something at
     * least every half of idle_timeout_ms; and end before http_server_stop().
     * `released` is called as with `mapped`. */
    /* HTTP_MORE_FAILED: the body ends before its end, and the client is told
     * by the connection's. */
    size_t (*more)(void *more_context, char *out, size_t out_bytes);
    void *more_context;
    /* Called on the connection's thread when the reply was handed to the
     * kernel whole, or will not be; before `released`. May be NULL. */
    void (*sent)(void *sent_context, bool whole);
    void *sent_context;
};

/* Adds a header; name and value are copied. What does not fit in
 * HTTP_REPLY_HEADERS_BYTES_MAX makes the reply a 500. */
void http_reply_header(struct http_reply *reply, const char *name,
                       const char *value);

/* Compresses `body`; false without memory: it is as it was. */
bool http_reply_gzip(struct http_reply *reply);

/*
 * Makes the reply an RFC 9457 problem: status, its standard title, and a
 * detail in words (printf) that names the fault and the limit.
 */
void http_reply_problem(struct http_reply *reply, unsigned status,
                        const char *detail_format, ...)
    __attribute__((format(printf, 3, 4)));

/* The query parameter, decoded, NUL-terminated, UTF-8 without NUL; or NULL. */
const char *http_request_parameter(const struct http_request *request,
                                   const char *name);

/* The header's value (names in any case), or NULL. */
const char *http_request_header(const struct http_request *request,
                                const char *name);

/* The same, or NULL where the request has the field more than once. */
const char *http_request_header_once(const struct http_request *request,
                                     const char *name);

/* What the client takes, by all lines of its Accept-Encoding. */
enum http_wish {
    HTTP_WISH_IDENTITY,
    HTTP_WISH_GZIP,       /* identity too */
    HTTP_WISH_GZIP_ALONE, /* however short it is */
};
enum http_wish http_request_wish(const struct http_request *request);
bool http_gzip_pays(enum http_wish wish, size_t bytes);

/* The segment of the path that a route with "/{...}" left open, decoded. */
const char *http_request_tail(const struct http_request *request);

/* NULL and 0 without a body. Not NUL-terminated. */
const char *http_request_body(const struct http_request *request,
                              size_t *ret_bytes);

bool http_request_is_head(const struct http_request *request);

/* The raw query string as sent, without '?'; "" without one. */
const char *http_request_query(const struct http_request *request);

/*
 * The connection's socket, to ask the kernel how much the peer has taken. A
 * connection's number never repeats within a server; `closed` (config) tells
 * when one ends, while its socket is still open.
 */
int http_request_socket(const struct http_request *request);
uint64_t http_request_connection(const struct http_request *request);

struct http_route {
    const char *method; /* GET, POST, DELETE, ... */
    const char *path;   /* "/history", or "/history/{id}": one open segment */
    void (*handle)(void *context, struct http_request *request,
                   struct http_reply *reply);
    const char *parameters[HTTP_PARAMETERS_MAX]; /* the query's, NULL-ended */
    size_t body_bytes_max;  /* 0: a body is refused with 413 */
    const char *body_types; /* media types taken, comma between; NULL: any */
    int access; /* for http_config.allows; the server does not look at it */
};

struct http_config {
    const char *bind; /* numeric address */
    uint16_t port;    /* 0: a free one, see http_server_port() */
    const struct http_route *routes;
    size_t routes_count;
    void *context; /* of the handlers */
    unsigned connections_max;
    unsigned connections_per_address_max; /* 0: no such limit */
    uint32_t header_timeout_ms; /* from the first byte to the last header */
    uint32_t body_timeout_ms;
    uint32_t
        idle_timeout_ms; /* keep-alive without a request; sending nothing */
    /* Who takes a reply more slowly is cut, idle_timeout_ms later than at this
     * rate; 0: never. */
    uint32_t send_bytes_per_s_min;
    size_t reply_bytes_max; /* of a reply in `body` */
    /* Comma-separated, "*" for any; NULL: none. Pages from there may also send
     * Authorization and a Content-Type: their preflights are answered. */
    const char *cors_origins;
    /* Asked before each handler; where it says false it has made the reply.
     * May be NULL. */
    bool (*allows)(void *context, const struct http_route *route,
                   struct http_request *request, struct http_reply *reply);
    /* Called once per finished request, for metrics. May be NULL. */
    void (*finished)(void *context, const struct http_route *route,
                     unsigned status, uint64_t elapsed_us);
    /* See http_request_connection(). May be NULL. */
    void (*closed)(void *context, uint64_t connection, int socket);
};

/*
 * Starts the threads; on success the caller owns *ret and ends it with
 * http_server_stop(). The routes stay the caller's and must outlive it.
 * Errors: RESULT_UNAVAILABLE (the port is taken, no permission), in words.
 */
enum result http_server_start(const struct http_config *config,
                              struct http_server **ret, struct fault *fault);

/*
 * Raises the process's limit of open files, as far as the system lets it, to
 * what that many connections and all else need. RESULT_LIMIT, in words, where
 * that is not enough: connections over it are then left waiting.
 */
enum result http_server_make_room(unsigned connections_max,
                                  struct fault *fault);

uint16_t http_server_port(const struct http_server *server);

/*
 * Refuses new connections from now on; those that are there go on. Once, by
 * the thread that will stop the server.
 */
void http_server_refuse(struct http_server *server);

/*
 * Stops accepting, lets running requests end for grace_ms, then cuts them,
 * and frees. NULL is fine.
 */
void http_server_stop(struct http_server *server, uint32_t grace_ms);

/*
 * Writes the route table as JSON, for `--routes`:
 * [{"method":"GET","path":"/history","parameters":["userId"]},...]
 */
void http_routes_write(const struct http_route *routes, size_t count,
                       struct buffer *buffer);

#endif
