#include "local_request.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cleanup.h"
#include "decimal.h"

enum {
    REQUEST_BYTES_MAX = 8192,
    ANSWER_BYTES_MAX = 1 << 20,
    READ_BYTES = 4096,
};

static const char *reachable(const char *bind)
{
    if (strcmp(bind, "0.0.0.0") == 0)
        return "127.0.0.1";
    if (strcmp(bind, "::") == 0)
        return "::1";
    return bind;
}

static int connect_to(const char *host, uint16_t port, uint32_t timeout_s)
{
    char port_text[8];
    (void)snprintf(port_text, sizeof port_text, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *address = NULL;
    if (getaddrinfo(host, port_text, &hints, &address) != 0)
        return -1;
    struct timeval timeout = {.tv_sec = timeout_s};
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
                               sizeof timeout) != 0 ||
                    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout,
                               sizeof timeout) != 0 ||
                    connect(fd, address->ai_addr, address->ai_addrlen) != 0)) {
        (void)close(fd);
        fd = -1;
    }
    freeaddrinfo(address);
    return fd;
}

/* All until the service closes. */
static bool read_answer(int fd, struct buffer *answer)
{
    for (;;) {
        char *room = buffer_reserve(answer, READ_BYTES);
        if (room == NULL)
            return false;
        ssize_t bytes = recv(fd, room, READ_BYTES, 0);
        if (bytes <= 0)
            return bytes == 0;
        buffer_advance(answer, (size_t)bytes);
    }
}

static bool take_answer(struct buffer *answer, unsigned *ret_status,
                        struct buffer *body)
{
    static const char version[] = "HTTP/1.1 ";
    buffer_append(answer, "", 1);
    const char *head_end =
        answer->failed ? NULL : strstr(answer->data, "\r\n\r\n");
    if (head_end == NULL ||
        strncmp(answer->data, version, sizeof version - 1) != 0)
        return false;
    const char *code = answer->data + sizeof version - 1;
    int64_t status = 0;
    if (!decimal_take(&code, &status) || status < 100 || status > 999)
        return false;
    *ret_status = (unsigned)status;
    const char *begin = head_end + 4;
    if (body != NULL)
        buffer_append(body, begin,
                      answer->bytes - 1 - (size_t)(begin - answer->data));
    return true;
}

static bool send_all(int fd, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        bytes -= (size_t)sent;
    }
    return true;
}

/* The request's head; false where it does not fit. */
static bool write_head(char head[REQUEST_BYTES_MAX], const char *method,
                       const char *target, const char *token,
                       const struct local_body *body)
{
    char about_body[256] = "";
    if (body != NULL)
        (void)snprintf(about_body, sizeof about_body,
                       "Content-Type: %s\r\nContent-Length: %zu\r\n",
                       body->type, body->bytes);
    int bytes = snprintf(
        head, REQUEST_BYTES_MAX,
        "%s %s HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: close\r\n%s%s%s%s\r\n",
        method, target, token != NULL ? "Authorization: Bearer " : "",
        token != NULL ? token : "", token != NULL ? "\r\n" : "", about_body);
    return bytes < REQUEST_BYTES_MAX;
}

enum result local_request_with(const char *bind, uint16_t port,
                               const char *method, const char *target,
                               const char *token,
                               const struct local_body *request_body,
                               uint32_t timeout_s, unsigned *ret_status,
                               struct buffer *body, struct fault *fault)
{
    CLEANUP(buffer_done) struct buffer answer = buffer_make(ANSWER_BYTES_MAX);
    char head[REQUEST_BYTES_MAX];
    const char *host = reachable(bind);
    if (!write_head(head, method, target, token, request_body))
        return fault_set(fault, RESULT_UNAVAILABLE, "the request is too long");
    int fd = connect_to(host, port, timeout_s);
    if (fd < 0)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "no answer from %s port %u: %s", host, port,
                         strerror(errno));
    bool answered = send_all(fd, head, strlen(head)) &&
                    (request_body == NULL ||
                     send_all(fd, request_body->data, request_body->bytes)) &&
                    read_answer(fd, &answer) &&
                    take_answer(&answer, ret_status, body);
    (void)close(fd);
    return answered ? RESULT_OK
                    : fault_set(fault, RESULT_UNAVAILABLE,
                                "%s port %u does not answer", host, port);
}

enum result local_request(const char *bind, uint16_t port, const char *method,
                          const char *target, const char *token,
                          uint32_t timeout_s, unsigned *ret_status,
                          struct buffer *body, struct fault *fault)
{
    return local_request_with(bind, port, method, target, token, NULL,
                              timeout_s, ret_status, body, fault);
}
