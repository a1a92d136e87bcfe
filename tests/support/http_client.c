#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "claim.h"

enum {
    READ_BYTES = 64 * 1024,
};

void http_client_open_small(struct http_client *client, uint16_t port,
                            int receive_bytes)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    *client = (struct http_client){0};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    if (receive_bytes > 0)
        assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF,
                                    &receive_bytes, sizeof receive_bytes),
                         0);
    assert_int_equal(
        connect(client->fd, (const struct sockaddr *)&address, sizeof address),
        0);
}

void http_client_open(struct http_client *client, uint16_t port)
{
    http_client_open_small(client, port, 0);
}

void http_client_close(struct http_client *client, bool reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        (void)setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger,
                         sizeof linger);
    (void)close(client->fd);
    free(client->text);
    *client = (struct http_client){.fd = -1};
}

bool http_client_send_bytes(struct http_client *client, const void *bytes,
                            size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        ssize_t sent = send(client->fd, at, count, MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        at += sent;
        count -= (size_t)sent;
    }
    return true;
}

bool http_client_send(struct http_client *client, const char *text)
{
    return http_client_send_bytes(client, text, strlen(text));
}

/* Waits for more bytes; false at the end of the connection or of the time. */
static bool receive(struct http_client *client, int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - clock_monotonic_ms();
    struct pollfd readable = {.fd = client->fd, .events = POLLIN};
    if (client->ended || left_ms < 0 || poll(&readable, 1, (int)left_ms) <= 0)
        return false;
    if (client->capacity - client->bytes < READ_BYTES) {
        client->capacity = client->capacity * 2 + READ_BYTES;
        client->text = realloc(client->text, client->capacity);
        assert_non_null(client->text);
    }
    ssize_t got = recv(client->fd, client->text + client->bytes,
                       client->capacity - client->bytes, 0);
    if (got <= 0) {
        client->ended = true;
        return false;
    }
    client->bytes += (size_t)got;
    return true;
}

static void forget(struct http_client *client, size_t count)
{
    client->bytes -= count;
    memmove(client->text, client->text + count, client->bytes);
}

static char *copy(const char *bytes, size_t count)
{
    char *text = malloc(count + 1);
    assert_non_null(text);
    if (count > 0)
        memcpy(text, bytes, count);
    text[count] = '\0';
    return text;
}

bool http_answer_header(const struct http_answer *answer, const char *name,
                        char *value, size_t value_bytes)
{
    size_t name_bytes = strlen(name);
    const char *line = strstr(answer->head, "\r\n");
    for (; line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_bytes) != 0 || line[name_bytes] != ':')
            continue;
        line += name_bytes + 1;
        line += strspn(line, " ");
        (void)snprintf(value, value_bytes, "%.*s", (int)strcspn(line, "\r"),
                       line);
        return true;
    }
    return false;
}

static bool take_body(struct http_client *client, int64_t deadline_ms,
                      struct http_answer *answer)
{
    char length[32];
    bool to_end =
        !http_answer_header(answer, "Content-Length", length, sizeof length);
    size_t bytes = to_end ? SIZE_MAX : (size_t)strtoull(length, NULL, 10);
    while (client->bytes < bytes)
        if (!receive(client, deadline_ms))
            break;
    if (to_end && client->ended)
        bytes = client->bytes;
    if (client->bytes < bytes)
        return false;
    answer->body = copy(client->text, bytes);
    answer->body_bytes = bytes;
    forget(client, bytes);
    return true;
}

static bool take_head(struct http_client *client, int64_t deadline_ms,
                      struct http_answer *answer)
{
    const char *end;
    while (client->bytes == 0 ||
           (end = memmem(client->text, client->bytes, "\r\n\r\n", 4)) == NULL)
        if (!receive(client, deadline_ms))
            return false;
    size_t bytes = (size_t)(end - client->text) + 4;
    answer->head = copy(client->text, bytes);
    forget(client, bytes);
    assert_int_equal(sscanf(answer->head, "HTTP/1.1 %3u ", &answer->status), 1);
    return true;
}

bool http_client_take(struct http_client *client, bool head_only,
                      uint32_t timeout_ms, struct http_answer *ret)
{
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    struct http_answer answer;
    do {
        answer = (struct http_answer){0};
        if (!take_head(client, deadline_ms, &answer))
            return false;
        if (answer.status < 200)
            http_answer_done(&answer);
    } while (answer.status < 200);
    if (head_only || answer.status == 304) {
        answer.body = copy("", 0);
    } else if (!take_body(client, deadline_ms, &answer)) {
        http_answer_done(&answer);
        return false;
    }
    *ret = answer;
    return true;
}

void http_answer_done(struct http_answer *answer)
{
    free(answer->head);
    free(answer->body);
    answer->head = NULL;
    answer->body = NULL;
}

bool http_client_skip(struct http_client *client, size_t count)
{
    int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
    while (count > 0) {
        size_t there = client->bytes < count ? client->bytes : count;
        if (there > 0)
            forget(client, there);
        count -= there;
        /* No more than asked for: what is left is the kernel's to count. */
        char sink[READ_BYTES];
        size_t wanted = count < sizeof sink ? count : sizeof sink;
        struct pollfd readable = {.fd = client->fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        if (wanted == 0)
            break;
        if (left_ms < 0 || poll(&readable, 1, (int)left_ms) <= 0)
            return false;
        ssize_t got = recv(client->fd, sink, wanted, 0);
        if (got <= 0)
            return false;
        count -= (size_t)got;
    }
    return true;
}

bool http_client_ends(struct http_client *client, uint32_t timeout_ms)
{
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    while (receive(client, deadline_ms))
        client->bytes = 0;
    return client->ended;
}
