#ifndef FLIXTUBE_TESTS_HTTP_CLIENT_H
#define FLIXTUBE_TESTS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A client that sends bytes as they are given, right or wrong, over loopback.
 * Failures that are no claim of a test (no socket, no memory) end the test.
 */
struct http_client {
    int fd;
    char *text; /* received, not taken yet */
    size_t bytes;
    size_t capacity;
    bool ended; /* the server closed, or reset */
};

struct http_answer {
    unsigned status;
    char *head; /* status line and headers, NUL-terminated */
    char *body; /* NUL-terminated; its bytes may hold others */
    size_t body_bytes;
};

void http_client_open(struct http_client *client, uint16_t port);
/* With this receive buffer: what the server can send is then bounded. */
void http_client_open_small(struct http_client *client, uint16_t port,
                            int receive_bytes);
/* Closes; `reset` as an abort would (RST), else politely. */
void http_client_close(struct http_client *client, bool reset);

/* False where the server has closed. */
bool http_client_send(struct http_client *client, const char *text);
bool http_client_send_bytes(struct http_client *client, const void *bytes,
                            size_t count);

/*
 * Takes one answer from the connection (those before 200 are passed over).
 * False where the server ended it before an answer was whole, or after
 * timeout_ms. End a true one with http_answer_done(). `head_only`: of HEAD.
 */
bool http_client_take(struct http_client *client, bool head_only,
                      uint32_t timeout_ms, struct http_answer *ret);
void http_answer_done(struct http_answer *answer);

/* The header's value, NUL-terminated in `value`; false without one. */
bool http_answer_header(const struct http_answer *answer, const char *name,
                        char *value, size_t value_bytes);

/* Reads exactly `count` bytes more, and forgets them. */
bool http_client_skip(struct http_client *client, size_t count);

/* Whether the server ends the connection within the time. */
bool http_client_ends(struct http_client *client, uint32_t timeout_ms);

#endif
