#include "confirm_publisher.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"

enum {
    /* Events are read at least so often while publishing, so that confirms,
     * a block or a dead link are seen in the middle of a long run. */
    PUBLISHES_PER_LOOK = 64,
    /* Between looks at an idle link, for its heartbeats. */
    WAIT_MS_MAX = AMQP_HEARTBEAT_S * 1000 / 3,
    LOOK_MS = 100, /* at the deadlines of what is in flight, or of a stop */
};

/* A publish that the broker has not settled yet. */
struct in_flight {
    uint64_t token;
    size_t bytes;
    bool returned;
    bool settled;
    char message_id[PUBLISH_ID_BYTES]; /* how a return names it */
};

struct confirm_publisher {
    struct publisher_config config;
    pthread_t thread;
    int wake_fd;
    _Atomic bool stopping;
    _Atomic int64_t stop_deadline_ms;
    _Atomic enum publisher_state state;
    /* The thread's own from here on. */
    struct amqp_link *link;
    /* Confirm numbers [oldest, next) are in flight, each at number modulo
     * in_flight_max. */
    struct in_flight *window;
    uint64_t oldest;
    uint64_t next;
    size_t bytes;
    int64_t answered_ms;     /* when the broker last settled something */
    int64_t refused_ms;      /* since when it only refuses; 0: it does not */
    int64_t paused_until_ms; /* 0: not paused */
    bool redeclare;          /* a queue or binding has gone: make it again */
};

static void change(struct confirm_publisher *p, enum publisher_state state,
                   const char *why)
{
    p->state = state;
    if (p->config.changed != NULL)
        p->config.changed(p->config.source.context, state, why);
}

static struct in_flight *in_window(struct confirm_publisher *p, uint64_t number)
{
    return &p->window[number % p->config.in_flight_max];
}

static void settle_one(struct confirm_publisher *p, uint64_t number,
                       enum publish_outcome outcome)
{
    struct in_flight *item = in_window(p, number);
    if (item->settled)
        return;
    item->settled = true;
    p->bytes -= item->bytes;
    if (item->returned && outcome == PUBLISH_CONFIRMED)
        outcome = PUBLISH_RETURNED;
    p->redeclare = p->redeclare || outcome == PUBLISH_RETURNED;
    if (outcome == PUBLISH_RETURNED || outcome == PUBLISH_REFUSED)
        p->paused_until_ms = clock_monotonic_ms() + p->config.retry_ms;
    p->config.source.settle(p->config.source.context, item->token, outcome);
}

static void settle_upto(struct confirm_publisher *p, uint64_t tag,
                        bool multiple, enum publish_outcome outcome)
{
    /* A number outside the window is the broker's mistake: it says nothing
     * about any message of ours. */
    if (tag >= p->next || tag < p->oldest)
        return;
    for (uint64_t n = multiple ? p->oldest : tag; n <= tag; n++)
        settle_one(p, n, outcome);
    while (p->oldest < p->next && in_window(p, p->oldest)->settled)
        p->oldest++;
    p->answered_ms = clock_monotonic_ms();
    if (outcome != PUBLISH_REFUSED)
        p->refused_ms = 0;
    else if (p->refused_ms == 0)
        p->refused_ms = p->answered_ms;
}

/* The broker returns a message first and confirms it after. */
static void mark_returned(struct confirm_publisher *p, const char *message_id)
{
    for (uint64_t n = p->oldest; n < p->next; n++) {
        struct in_flight *item = in_window(p, n);
        if (!item->settled && strcmp(item->message_id, message_id) == 0)
            item->returned = true;
    }
}

static enum result read_events(struct confirm_publisher *p, struct fault *fault)
{
    for (;;) {
        const struct amqp_event *event;
        enum result r = amqp_link_next(p->link, &event, fault);
        if (r != RESULT_OK)
            return r;
        switch (event->kind) {
        case AMQP_EVENT_NONE:
            return RESULT_OK;
        case AMQP_EVENT_CONFIRMED:
            settle_upto(p, event->tag, event->multiple, PUBLISH_CONFIRMED);
            break;
        case AMQP_EVENT_REFUSED:
            settle_upto(p, event->tag, event->multiple, PUBLISH_REFUSED);
            break;
        case AMQP_EVENT_RETURNED:
            mark_returned(p, event->message_id);
            break;
        case AMQP_EVENT_BLOCKED:
            change(p, PUBLISHER_BLOCKED, event->reason);
            break;
        case AMQP_EVENT_UNBLOCKED:
            p->answered_ms = clock_monotonic_ms();
            change(p, PUBLISHER_READY, "the broker takes publishes again");
            break;
        case AMQP_EVENT_DELIVERY:
        case AMQP_EVENT_CANCELLED:
        case AMQP_EVENT_QUEUE:
            break;
        }
    }
}

static bool may_publish(const struct confirm_publisher *p)
{
    return p->state == PUBLISHER_READY && !p->stopping &&
           p->next - p->oldest < p->config.in_flight_max &&
           p->bytes < p->config.in_flight_bytes_max && p->paused_until_ms == 0;
}

static enum result publish_some(struct confirm_publisher *p,
                                struct fault *fault)
{
    const struct publish_source *source = &p->config.source;
    struct publish_item taken;
    for (unsigned count = 1; may_publish(p); count++) {
        if (!source->take(source->context, &taken))
            return RESULT_OK;
        assert(taken.message.message_id != NULL &&
               strlen(taken.message.message_id) < PUBLISH_ID_BYTES);
        if (p->oldest == p->next)
            p->answered_ms = clock_monotonic_ms();
        struct in_flight *item = in_window(p, p->next++);
        *item = (struct in_flight){.token = taken.token,
                                   .bytes = taken.message.body_bytes};
        strncpy(item->message_id, taken.message.message_id,
                sizeof item->message_id - 1);
        p->bytes += item->bytes;
        enum result r = amqp_link_publish(p->link, p->config.exchange, "",
                                          &taken.message, fault);
        if (r == RESULT_OK && count % PUBLISHES_PER_LOOK == 0)
            r = read_events(p, fault);
        if (r != RESULT_OK)
            return r;
    }
    return RESULT_OK;
}

static bool is_silent(const struct confirm_publisher *p)
{
    return p->oldest < p->next && p->state == PUBLISHER_READY &&
           clock_monotonic_ms() - p->answered_ms > p->config.confirm_timeout_ms;
}

static bool is_refusing(const struct confirm_publisher *p)
{
    return p->refused_ms != 0 &&
           clock_monotonic_ms() - p->refused_ms > p->config.refusal_timeout_ms;
}

/* Whether another link may do better. */
static enum result check_link(const struct confirm_publisher *p,
                              struct fault *fault)
{
    if (is_silent(p))
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "the broker confirmed nothing for %u ms",
                         p->config.confirm_timeout_ms);
    if (is_refusing(p))
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "the broker refused everything for %u ms",
                         p->config.refusal_timeout_ms);
    return RESULT_OK;
}

static bool is_done(const struct confirm_publisher *p)
{
    return p->stopping && (p->oldest == p->next ||
                           clock_monotonic_ms() >= p->stop_deadline_ms);
}

static void clear_wake(struct confirm_publisher *p)
{
    uint64_t count;
    /* Not there is as good as read: the descriptor does not block. */
    ssize_t bytes = read(p->wake_fd, &count, sizeof count);
    (void)bytes;
}

static uint32_t wait_ms(const struct confirm_publisher *p)
{
    int64_t wait = WAIT_MS_MAX;
    if (p->stopping || p->oldest < p->next)
        wait = LOOK_MS;
    /* A pause that is over by now is not waited for: no wake would come. */
    if (p->paused_until_ms != 0) {
        int64_t pause_ms = p->paused_until_ms - clock_monotonic_ms();
        if (pause_ms < wait)
            wait = pause_ms > 0 ? pause_ms : 0;
    }
    return (uint32_t)wait;
}

static void end_pause(struct confirm_publisher *p)
{
    if (p->paused_until_ms != 0 && clock_monotonic_ms() >= p->paused_until_ms)
        p->paused_until_ms = 0;
}

static enum result declare_all(struct confirm_publisher *p, struct fault *fault)
{
    const struct publisher_config *config = &p->config;
    enum result r = RESULT_OK;
    for (size_t i = 0; r == RESULT_OK && i < config->exchanges_count; i++)
        r = amqp_link_declare_exchange(p->link, &config->exchanges[i], fault);
    for (size_t i = 0; r == RESULT_OK && i < config->queues_count; i++)
        r = amqp_link_declare_queue(p->link, &config->queues[i], fault);
    p->redeclare = false;
    return r;
}

static enum result connect_link(struct confirm_publisher *p,
                                struct fault *fault)
{
    enum result r = amqp_link_open(&p->config.amqp, &p->link, fault);
    if (r == RESULT_OK)
        r = declare_all(p, fault);
    if (r == RESULT_OK)
        r = amqp_link_confirms(p->link, fault);
    return r;
}

/* Runs one link until it is lost, or all is done. */
static enum result pump(struct confirm_publisher *p, struct fault *fault)
{
    const struct publish_source *source = &p->config.source;
    for (;;) {
        clear_wake(p);
        end_pause(p);
        enum result r = read_events(p, fault);
        if (r == RESULT_OK && p->redeclare && may_publish(p))
            r = declare_all(p, fault);
        if (r == RESULT_OK)
            r = publish_some(p, fault);
        if (r == RESULT_OK)
            r = read_events(p, fault);
        if (source->flush != NULL)
            source->flush(source->context);
        if (r != RESULT_OK)
            return r;
        if (is_done(p))
            return RESULT_OK;
        r = check_link(p, fault);
        if (r != RESULT_OK)
            return r;
        amqp_link_wait(p->link, p->wake_fd, wait_ms(p));
    }
}

static void abandon_link(struct confirm_publisher *p)
{
    const struct publish_source *source = &p->config.source;
    amqp_link_close(p->link);
    p->link = NULL;
    for (uint64_t n = p->oldest; n < p->next; n++)
        settle_one(p, n, PUBLISH_UNKNOWN);
    if (source->flush != NULL)
        source->flush(source->context);
    /* A channel counts its publishes from 1. */
    p->oldest = 1;
    p->next = 1;
    p->bytes = 0;
    p->paused_until_ms = 0;
    p->refused_ms = 0;
}

/* Jitter keeps many clients from coming back in step. */
static void back_off(struct confirm_publisher *p, uint32_t *delay_ms)
{
    int64_t until_ms = clock_monotonic_ms() + *delay_ms / 2 +
                       arc4random_uniform(*delay_ms / 2 + 1);
    *delay_ms = *delay_ms < p->config.reconnect_ms_max / 2
                    ? *delay_ms * 2
                    : p->config.reconnect_ms_max;
    while (!p->stopping) {
        int64_t left_ms = until_ms - clock_monotonic_ms();
        if (left_ms <= 0)
            return;
        struct pollfd wake = {.fd = p->wake_fd, .events = POLLIN};
        (void)poll(&wake, 1, (int)left_ms);
        clear_wake(p);
    }
}

static void *run(void *argument)
{
    struct confirm_publisher *p = argument;
    uint32_t delay_ms = p->config.reconnect_ms_min;
    while (!p->stopping) {
        struct fault fault = {0};
        enum result r = connect_link(p, &fault);
        if (r == RESULT_OK) {
            delay_ms = p->config.reconnect_ms_min;
            p->answered_ms = clock_monotonic_ms();
            change(p, PUBLISHER_READY, "");
            r = pump(p, &fault);
        }
        abandon_link(p);
        if (r != RESULT_OK) {
            change(p, PUBLISHER_CONNECTING, fault.text);
            back_off(p, &delay_ms);
        }
    }
    return NULL;
}

static void publisher_free(struct confirm_publisher *p)
{
    if (p->wake_fd >= 0)
        (void)close(p->wake_fd);
    free(p->window);
    free(p);
}

enum result confirm_publisher_start(const struct publisher_config *config,
                                    struct confirm_publisher **ret,
                                    struct fault *fault)
{
    assert(config->in_flight_max > 0);
    struct confirm_publisher *p = calloc(1, sizeof *p);
    if (p == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    p->config = *config;
    p->oldest = 1;
    p->next = 1;
    p->window = calloc(config->in_flight_max, sizeof *p->window);
    p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->window == NULL || p->wake_fd < 0 ||
        pthread_create(&p->thread, NULL, run, p) != 0) {
        publisher_free(p);
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "cannot start a publisher: %s", strerror(errno));
    }
    *ret = p;
    return RESULT_OK;
}

void confirm_publisher_wake(struct confirm_publisher *p)
{
    uint64_t one = 1;
    /* A counter that is full wakes as well. */
    ssize_t bytes = write(p->wake_fd, &one, sizeof one);
    (void)bytes;
}

enum publisher_state confirm_publisher_state(const struct confirm_publisher *p)
{
    return p->state;
}

void confirm_publisher_stop(struct confirm_publisher *p, uint32_t grace_ms)
{
    if (p == NULL)
        return;
    p->stop_deadline_ms = clock_monotonic_ms() + grace_ms;
    p->stopping = true;
    confirm_publisher_wake(p);
    pthread_join(p->thread, NULL);
    publisher_free(p);
}
