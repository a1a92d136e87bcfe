#ifndef FLIXTUBE_COMMON_AMQP_LINK_PARTS_H
#define FLIXTUBE_COMMON_AMQP_LINK_PARTS_H

/* What amqp_link.c, amqp_read.c and amqp_url.c share; for no one else. */

/* rabbitmq-c 0.12 moved its headers into a folder. */
#ifdef __has_include
#if __has_include(<rabbitmq-c/amqp.h>)
#define AMQP_HEADERS_IN_FOLDER
#endif
#endif
#ifdef AMQP_HEADERS_IN_FOLDER
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#include "amqp_link.h"

enum {
    AMQP_URL_BYTES_MAX = 1024,
    AMQP_CHANNEL = 1, /* rabbitmq-c drops frames of a second one */
};

#define AMQP_CONSUMER_TAG "flixtube"

struct amqp_address {
    char text[AMQP_URL_BYTES_MAX]; /* where the fields below point into */
    struct amqp_connection_info info;
    unsigned hosts; /* of the URL */
};

/* The URL's host of that number, counted round. Errors: RESULT_MALFORMED; the
 * fault does not repeat the URL. */
enum result amqp_address_parse(const char *url, unsigned which,
                               struct amqp_address *ret, struct fault *fault);

/* What the content frames still to come belong to. */
enum amqp_reading {
    AMQP_READING_METHOD,
    AMQP_READING_DELIVERY,
    AMQP_READING_RETURN,
};

struct amqp_link {
    amqp_connection_state_t state;
    bool lost; /* nothing more can be sent */
    enum amqp_reading reading;
    bool header_read;
    uint64_t body_left;
    struct amqp_event event; /* being assembled */
    char *body;
    size_t body_bytes;
    size_t body_capacity;
};

amqp_bytes_t amqp_bytes_of(const char *text);

/* amqp_read.c */
void amqp_copy_text(char text[AMQP_TEXT_BYTES_MAX], amqp_bytes_t bytes);
bool amqp_key_is(const amqp_table_entry_t *entry, const char *name);
/* The content of what a get answered follows. */
void amqp_link_begin_got(struct amqp_link *link,
                         const amqp_basic_get_ok_t *got);
/* Brokers pick the smallest kind that holds the number. */
int64_t amqp_integer_of(const amqp_field_value_t *value, int64_t otherwise);

/* Marks the link lost and puts rabbitmq-c's words for `status` in the fault. */
enum result amqp_link_lost(struct amqp_link *link, int status,
                           const char *doing, struct fault *fault);

/* RESULT_OK for a good reply; else the broker's or the library's words. */
enum result amqp_link_reply(struct amqp_link *link, amqp_rpc_reply_t reply,
                            const char *doing, struct fault *fault);

#endif
