#include "healthcheck.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    TIMEOUT_S = 2,
};

static const char *reachable(const char *bind)
{
    if (strcmp(bind, "0.0.0.0") == 0)
        return "127.0.0.1";
    if (strcmp(bind, "::") == 0)
        return "::1";
    return bind;
}

static int connect_to(const char *host, uint16_t port)
{
    char port_text[8];
    (void)snprintf(port_text, sizeof port_text, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *address = NULL;
    if (getaddrinfo(host, port_text, &hints, &address) != 0)
        return -1;
    struct timeval timeout = {.tv_sec = TIMEOUT_S};
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

enum result healthcheck(const char *bind, uint16_t port, struct fault *fault)
{
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    static const char good[] = "HTTP/1.1 200 ";
    const char *host = reachable(bind);
    int fd = connect_to(host, port);
    if (fd < 0)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "no answer from %s port %u: %s", host, port,
                         strerror(errno));
    char answer[sizeof good] = {0};
    bool healthy = send(fd, request, sizeof request - 1, MSG_NOSIGNAL) ==
                       (ssize_t)sizeof request - 1 &&
                   recv(fd, answer, sizeof good - 1, MSG_WAITALL) ==
                       (ssize_t)sizeof good - 1 &&
                   strcmp(answer, good) == 0;
    (void)close(fd);
    if (!healthy)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "%s port %u does not answer with 200", host, port);
    return RESULT_OK;
}
