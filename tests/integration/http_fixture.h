#ifndef FLIXTUBE_TESTS_HTTP_FIXTURE_H
#define FLIXTUBE_TESTS_HTTP_FIXTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "http_client.h"
#include "http_server.h"

/*
 * A server with routes of every kind:
 *   GET /plain, GET /echo?a=&b= (answers "a=…;b=…"), GET /item/{id},
 *   POST /echo (text/plain or application/json, up to ECHO_BYTES_MAX),
 *   GET /mapped and /file (MAPPED_BYTES that tell their offset),
 *   GET /slow (answers when the gate opens), GET /bits (begins, and ends when
 *   the gate opens), GET /large and /heads (over the
 *   limits of a reply), GET /mappedheads (mapped, and too many headers).
 */
enum {
    ECHO_BYTES_MAX = 1000,
    MAPPED_BYTES = 8 << 20,
    REPLY_BYTES_MAX = 64 * 1024,
};

struct http_fixture {
    struct http_config config; /* set before the start what is not default */
    struct http_server *server;
    uint16_t port;
    unsigned char *mapped;
    int file;
    _Atomic bool gate;
    _Atomic unsigned waiting; /* handlers at the gate */
    _Atomic unsigned bits;    /* that were asked for */
    _Atomic unsigned handled;
    _Atomic unsigned sent_whole;
    _Atomic unsigned sent_cut;
    _Atomic unsigned released;
    _Atomic unsigned released_early; /* before sent */
    _Atomic unsigned finished;
    _Atomic unsigned last_status;
    _Atomic unsigned closed;
};

/* With the limits and deadlines of a service. */
void http_fixture_make(struct http_fixture *ret);
void http_fixture_start(struct http_fixture *fixture);
void http_fixture_stop(struct http_fixture *fixture);

/* Sends the request over a connection of its own and returns the status, 0
 * where the server closed without an answer. body may be NULL. */
unsigned http_fixture_status(const struct http_fixture *fixture,
                             const char *request, char *body,
                             size_t body_bytes);

#endif
