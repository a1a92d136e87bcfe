/*
 * Puts views into the queue of history, as streaming would publish them.
 *
 *   load URL FIRST COUNT USERS [viewed]
 *
 * Views FIRST to FIRST + COUNT - 1 of sample_views.h, into the queue alone, or
 * with QUEUES over 1 into those, by user; with `viewed` through that exchange,
 * so that the stream has them too. Each is confirmed before the program ends.
 * Declares what both services declare.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "amqp_link.h"
#include "measure.h"
#include "sample_views.h"
#include "topology.h"

enum {
    IN_FLIGHT_MAX = 2000,
    PUBLISHES_PER_TURN = 64, /* then confirms are read */
    WAIT_MS = 100,
    STALL_S = 30, /* without a confirm: something is wrong */
    BODY_BYTES_MAX = 8192,
};

static struct fault fault;

static struct amqp_link *link_open(const char *url)
{
    struct amqp_options options = {
        .url = url, .name = "load", .connect_timeout_ms = 5000};
    struct amqp_link *link = NULL;
    enum result r = amqp_link_open(&options, &link, &fault);
    for (size_t i = 0; r == RESULT_OK && i < topology_exchanges_count; i++)
        r = amqp_link_declare_exchange(link, &topology_exchanges[i], &fault);
    for (size_t i = 0; r == RESULT_OK && i < topology_queues_count; i++)
        r = amqp_link_declare_queue(link, &topology_queues[i], &fault);
    if (r == RESULT_OK)
        r = amqp_link_confirms(link, &fault);
    if (r != RESULT_OK)
        measure_die("%s", fault.text);
    return link;
}

static bool through_viewed;

static const char *exchange(void)
{
    if (through_viewed)
        return TOPOLOGY_EXCHANGE;
    return strcmp(topology_queue(), TOPOLOGY_QUEUE) == 0
               ? "" /* the broker's own, by the queue's name */
               : TOPOLOGY_USER_EXCHANGE;
}

static void publish(struct amqp_link *link, uint64_t number, uint32_t users)
{
    struct viewed viewed;
    sample_view(number, users, &viewed);
    struct buffer body = buffer_make(BODY_BYTES_MAX);
    viewed_encode(&viewed, &body);
    char id[UUID_TEXT_BYTES];
    uuid_format(&viewed.id, id);
    struct amqp_message message = {
        .body = body.data,
        .body_bytes = body.bytes,
        .message_id = id,
        .content_type = "application/json",
        .type = "viewed",
        .timestamp_s = viewed.viewed_at_ms / 1000,
        .persistent = true,
        .headers = {{.name = "cloudEvents_specversion", .text = "1.0"},
                    {.name = "cloudEvents_type", .text = "viewed"},
                    {.name = "cloudEvents_source", .text = "/streaming"},
                    {.name = "cloudEvents_id", .text = id},
                    {.name = TOPOLOGY_USER_HEADER, .text = viewed.user_id}},
    };
    if (body.failed || amqp_link_publish(link, exchange(), TOPOLOGY_QUEUE,
                                         &message, &fault) != RESULT_OK)
        measure_die("%s", fault.text);
    buffer_done(&body);
}

/* What was published and is not confirmed, by its number from 1. */
struct window {
    int64_t sent;
    int64_t confirmed;         /* all up to it are */
    bool early[IN_FLIGHT_MAX]; /* confirmed before one below it */
};

static void confirm(struct window *window, int64_t tag, bool multiple)
{
    int64_t from = multiple ? window->confirmed + 1 : tag;
    for (int64_t number = from; number <= tag; number++)
        window->early[number % IN_FLIGHT_MAX] = true;
    while (window->confirmed < window->sent &&
           window->early[(window->confirmed + 1) % IN_FLIGHT_MAX]) {
        window->confirmed++;
        window->early[window->confirmed % IN_FLIGHT_MAX] = false;
    }
}

static void read_confirms(struct amqp_link *link, struct window *window)
{
    const struct amqp_event *event;
    do {
        if (amqp_link_next(link, &event, &fault) != RESULT_OK)
            measure_die("%s", fault.text);
        if (event->kind == AMQP_EVENT_CONFIRMED)
            confirm(window, (int64_t)event->tag, event->multiple);
        if (event->kind == AMQP_EVENT_REFUSED ||
            event->kind == AMQP_EVENT_RETURNED)
            measure_die("the broker did not take a view");
    } while (event->kind != AMQP_EVENT_NONE);
}

static void publish_some(struct amqp_link *link, struct window *window,
                         uint64_t first, int64_t count, uint32_t users)
{
    for (int i = 0; i < PUBLISHES_PER_TURN; i++) {
        if (window->sent == count ||
            window->sent - window->confirmed >= IN_FLIGHT_MAX - 1) {
            amqp_link_wait(link, -1, WAIT_MS);
            return;
        }
        publish(link, first + (uint64_t)window->sent, users);
        window->sent++;
    }
}

static void publish_all(struct amqp_link *link, uint64_t first, int64_t count,
                        uint32_t users)
{
    static struct window window;
    double moved_s = measure_now_s();
    while (window.confirmed < count) {
        int64_t before = window.confirmed;
        publish_some(link, &window, first, count, users);
        read_confirms(link, &window);
        if (window.confirmed != before)
            moved_s = measure_now_s();
        else if (measure_now_s() - moved_s > STALL_S)
            measure_die("the broker confirms nothing for %d s", STALL_S);
    }
}

static void read_settings(void)
{
    struct topology_settings settings = {0};
    if (topology_settings_read(&settings, &fault) != RESULT_OK)
        measure_die("%s", fault.text);
    topology_set(&settings);
}

int main(int argc, char **argv)
{
    through_viewed = argc == 6 && strcmp(argv[5], "viewed") == 0;
    if (argc != 5 && !through_viewed) {
        (void)fputs("load URL FIRST COUNT USERS [viewed]\n", stderr);
        return 2;
    }
    read_settings();
    int64_t first = measure_number(argv[2], 0, INT64_C(1) << 40);
    int64_t count = measure_number(argv[3], 0, 100000000);
    int64_t users = measure_number(argv[4], 1, 1000000);
    struct amqp_link *link = link_open(argv[1]);
    double started_s = measure_now_s();
    publish_all(link, (uint64_t)first, count, (uint32_t)users);
    printf("{\"views\": %" PRId64 ", \"seconds\": %.3f}\n", count,
           measure_now_s() - started_s);
    amqp_link_close(link);
    return 0;
}
