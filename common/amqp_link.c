#include "amqp_link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "amqp_link_parts.h"

enum {
    RPC_TIMEOUT_MS = 10 * 1000,
    CLOSE_TIMEOUT_MS = 1000,
};

#define SYSTEM_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

static struct timeval timeval_of(uint32_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000,
                            .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

amqp_bytes_t amqp_bytes_of(const char *text)
{
    return (amqp_bytes_t){.len = strlen(text),
                          .bytes = (void *)(uintptr_t)text};
}

enum result amqp_link_lost(struct amqp_link *link, int status,
                           const char *doing, struct fault *fault)
{
    link->lost = true;
    return fault_set(fault, RESULT_UNAVAILABLE, "%s: %s", doing,
                     amqp_error_string2(status));
}

enum result amqp_link_reply(struct amqp_link *link, amqp_rpc_reply_t reply,
                            const char *doing, struct fault *fault)
{
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return RESULT_OK;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        return amqp_link_lost(link, reply.library_error, doing, fault);
    link->lost = true;
    amqp_bytes_t words = {0};
    if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD)
        words = ((amqp_connection_close_t *)reply.reply.decoded)->reply_text;
    if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
        words = ((amqp_channel_close_t *)reply.reply.decoded)->reply_text;
    return fault_set(fault, RESULT_UNAVAILABLE, "%s: the broker said: %.*s",
                     doing, (int)words.len,
                     words.bytes != NULL ? (const char *)words.bytes : "");
}

static amqp_socket_t *socket_make(struct amqp_link *link,
                                  const struct amqp_options *options,
                                  bool secure, struct fault *fault)
{
    if (!secure)
        return amqp_tcp_socket_new(link->state);
    amqp_socket_t *socket = amqp_ssl_socket_new(link->state);
    const char *ca_file =
        options->ca_file != NULL ? options->ca_file : SYSTEM_AUTHORITIES;
    if (socket != NULL &&
        amqp_ssl_socket_set_cacert(socket, ca_file) != AMQP_STATUS_OK) {
        (void)fault_set(fault, RESULT_UNAVAILABLE,
                        "cannot read the authorities' certificates in %s",
                        ca_file);
        return NULL;
    }
    return socket;
}

static enum result connect_to(struct amqp_link *link,
                              const struct amqp_options *options,
                              const struct amqp_address *address,
                              struct fault *fault)
{
    (void)fault_set(fault, RESULT_OK, "out of memory");
    amqp_socket_t *socket =
        socket_make(link, options, address->info.ssl != 0, fault);
    if (socket == NULL)
        return RESULT_UNAVAILABLE;
    struct timeval timeout = timeval_of(options->connect_timeout_ms);
    struct timeval rpc_timeout = timeval_of(RPC_TIMEOUT_MS);
    (void)amqp_set_handshake_timeout(link->state, &timeout);
    (void)amqp_set_rpc_timeout(link->state, &rpc_timeout);
    int status = amqp_socket_open_noblock(socket, address->info.host,
                                          address->info.port, &timeout);
    if (status != AMQP_STATUS_OK)
        return amqp_link_lost(link, status, "cannot connect", fault);
    int fd = amqp_get_sockfd(link->state);
    unsigned send_timeout_ms = options->send_timeout_ms != 0
                                   ? options->send_timeout_ms
                                   : AMQP_SEND_TIMEOUT_MS;
    if (setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &send_timeout_ms,
                   sizeof send_timeout_ms) != 0)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "cannot set the send timeout: %s", strerror(errno));
    return RESULT_OK;
}

static amqp_table_entry_t flag(const char *name)
{
    return (amqp_table_entry_t){
        .key = amqp_bytes_of(name),
        .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
}

static amqp_table_entry_t words(const char *name, const char *value)
{
    return (amqp_table_entry_t){.key = amqp_bytes_of(name),
                                .value = {.kind = AMQP_FIELD_KIND_UTF8,
                                          .value.bytes = amqp_bytes_of(value)}};
}

/* Without consumer_cancel_notify a deleted queue would stall us in silence. */
static enum result log_in(struct amqp_link *link,
                          const struct amqp_options *options,
                          const struct amqp_address *address,
                          struct fault *fault)
{
    amqp_table_entry_t abilities[] = {
        flag("consumer_cancel_notify"), flag("connection.blocked"),
        flag("basic.nack"), flag("publisher_confirms"),
        flag("authentication_failure_close")};
    amqp_table_entry_t properties[] = {
        words("connection_name", options->name),
        {.key = amqp_bytes_of("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value.table = {sizeof abilities / sizeof abilities[0],
                                   abilities}}}};
    amqp_table_t table = {sizeof properties / sizeof properties[0], properties};
    amqp_rpc_reply_t reply = amqp_login_with_properties(
        link->state, address->info.vhost, 2, AMQP_FRAME_BYTES_MAX,
        options->heartbeat_s != 0 ? options->heartbeat_s : AMQP_HEARTBEAT_S,
        &table, AMQP_SASL_METHOD_PLAIN, address->info.user,
        address->info.password);
    enum result r = amqp_link_reply(link, reply, "cannot log in", fault);
    if (r != RESULT_OK)
        return r;
    (void)amqp_channel_open(link->state, AMQP_CHANNEL);
    return amqp_link_reply(link, amqp_get_rpc_reply(link->state),
                           "cannot open a channel", fault);
}

static enum result open_host(const struct amqp_options *options,
                             const struct amqp_address *address,
                             struct amqp_link **ret, struct fault *fault)
{
    struct amqp_link *link = calloc(1, sizeof *link);
    if (link != NULL)
        link->state = amqp_new_connection();
    if (link == NULL || link->state == NULL) {
        free(link);
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    }
    enum result r = connect_to(link, options, address, fault);
    if (r == RESULT_OK)
        r = log_in(link, options, address, fault);
    if (r != RESULT_OK) {
        link->lost = true;
        amqp_link_close(link);
        return r;
    }
    *ret = link;
    return RESULT_OK;
}

/* Which of them it was, where there are several. */
static void name_host(const struct amqp_address *address, struct fault *fault)
{
    if (fault == NULL || address->hosts == 1)
        return;
    struct fault why = *fault;
    (void)fault_set(fault, RESULT_UNAVAILABLE, "%.100s:%d: %s",
                    address->info.host, address->info.port, why.text);
}

enum result amqp_link_open(const struct amqp_options *options,
                           struct amqp_link **ret, struct fault *fault)
{
    static _Atomic unsigned next_host;
    struct amqp_address address;
    enum result r = amqp_address_parse(options->url, 0, &address, fault);
    unsigned tries = r == RESULT_OK ? address.hosts : 0;
    for (unsigned i = 0; i < tries; i++) {
        r = amqp_address_parse(options->url, next_host++, &address, fault);
        if (r != RESULT_OK)
            return r;
        r = open_host(options, &address, ret, fault);
        if (r == RESULT_OK)
            return r;
        name_host(&address, fault);
    }
    return r;
}

void amqp_link_close(struct amqp_link *link)
{
    if (link == NULL)
        return;
    if (!link->lost) {
        struct timeval timeout = timeval_of(CLOSE_TIMEOUT_MS);
        (void)amqp_set_rpc_timeout(link->state, &timeout);
        /* A failure leaves nothing to do: the broker requeues what it must. */
        (void)amqp_connection_close(link->state, AMQP_REPLY_SUCCESS);
    }
    (void)amqp_destroy_connection(link->state);
    free(link->body);
    free(link);
}

/* Fills `entries` (room for AMQP_ARGUMENTS_MAX) and returns the table. */
static amqp_table_t table_of(const struct amqp_argument *arguments,
                             amqp_table_entry_t *entries)
{
    int count = 0;
    while (count < AMQP_ARGUMENTS_MAX && arguments[count].name != NULL) {
        const struct amqp_argument *argument = &arguments[count];
        if (argument->text != NULL)
            entries[count] = words(argument->name, argument->text);
        else
            entries[count] =
                (amqp_table_entry_t){.key = amqp_bytes_of(argument->name),
                                     .value = {.kind = AMQP_FIELD_KIND_I64,
                                               .value.i64 = argument->integer}};
        count++;
    }
    return (amqp_table_t){count, entries};
}

enum result amqp_link_declare_exchange(struct amqp_link *link,
                                       const struct amqp_exchange *exchange,
                                       struct fault *fault)
{
    amqp_table_entry_t entries[AMQP_ARGUMENTS_MAX];
    (void)amqp_exchange_declare(link->state, AMQP_CHANNEL,
                                amqp_bytes_of(exchange->name),
                                amqp_bytes_of(exchange->type), 0, 1, 0, 0,
                                table_of(exchange->arguments, entries));
    enum result r = amqp_link_reply(link, amqp_get_rpc_reply(link->state),
                                    "cannot declare an exchange", fault);
    if (r != RESULT_OK || exchange->source == NULL)
        return r;
    (void)amqp_exchange_bind(
        link->state, AMQP_CHANNEL, amqp_bytes_of(exchange->name),
        amqp_bytes_of(exchange->source), amqp_empty_bytes, amqp_empty_table);
    return amqp_link_reply(link, amqp_get_rpc_reply(link->state),
                           "cannot bind an exchange", fault);
}

/* Before amqp_link_reply(), whose words are gone with the next call. */
static void note_difference(const struct amqp_queue *queue,
                            const amqp_rpc_reply_t *reply)
{
    if (queue->differs == NULL ||
        reply->reply_type != AMQP_RESPONSE_SERVER_EXCEPTION ||
        reply->reply.id != AMQP_CHANNEL_CLOSE_METHOD)
        return;
    const amqp_channel_close_t *close = reply->reply.decoded;
    if (close->reply_code == AMQP_PRECONDITION_FAILED)
        *queue->differs = true;
    else if (close->reply_code == AMQP_NOT_FOUND)
        *queue->differs = false;
}

enum result amqp_link_declare_queue(struct amqp_link *link,
                                    const struct amqp_queue *queue,
                                    struct fault *fault)
{
    amqp_table_entry_t entries[AMQP_ARGUMENTS_MAX];
    bool passive = queue->differs != NULL && *queue->differs;
    (void)amqp_queue_declare(link->state, AMQP_CHANNEL,
                             amqp_bytes_of(queue->name), passive, 1, 0, 0,
                             table_of(queue->arguments, entries));
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(link->state);
    note_difference(queue, &reply);
    enum result r =
        amqp_link_reply(link, reply, "cannot declare a queue", fault);
    if (r != RESULT_OK || queue->exchange == NULL)
        return r;
    (void)amqp_queue_bind(link->state, AMQP_CHANNEL, amqp_bytes_of(queue->name),
                          amqp_bytes_of(queue->exchange),
                          queue->routing_key == NULL
                              ? amqp_empty_bytes
                              : amqp_bytes_of(queue->routing_key),
                          amqp_empty_table);
    return amqp_link_reply(link, amqp_get_rpc_reply(link->state),
                           "cannot bind a queue", fault);
}

enum result amqp_link_confirms(struct amqp_link *link, struct fault *fault)
{
    (void)amqp_confirm_select(link->state, AMQP_CHANNEL);
    return amqp_link_reply(link, amqp_get_rpc_reply(link->state),
                           "cannot ask for confirms", fault);
}

enum result amqp_link_consume(struct amqp_link *link, const char *queue,
                              uint16_t prefetch, const char *stream_offset,
                              struct fault *fault)
{
    (void)amqp_basic_qos(link->state, AMQP_CHANNEL, 0, prefetch, 0);
    enum result r = amqp_link_reply(link, amqp_get_rpc_reply(link->state),
                                    "cannot set the prefetch", fault);
    if (r != RESULT_OK)
        return r;
    amqp_table_t arguments = amqp_empty_table;
    amqp_table_entry_t entry;
    if (stream_offset != NULL) {
        entry = words("x-stream-offset", stream_offset);
        char *end = NULL;
        long long number = strtoll(stream_offset, &end, 10);
        if (end != stream_offset && *end == '\0')
            entry.value = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_I64,
                                               .value.i64 = number};
        if (stream_offset[0] == '@')
            entry.value = (amqp_field_value_t){
                .kind = AMQP_FIELD_KIND_TIMESTAMP,
                .value.u64 = strtoull(stream_offset + 1, NULL, 10)};
        arguments = (amqp_table_t){1, &entry};
    }
    (void)amqp_basic_consume(link->state, AMQP_CHANNEL, amqp_bytes_of(queue),
                             amqp_bytes_of(AMQP_CONSUMER_TAG), 0, 0, 0,
                             arguments);
    return amqp_link_reply(link, amqp_get_rpc_reply(link->state),
                           "cannot consume", fault);
}

enum result amqp_link_cancel(struct amqp_link *link, struct fault *fault)
{
    (void)amqp_basic_cancel(link->state, AMQP_CHANNEL,
                            amqp_bytes_of(AMQP_CONSUMER_TAG));
    return amqp_link_reply(link, amqp_get_rpc_reply(link->state),
                           "cannot cancel the consumer", fault);
}

int amqp_link_socket(const struct amqp_link *link)
{
    return amqp_get_sockfd(link->state);
}

void amqp_link_wait(struct amqp_link *link, int wake, uint32_t timeout_ms)
{
    struct pollfd fds[] = {{.fd = amqp_link_socket(link), .events = POLLIN},
                           {.fd = wake, .events = POLLIN}};
    /* Whatever happened, the caller looks again: nothing to report. */
    (void)poll(fds, 2, (int)timeout_ms);
}

static void properties_of(const struct amqp_message *message,
                          amqp_basic_properties_t *properties,
                          amqp_table_entry_t *entries)
{
    *properties = (amqp_basic_properties_t){0};
    properties->_flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties->delivery_mode = message->persistent
                                    ? AMQP_DELIVERY_PERSISTENT
                                    : AMQP_DELIVERY_NONPERSISTENT;
    if (message->message_id != NULL) {
        properties->_flags |= AMQP_BASIC_MESSAGE_ID_FLAG;
        properties->message_id = amqp_bytes_of(message->message_id);
    }
    if (message->content_type != NULL) {
        properties->_flags |= AMQP_BASIC_CONTENT_TYPE_FLAG;
        properties->content_type = amqp_bytes_of(message->content_type);
    }
    if (message->type != NULL) {
        properties->_flags |= AMQP_BASIC_TYPE_FLAG;
        properties->type = amqp_bytes_of(message->type);
    }
    if (message->timestamp_s != 0) {
        properties->_flags |= AMQP_BASIC_TIMESTAMP_FLAG;
        properties->timestamp = (uint64_t)message->timestamp_s;
    }
    properties->headers = table_of(message->headers, entries);
    if (properties->headers.num_entries > 0)
        properties->_flags |= AMQP_BASIC_HEADERS_FLAG;
}

enum result amqp_link_publish(struct amqp_link *link, const char *exchange,
                              const char *routing_key,
                              const struct amqp_message *message,
                              struct fault *fault)
{
    amqp_table_entry_t entries[AMQP_ARGUMENTS_MAX];
    amqp_basic_properties_t properties;
    properties_of(message, &properties, entries);
    amqp_bytes_t body = {.len = message->body_bytes,
                         .bytes = (void *)(uintptr_t)message->body};
    int status =
        amqp_basic_publish(link->state, AMQP_CHANNEL, amqp_bytes_of(exchange),
                           amqp_bytes_of(routing_key), 1, 0, &properties, body);
    if (status != AMQP_STATUS_OK)
        return amqp_link_lost(link, status, "cannot publish", fault);
    return RESULT_OK;
}

enum result amqp_link_ack(struct amqp_link *link, uint64_t tag, bool multiple,
                          struct fault *fault)
{
    int status = amqp_basic_ack(link->state, AMQP_CHANNEL, tag, multiple);
    if (status != AMQP_STATUS_OK)
        return amqp_link_lost(link, status, "cannot acknowledge", fault);
    return RESULT_OK;
}

enum result amqp_link_reject(struct amqp_link *link, uint64_t tag, bool requeue,
                             struct fault *fault)
{
    int status = amqp_basic_reject(link->state, AMQP_CHANNEL, tag, requeue);
    if (status != AMQP_STATUS_OK)
        return amqp_link_lost(link, status, "cannot reject", fault);
    return RESULT_OK;
}
