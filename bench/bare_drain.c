/*
 * The floor of a consumer: takes messages from the queue of history and does
 * nothing with them but acknowledge, as rabbitmq-c alone can.
 *
 *   bare_drain URL COUNT   until COUNT were taken; prefetch 2000, a multiple
 *                          ack for every 500
 *   bare_drain URL COUNT stream
 *                          the same of the stream, from its first message
 *   bare_drain URL left    how many wait in the queue
 *
 * With QUEUES over 1, from the one that QUEUE says.
 *
 * The rate is from the first ack to the last, as that of the others is from
 * the first commit to the last.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#endif

#include "measure.h"
#include "topology.h"

enum {
    CHANNEL = 1,
    PREFETCH = 2000,
    ACK_EVERY = 500,
    STALL_S = 30,
    FRAME_BYTES_MAX = 131072,
};

static void check_reply(amqp_rpc_reply_t reply, const char *doing)
{
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        measure_die("cannot %s: %s", doing,
                    reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION
                        ? amqp_error_string2(reply.library_error)
                        : "the broker refuses");
}

static void check(int status, const char *doing)
{
    if (status != AMQP_STATUS_OK)
        measure_die("cannot %s: %s", doing, amqp_error_string2(status));
}

static amqp_connection_state_t connect_to(char *url)
{
    struct amqp_connection_info info;
    check(amqp_parse_url(url, &info), "read the URL");
    amqp_connection_state_t state = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(state);
    if (socket == NULL)
        measure_die("no memory");
    check(amqp_socket_open(socket, info.host, info.port), "connect");
    check_reply(amqp_login(state, info.vhost, 0, FRAME_BYTES_MAX, 0,
                           AMQP_SASL_METHOD_PLAIN, info.user, info.password),
                "log in");
    (void)amqp_channel_open(state, CHANNEL);
    check_reply(amqp_get_rpc_reply(state), "open a channel");
    return state;
}

/* A delivery comes as a method, a header, and frames with its body. */
static uint64_t take_delivery(amqp_connection_state_t state)
{
    uint64_t tag = 0;
    uint64_t left = 0;
    bool header_read = false;
    amqp_maybe_release_buffers(state);
    while (tag == 0 || !header_read || left > 0) {
        amqp_frame_t frame;
        struct timeval stall = {.tv_sec = STALL_S};
        check(amqp_simple_wait_frame_noblock(state, &frame, &stall),
              "read a delivery");
        if (frame.frame_type == AMQP_FRAME_METHOD &&
            frame.payload.method.id == AMQP_BASIC_DELIVER_METHOD) {
            const amqp_basic_deliver_t *deliver = frame.payload.method.decoded;
            tag = deliver->delivery_tag;
        } else if (frame.frame_type == AMQP_FRAME_METHOD) {
            measure_die("the broker sent another method");
        } else if (frame.frame_type == AMQP_FRAME_HEADER) {
            header_read = true;
            left = frame.payload.properties.body_size;
        } else if (frame.frame_type == AMQP_FRAME_BODY) {
            left -= frame.payload.body_fragment.len;
        }
    }
    return tag;
}

static void consume_queue(amqp_connection_state_t state)
{
    (void)amqp_basic_consume(state, CHANNEL,
                             amqp_cstring_bytes(topology_queue()),
                             amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
}

static void consume_stream(amqp_connection_state_t state)
{
    amqp_table_entry_t from = {
        .key = amqp_cstring_bytes("x-stream-offset"),
        .value = {.kind = AMQP_FIELD_KIND_UTF8,
                  .value.bytes = amqp_cstring_bytes("first")},
    };
    amqp_table_t arguments = {.num_entries = 1, .entries = &from};
    (void)amqp_basic_consume(state, CHANNEL,
                             amqp_cstring_bytes(TOPOLOGY_STREAM),
                             amqp_empty_bytes, 0, 0, 0, arguments);
}

static void drain(amqp_connection_state_t state,
                  void (*consume)(amqp_connection_state_t state), int64_t count)
{
    (void)amqp_basic_qos(state, CHANNEL, 0, PREFETCH, 0);
    check_reply(amqp_get_rpc_reply(state), "set the prefetch");
    consume(state);
    check_reply(amqp_get_rpc_reply(state), "consume");

    double first_s = 0;
    int64_t first = 0;
    for (int64_t taken = 1; taken <= count; taken++) {
        uint64_t tag = take_delivery(state);
        if (taken % ACK_EVERY != 0 && taken != count)
            continue;
        check(amqp_basic_ack(state, CHANNEL, tag, 1), "acknowledge");
        if (first == 0) {
            first = taken;
            first_s = measure_now_s();
        }
    }
    double seconds = measure_now_s() - first_s;
    printf("{\"views\": %" PRId64 ", \"seconds\": %.6f, \"cpu_s\": %.3f, "
           "\"peak_kb\": %" PRId64 "}\n",
           count - first, seconds, measure_cpu_s(), measure_peak_kb());
}

static void print_left(amqp_connection_state_t state)
{
    const amqp_queue_declare_ok_t *queue =
        amqp_queue_declare(state, CHANNEL, amqp_cstring_bytes(topology_queue()),
                           1, 0, 0, 0, amqp_empty_table);
    check_reply(amqp_get_rpc_reply(state), "look at the queue");
    printf("{\"left\": %" PRIu32 "}\n", queue->message_count);
}

int main(int argc, char **argv)
{
    bool is_stream = argc == 4 && strcmp(argv[3], "stream") == 0;
    if (argc != 3 && !is_stream) {
        (void)fputs("bare_drain URL COUNT [stream] | URL left\n", stderr);
        return 2;
    }
    struct topology_settings settings = {0};
    struct fault fault = {0};
    if (topology_settings_read(&settings, &fault) != RESULT_OK)
        measure_die("%s", fault.text);
    topology_set(&settings);
    amqp_connection_state_t state = connect_to(argv[1]);
    if (strcmp(argv[2], "left") == 0)
        print_left(state);
    else
        drain(state, is_stream ? consume_stream : consume_queue,
              measure_number(argv[2], 1, 100000000));
    (void)amqp_connection_close(state, AMQP_REPLY_SUCCESS);
    (void)amqp_destroy_connection(state);
    return 0;
}
