#ifndef FLIXTUBE_COMMON_HTTP_CONNECTIONS_H
#define FLIXTUBE_COMMON_HTTP_CONNECTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "result.h"

/*
 * The connections of a server and their deadlines. libmicrohttpd's own
 * timeout starts again at every byte, so a client that sends one byte a
 * second would hold a connection for ever; here a thread looks at how long
 * each has been in its phase and shuts the socket of those that are over
 * time, which makes libmicrohttpd end them.
 */
enum http_phase {
    HTTP_PHASE_IDLE,    /* no request line yet */
    HTTP_PHASE_HEADERS, /* request line read */
    HTTP_PHASE_BODY,
    HTTP_PHASE_REPLY, /* the handler's: no deadline */
    HTTP_PHASE_SEND,  /* see http_connection_send() */
    HTTP_PHASES,
};

struct http_connections;
struct http_connection; /* one; its address stays until http_connection_end */

struct http_deadlines {
    uint32_t limit_ms[HTTP_PHASES]; /* 0: none */
    uint32_t first_ms;              /* for the first request line */
};

enum result http_connections_start(const struct http_deadlines *deadlines,
                                   struct http_connections **ret,
                                   struct fault *fault);
/* After the last http_connection_end(). NULL is fine. */
void http_connections_stop(struct http_connections *connections);

/* NULL without memory. */
struct http_connection *http_connection_begin(struct http_connections *all,
                                              int socket);
/* Before the socket is closed. */
void http_connection_end(struct http_connections *all,
                         struct http_connection *connection);

void http_connection_phase(struct http_connection *connection,
                           enum http_phase phase);

/* HTTP_PHASE_SEND, with so much more time than its limit. libmicrohttpd cuts
 * who takes nothing at all; this is for who takes a byte now and then. */
void http_connection_send(struct http_connection *connection,
                          uint64_t allowance_ms);
int http_connection_socket(const struct http_connection *connection);
uint64_t http_connection_number(const struct http_connection *connection);

/* Waits until none is in another phase than IDLE, up to timeout_ms. */
bool http_connections_wait_idle(struct http_connections *all,
                                uint32_t timeout_ms);

/* Ends every connection, and each one that begins later, whatever it is in;
 * waits until none is left, up to timeout_ms. False: some are left. */
bool http_connections_end_all(struct http_connections *all,
                              uint32_t timeout_ms);

#endif
