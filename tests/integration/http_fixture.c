#include "http_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "claim.h"

static void get_plain(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    struct http_fixture *fixture = context;
    (void)request;
    fixture->handled++;
    buffer_append_text(&reply->body, "plain\n");
    reply->content_type = "text/plain";
}

static void get_echo(void *context, struct http_request *request,
                     struct http_reply *reply)
{
    struct http_fixture *fixture = context;
    const char *a = http_request_parameter(request, "a");
    const char *b = http_request_parameter(request, "b");
    fixture->handled++;
    buffer_append_format(&reply->body, "a=%s;b=%s", a != NULL ? a : "-",
                         b != NULL ? b : "-");
}

static void post_echo(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    struct http_fixture *fixture = context;
    size_t bytes;
    const char *body = http_request_body(request, &bytes);
    fixture->handled++;
    if (bytes > 0)
        buffer_append(&reply->body, body, bytes);
}

static void get_item(void *context, struct http_request *request,
                     struct http_reply *reply)
{
    struct http_fixture *fixture = context;
    fixture->handled++;
    buffer_append_text(&reply->body, http_request_tail(request));
}

static void sent(void *context, bool whole)
{
    struct http_fixture *fixture = context;
    if (whole)
        fixture->sent_whole++;
    else
        fixture->sent_cut++;
}

static void released(void *context)
{
    struct http_fixture *fixture = context;
    if (fixture->released + 1 > fixture->sent_whole + fixture->sent_cut)
        fixture->released_early++;
    fixture->released++;
}

static void follow(struct http_fixture *fixture, struct http_reply *reply)
{
    fixture->handled++;
    reply->sent = sent;
    reply->sent_context = fixture;
}

static void get_mapped(void *context, struct http_request *request,
                       struct http_reply *reply)
{
    struct http_fixture *fixture = context;
    (void)request;
    follow(fixture, reply);
    reply->mapped = fixture->mapped;
    reply->mapped_bytes = MAPPED_BYTES;
    reply->released = released;
    reply->release_context = fixture;
}

static void get_file(void *context, struct http_request *request,
                     struct http_reply *reply)
{
    struct http_fixture *fixture = context;
    (void)request;
    follow(fixture, reply);
    reply->file = dup(fixture->file);
    reply->file_offset = 4096;
    reply->file_bytes = MAPPED_BYTES - 4096;
}

static void get_slow(void *context, struct http_request *request,
                     struct http_reply *reply)
{
    struct http_fixture *fixture = context;
    (void)request;
    follow(fixture, reply);
    fixture->waiting++;
    while (!fixture->gate)
        pause_ms(2);
    fixture->waiting--;
    buffer_append_text(&reply->body, "slow\n");
}

/* A piece, then nothing until the gate opens, then a piece and the end. */
static size_t next_bit(void *context, char *out, size_t out_bytes)
{
    struct http_fixture *fixture = context;
    unsigned at = fixture->bits++;
    (void)out_bytes;
    if (at == 2)
        return 0;
    fixture->waiting += at;
    while (at == 1 && !fixture->gate)
        pause_ms(2);
    fixture->waiting -= at;
    memcpy(out, at == 0 ? "first;" : "last\n", at == 0 ? 6 : 5);
    return at == 0 ? 6 : 5;
}

static void get_bits(void *context, struct http_request *request,
                     struct http_reply *reply)
{
    struct http_fixture *fixture = context;
    (void)request;
    follow(fixture, reply);
    fixture->bits = 0;
    reply->more = next_bit;
    reply->more_context = fixture;
}

static void get_large(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    static const char piece[1024];
    (void)request;
    follow(context, reply);
    for (int i = 0; i <= REPLY_BYTES_MAX / 1024; i++)
        buffer_append(&reply->body, piece, sizeof piece);
}

static void add_many_headers(struct http_reply *reply)
{
    for (int i = 0; i <= HTTP_REPLY_HEADERS_BYTES_MAX / 16; i++)
        http_reply_header(reply, "X-Header", "0123456789");
}

static void get_heads(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    (void)request;
    follow(context, reply);
    buffer_append_text(&reply->body, "small");
    add_many_headers(reply);
}

static void get_mapped_heads(void *context, struct http_request *request,
                             struct http_reply *reply)
{
    get_mapped(context, request, reply);
    add_many_headers(reply);
}

static const struct http_route routes[] = {
    {.method = "GET", .path = "/plain", .handle = get_plain},
    {.method = "GET",
     .path = "/echo",
     .handle = get_echo,
     .parameters = {"a", "b"}},
    {.method = "POST",
     .path = "/echo",
     .handle = post_echo,
     .body_bytes_max = ECHO_BYTES_MAX,
     .body_types = "application/json,text/plain"},
    {.method = "GET", .path = "/item/{id}", .handle = get_item},
    {.method = "GET", .path = "/mapped", .handle = get_mapped},
    {.method = "GET", .path = "/file", .handle = get_file},
    {.method = "GET", .path = "/slow", .handle = get_slow},
    {.method = "GET", .path = "/bits", .handle = get_bits},
    {.method = "GET", .path = "/large", .handle = get_large},
    {.method = "GET", .path = "/heads", .handle = get_heads},
    {.method = "GET", .path = "/mappedheads", .handle = get_mapped_heads},
};

static void finished(void *context, const struct http_route *route,
                     unsigned status, uint64_t elapsed_us)
{
    struct http_fixture *fixture = context;
    (void)route;
    (void)elapsed_us;
    fixture->last_status = status;
    fixture->finished++;
}

static void closed(void *context, uint64_t connection, int socket)
{
    struct http_fixture *fixture = context;
    (void)connection;
    (void)socket;
    fixture->closed++;
}

static void make_bytes(struct http_fixture *fixture)
{
    fixture->file = memfd_create("bytes", MFD_CLOEXEC);
    assert_true(fixture->file >= 0);
    assert_int_equal(ftruncate(fixture->file, MAPPED_BYTES), 0);
    fixture->mapped = mmap(NULL, MAPPED_BYTES, PROT_READ | PROT_WRITE,
                           MAP_SHARED, fixture->file, 0);
    assert_true(fixture->mapped != MAP_FAILED);
    for (uint32_t at = 0; at < MAPPED_BYTES; at += 4)
        memcpy(fixture->mapped + at, &at, sizeof at);
}

void http_fixture_make(struct http_fixture *ret)
{
    *ret = (struct http_fixture){
        .config = {.bind = "127.0.0.1",
                   .routes = routes,
                   .routes_count = sizeof routes / sizeof routes[0],
                   .connections_max = 100,
                   .header_timeout_ms = 10 * 1000,
                   .body_timeout_ms = 10 * 1000,
                   .idle_timeout_ms = 30 * 1000,
                   .reply_bytes_max = REPLY_BYTES_MAX,
                   .finished = finished,
                   .closed = closed}};
    make_bytes(ret);
}

void http_fixture_start(struct http_fixture *fixture)
{
    struct fault fault = {0};
    fixture->config.context = fixture;
    assert_ok(http_server_start(&fixture->config, &fixture->server, &fault),
              &fault);
    fixture->port = http_server_port(fixture->server);
}

void http_fixture_stop(struct http_fixture *fixture)
{
    fixture->gate = true;
    http_server_stop(fixture->server, 5000);
    (void)munmap(fixture->mapped, MAPPED_BYTES);
    (void)close(fixture->file);
}

unsigned http_fixture_status(const struct http_fixture *fixture,
                             const char *request, char *body, size_t body_bytes)
{
    struct http_client client;
    struct http_answer answer;
    unsigned status = 0;
    http_client_open(&client, fixture->port);
    (void)http_client_send(&client, request);
    if (http_client_take(&client, false, PATIENCE_MS, &answer)) {
        status = answer.status;
        if (body != NULL)
            (void)snprintf(body, body_bytes, "%s", answer.body);
        http_answer_done(&answer);
    } else {
        assert_true(client.ended); /* an answer, or an end */
    }
    http_client_close(&client, false);
    return status;
}
