#include "consumer.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "condition.h"
#include "log.h"
#include "topology.h"

enum {
    /* Turns of the loop stay short, so that acks go out between them. */
    EVENTS_PER_TURN = 2048,
    /* Handed over in pieces: the store works while the rest is read. */
    VIEWS_PER_SUBMIT = 256,
    RETRY_MS = 500, /* after the store could not take a view */
    LOOK_MS = 10 * 1000,
    SUSPICIONS_MAX = 2, /* in a row: an election answers 0 of everything */
};

enum consumer_state {
    CONSUMER_WAITING, /* for the next attempt to connect */
    CONSUMER_CONNECTING,
    CONSUMER_CONSUMING,
    CONSUMER_LOSING,
    CONSUMER_STOPPING,
    CONSUMER_STOPPED,
};

enum slot_state {
    SLOT_FREE,
    SLOT_INGEST,  /* with the store */
    SLOT_RETRY,   /* the store could not take it now */
    SLOT_DEAD,    /* with the dead letters */
    SLOT_SETTLED, /* may be acknowledged */
};

/* A delivery that is held. The view comes first: its item is the slot's. */
struct slot {
    struct ingest_view view;
    struct consumer *consumer;
    struct slot *previous; /* in order of tags */
    struct slot *next;     /* and in the list of free ones */
    struct slot *settled_next;
    uint64_t tag;
    enum slot_state state;
};

struct consumer {
    struct consumer_config config;
    enum consumer_state state;
    struct amqp_link *link;
    struct loop_watch *watch;
    struct loop_waker *waker;
    struct loop_timer *heartbeat;
    struct loop_timer *retry;
    struct loop_timer *reconnect;
    struct loop_timer *grace;
    struct loop_timer *look;
    uint64_t looked_deliveries; /* how many there were at the last look */
    unsigned suspicions;
    uint32_t reconnect_ms;
    uint64_t generation; /* of the link: an old letter's tag is no tag */
    struct slot *slots;
    struct slot *free;
    struct slot *oldest; /* held deliveries, in order of tags */
    struct slot *newest;
    size_t with_store;         /* slots in SLOT_INGEST */
    struct ingest_view *chain; /* decoded, not handed over yet */
    struct ingest_view *chain_last;
    size_t chain_count;
    void (*stopped)(void *context);
    void *stopped_context;
    /* From connect_begin() to connect_done() the helper uses the consumer;
     * one that is ended meanwhile is freed by connect_done(). */
    bool helped;
    bool ended;
    /* What the helper leaves for the loop. */
    struct amqp_link *opened;
    enum result opened_result;
    struct fault opened_fault;

    struct condition condition;
    pthread_mutex_t lock; /* guards what follows: other threads' side */
    struct slot *settled;
    struct dead_letter *settled_letters;
};

static void connect_begin(void *context);
static void read_deliveries(void *context);
static void consumer_free(struct consumer *c);

bool consumer_works(struct consumer *c, struct fault *ret_why)
{
    return condition_works(&c->condition, ret_why);
}

static struct slot *slot_hold(struct consumer *c, uint64_t tag)
{
    struct slot *slot = c->free;
    if (slot == NULL)
        return NULL;
    c->free = slot->next;
    slot->tag = tag;
    slot->next = NULL;
    slot->previous = c->newest;
    if (c->newest != NULL)
        c->newest->next = slot;
    else
        c->oldest = slot;
    c->newest = slot;
    c->config.counters->unacked++;
    return slot;
}

static void slot_release(struct consumer *c, struct slot *slot)
{
    if (slot->previous != NULL)
        slot->previous->next = slot->next;
    else
        c->oldest = slot->next;
    if (slot->next != NULL)
        slot->next->previous = slot->previous;
    else
        c->newest = slot->previous;
    slot->state = SLOT_FREE;
    slot->next = c->free;
    c->free = slot;
    c->config.counters->unacked--;
}

/* --- the link's end ----------------------------------------------------- */

static void wait_to_connect(struct consumer *c)
{
    /* Jitter keeps many consumers from coming back in step. */
    uint32_t delay_ms =
        c->reconnect_ms / 2 + arc4random_uniform(c->reconnect_ms / 2 + 1);
    c->reconnect_ms = c->reconnect_ms < c->config.reconnect_ms_max / 2
                          ? c->reconnect_ms * 2
                          : c->config.reconnect_ms_max;
    c->state = CONSUMER_WAITING;
    loop_timer_end(c->reconnect);
    c->reconnect = NULL;
    struct fault fault = {0};
    if (loop_timer_start(c->config.loop, delay_ms, 0, connect_begin, c,
                         &c->reconnect, &fault) != RESULT_OK) {
        log_error("cannot reconnect", log_text("why", fault.text), log_end());
        abort(); /* no memory for a timer: a restart does better */
    }
}

static void close_link(struct consumer *c)
{
    loop_watch_end(c->watch);
    c->watch = NULL;
    amqp_link_close(c->link);
    c->link = NULL;
    c->generation++;
}

static void finish(struct consumer *c)
{
    if (c->state == CONSUMER_STOPPED)
        return;
    c->state = CONSUMER_STOPPED;
    close_link(c);
    c->stopped(c->stopped_context);
}

/* Forgets what is held: the broker delivers it again. What the store has is
 * waited for, so that its slots are not used twice. */
static void forget_held(struct consumer *c)
{
    struct slot *next;
    for (struct slot *slot = c->oldest; slot != NULL; slot = next) {
        next = slot->next;
        if (slot->state != SLOT_INGEST)
            slot_release(c, slot);
    }
}

static void lose_link(struct consumer *c, const struct fault *fault)
{
    log_warn("broker lost", log_text("why", fault->text), log_end());
    c->config.counters->losses++;
    (void)condition_set(&c->condition, false, fault->text);
    close_link(c);
    forget_held(c);
    if (c->state == CONSUMER_STOPPING)
        finish(c);
    else if (c->with_store > 0)
        c->state = CONSUMER_LOSING;
    else
        wait_to_connect(c);
}

/* --- what was settled ---------------------------------------------------- */

static enum result acknowledge(struct consumer *c, struct fault *fault)
{
    uint64_t last = 0;
    while (c->oldest != NULL && c->oldest->state == SLOT_SETTLED) {
        last = c->oldest->tag;
        slot_release(c, c->oldest);
    }
    enum result r = RESULT_OK;
    if (last > 0)
        r = amqp_link_ack(c->link, last, true, fault);
    if (r != RESULT_OK || c->oldest == NULL || c->oldest->state == SLOT_INGEST)
        return r;
    /* One that may wait for long is at the head: a multiple ack would take
     * it along, so those behind it go one by one. */
    struct slot *next;
    for (struct slot *slot = c->oldest; slot != NULL; slot = next) {
        next = slot->next;
        if (slot->state != SLOT_SETTLED)
            continue;
        r = amqp_link_ack(c->link, slot->tag, false, fault);
        if (r != RESULT_OK)
            return r;
        slot_release(c, slot);
    }
    return RESULT_OK;
}

static void slot_settled(struct batch_item *item)
{
    struct slot *slot = (struct slot *)item;
    struct consumer *c = slot->consumer;
    pthread_mutex_lock(&c->lock);
    bool first = c->settled == NULL;
    slot->settled_next = c->settled;
    c->settled = slot;
    pthread_mutex_unlock(&c->lock);
    if (first)
        loop_waker_wake(c->waker);
}

static void letter_settled(struct dead_letter *letter)
{
    struct consumer *c = letter->owner;
    c->config.counters->dead_letters++;
    pthread_mutex_lock(&c->lock);
    letter->next = c->settled_letters;
    c->settled_letters = letter;
    pthread_mutex_unlock(&c->lock);
    loop_waker_wake(c->waker);
}

/* The store can never take it: the broker moves it to the dead letters. */
static enum result reject(struct consumer *c, struct slot *slot,
                          struct fault *fault)
{
    uint64_t tag = slot->tag;
    slot_release(c, slot);
    return amqp_link_reject(c->link, tag, false, fault);
}

static enum result work_off_slot(struct consumer *c, struct slot *slot,
                                 struct fault *fault)
{
    c->with_store--;
    if (c->link == NULL) {
        slot_release(c, slot);
        return RESULT_OK;
    }
    switch (slot->view.item.result) {
    case RESULT_OK:
        slot->state = SLOT_SETTLED;
        return RESULT_OK;
    case RESULT_MALFORMED:
        return reject(c, slot, fault);
    default:
        slot->state = SLOT_RETRY;
        return RESULT_OK;
    }
}

static void work_off_letters(struct consumer *c, struct dead_letter *letter)
{
    while (letter != NULL) {
        struct dead_letter *next = letter->next;
        struct slot *slot = c->oldest;
        while (slot != NULL && slot->tag != letter->tag)
            slot = slot->next;
        if (slot != NULL && letter->generation == c->generation &&
            slot->state == SLOT_DEAD)
            slot->state = SLOT_SETTLED;
        dead_letter_free(letter);
        letter = next;
    }
}

static void work_off_settled(void *context)
{
    struct consumer *c = context;
    pthread_mutex_lock(&c->lock);
    struct slot *slot = c->settled;
    struct dead_letter *letters = c->settled_letters;
    c->settled = NULL;
    c->settled_letters = NULL;
    pthread_mutex_unlock(&c->lock);

    struct fault fault = {0};
    enum result r = RESULT_OK;
    while (slot != NULL) {
        struct slot *next = slot->settled_next;
        enum result settled = work_off_slot(c, slot, &fault);
        r = r == RESULT_OK ? settled : r;
        slot = next;
    }
    work_off_letters(c, letters);
    if (c->link == NULL) {
        if (c->state == CONSUMER_LOSING && c->with_store == 0)
            wait_to_connect(c);
        return;
    }
    if (r == RESULT_OK)
        r = acknowledge(c, &fault);
    if (r != RESULT_OK)
        lose_link(c, &fault);
    else
        read_deliveries(c); /* an ack may have read frames of its own */
    if (c->state == CONSUMER_STOPPING && c->oldest == NULL)
        finish(c);
}

/* --- what is delivered ---------------------------------------------------- */

static void mark_chain(struct consumer *c, enum slot_state state)
{
    struct batch_item *item = &c->chain->item;
    for (size_t i = 0; i < c->chain_count; i++) {
        struct slot *slot = (struct slot *)item;
        struct batch_item *next = item->next;
        slot->state = state;
        item = next;
    }
}

static void submit_chain(struct consumer *c)
{
    if (c->chain_count == 0)
        return;
    /* Marked before: the store may be done before submit returns. */
    mark_chain(c, SLOT_INGEST);
    c->with_store += c->chain_count;
    if (ingest_submit(c->config.ingest, c->chain, c->chain_count) !=
        RESULT_OK) {
        c->with_store -= c->chain_count;
        mark_chain(c, SLOT_RETRY);
    }
    c->chain = NULL;
    c->chain_last = NULL;
    c->chain_count = 0;
}

static void chain_add(struct consumer *c, struct slot *slot)
{
    struct ingest_view *view = &slot->view;
    view->item =
        (struct batch_item){.result = RESULT_OK, .settled = slot_settled};
    if (c->chain_last != NULL)
        c->chain_last->item.next = &view->item;
    else
        c->chain = view;
    c->chain_last = view;
    if (++c->chain_count == VIEWS_PER_SUBMIT)
        submit_chain(c);
}

static void retry_held(void *context)
{
    struct consumer *c = context;
    if (c->link == NULL)
        return;
    for (struct slot *slot = c->oldest; slot != NULL; slot = slot->next)
        if (slot->state == SLOT_RETRY)
            chain_add(c, slot);
    submit_chain(c);
}

static enum result take_poison(struct consumer *c, struct slot *slot,
                               const struct amqp_event *event,
                               const char *reason, struct fault *fault)
{
    char trace[TRACE_PARENT_TEXT_BYTES];
    dead_letter_trace(event, trace);
    log_warn("message cannot be a view", log_text("why", reason),
             log_text("message_id", event->message_id),
             log_text("traceparent", trace),
             log_int("bytes", (int64_t)event->body_bytes), log_end());
    struct dead_letter *letter =
        event->body_cut ? NULL : dead_letter_make(event, reason);
    if (letter == NULL)
        return reject(c, slot, fault);
    letter->owner = c;
    letter->settled = letter_settled;
    letter->generation = c->generation;
    letter->tag = slot->tag;
    if (dead_letters_submit(c->config.dead_letters, letter) == RESULT_OK) {
        slot->state = SLOT_DEAD;
        return RESULT_OK;
    }
    dead_letter_free(letter);
    return reject(c, slot, fault);
}

static enum result take_delivery(struct consumer *c,
                                 const struct amqp_event *event,
                                 struct fault *fault)
{
    struct slot *slot = slot_hold(c, event->tag);
    if (slot == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "the broker delivers more than the prefetch");
    c->config.counters->deliveries++;
    if (event->redelivered)
        c->config.counters->redeliveries++;
    slot->view.received_ms = clock_now_ms();
    struct viewed_envelope envelope = {
        .message_id = event->message_id,
        .timestamp_s = event->timestamp_s,
        .received_ms = slot->view.received_ms,
        .traceparent = event->traceparent,
    };
    struct fault reason = {0};
    switch (viewed_decode(event->body, event->body_bytes, &envelope,
                          &slot->view.viewed, &reason)) {
    case RESULT_OK:
        chain_add(c, slot);
        return RESULT_OK;
    case RESULT_MALFORMED:
        return take_poison(c, slot, event, reason.text, fault);
    default: /* no memory: back to the queue, and on */
        slot_release(c, slot);
        return amqp_link_reject(c->link, event->tag, true, fault);
    }
}

/*
 * Whether the broker still delivers to us. It may forget to say that the queue
 * is gone, or who consumes it, when a node or the queue dies at a bad moment:
 * then nothing would ever come on this link. It may even take us for a consumer
 * of a new queue of that name and drop what it delivers: then nothing waits,
 * and the stream alone tells (checkpoint.h).
 */
static enum result check_queue(struct consumer *c,
                               const struct amqp_event *event,
                               struct fault *fault)
{
    uint64_t deliveries = c->config.counters->deliveries;
    bool is_stuck = event->waiting > 0 && deliveries == c->looked_deliveries;
    bool is_passed_by = deliveries == c->config.counters->gap_deliveries;
    bool is_deaf = c->oldest == NULL && (is_stuck || is_passed_by);
    c->looked_deliveries = deliveries;
    c->config.counters->consumers = event->consumers;
    if (c->state != CONSUMER_CONSUMING || (event->consumers > 0 && !is_deaf)) {
        c->suspicions = 0;
        return RESULT_OK;
    }
    if (++c->suspicions < SUSPICIONS_MAX)
        return RESULT_OK;
    if (is_passed_by)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "the broker delivers nothing: the stream has what the "
                         "queue did not bring");
    return fault_set(fault, RESULT_UNAVAILABLE,
                     "the broker delivers nothing: %u messages wait, it knows "
                     "%u consumers",
                     event->waiting, event->consumers);
}

static void look_at_queue(void *context)
{
    struct consumer *c = context;
    struct fault fault = {0};
    if (c->state == CONSUMER_CONSUMING &&
        amqp_link_ask(c->link, topology_queue(), &fault) != RESULT_OK)
        lose_link(c, &fault);
}

static enum result take_event(struct consumer *c,
                              const struct amqp_event *event,
                              struct fault *fault)
{
    switch (event->kind) {
    case AMQP_EVENT_DELIVERY:
        return take_delivery(c, event, fault);
    case AMQP_EVENT_CANCELLED:
        return fault_set(
            fault, RESULT_UNAVAILABLE,
            "the broker cancelled the consumer: the queue is gone");
    case AMQP_EVENT_QUEUE:
        return check_queue(c, event, fault);
    default:
        return RESULT_OK;
    }
}

static void read_deliveries(void *context)
{
    struct consumer *c = context;
    struct fault fault = {0};
    enum result r = RESULT_OK;
    if (c->link == NULL)
        return;
    int left = EVENTS_PER_TURN;
    for (; left > 0; left--) {
        const struct amqp_event *event;
        r = amqp_link_next(c->link, &event, &fault);
        if (r != RESULT_OK || event->kind == AMQP_EVENT_NONE)
            break;
        r = take_event(c, event, &fault);
        if (r != RESULT_OK)
            break;
    }
    submit_chain(c);
    if (r != RESULT_OK)
        lose_link(c, &fault);
    else if (left == 0)
        loop_waker_wake(c->waker); /* frames may lie in the library's buffer */
}

/* --- connecting ----------------------------------------------------------- */

static void connect_work(void *context)
{
    struct consumer *c = context;
    struct fault *fault = &c->opened_fault;
    struct amqp_link *link = NULL;
    enum result r = topology_open(&c->config.amqp, &link, fault);
    if (r == RESULT_OK)
        r = amqp_link_consume(link, topology_queue(), c->config.prefetch, NULL,
                              fault);
    if (r != RESULT_OK) {
        amqp_link_close(link);
        link = NULL;
    }
    c->opened = link;
    c->opened_result = r;
}

static void connect_done(void *context)
{
    struct consumer *c = context;
    struct fault fault = c->opened_fault;
    enum result r = c->opened_result;
    c->link = c->opened;
    c->opened = NULL;
    c->helped = false;
    if (c->state == CONSUMER_STOPPED || c->ended) {
        close_link(c);
        if (c->ended)
            consumer_free(c);
        return;
    }
    if (r == RESULT_OK)
        r = loop_watch_start(c->config.loop, amqp_link_socket(c->link),
                             read_deliveries, c, &c->watch, &fault);
    if (r != RESULT_OK) {
        log_warn("broker not reached", log_text("why", fault.text), log_end());
        (void)condition_set(&c->condition, false, fault.text);
        close_link(c);
        wait_to_connect(c);
        return;
    }
    char server[AMQP_TEXT_BYTES_MAX];
    amqp_url_public(c->config.amqp.url, server);
    log_info("broker connected", log_text("server", server), log_end());
    if (topology_stream_differs())
        log_warn("the stream has other limits than STREAM_MAX_AGE_S and "
                 "STREAM_MAX_BYTES say",
                 log_text("stream", TOPOLOGY_STREAM),
                 log_text("advice", TOPOLOGY_DIFFERS_ADVICE), log_end());
    c->state = CONSUMER_CONSUMING;
    c->looked_deliveries = UINT64_MAX; /* not yet */
    c->suspicions = 0;
    c->reconnect_ms = c->config.reconnect_ms_min;
    c->config.counters->gap_deliveries = COUNTERS_NO_GAP;
    c->config.counters->connects++;
    (void)condition_set(&c->condition, true, "");
    read_deliveries(c);
}

static void connect_begin(void *context)
{
    struct consumer *c = context;
    struct fault fault = {0};
    if (c->state != CONSUMER_WAITING)
        return;
    c->state = CONSUMER_CONNECTING;
    c->helped = loop_work(c->config.loop, connect_work, connect_done, c,
                          &fault) == RESULT_OK;
    if (!c->helped)
        wait_to_connect(c);
}

/* --- life ------------------------------------------------------------------
 */

enum result consumer_start(const struct consumer_config *config,
                           struct consumer **ret, struct fault *fault)
{
    struct consumer *c = calloc(1, sizeof *c);
    if (c == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    c->config = *config;
    c->reconnect_ms = config->reconnect_ms_min;
    pthread_mutex_init(&c->lock, NULL);
    condition_init(&c->condition, false, "not connected to the broker yet");
    c->slots = calloc(config->prefetch, sizeof *c->slots);
    enum result r = c->slots != NULL
                        ? RESULT_OK
                        : fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    for (size_t i = 0; c->slots != NULL && i < config->prefetch; i++) {
        c->slots[i].consumer = c;
        c->slots[i].next = c->free;
        c->free = &c->slots[i];
    }
    if (r == RESULT_OK)
        r = loop_waker_start(config->loop, work_off_settled, c, &c->waker,
                             fault);
    if (r == RESULT_OK)
        r = loop_timer_start(config->loop, AMQP_HEARTBEAT_S * 1000 / 3,
                             AMQP_HEARTBEAT_S * 1000 / 3, read_deliveries, c,
                             &c->heartbeat, fault);
    if (r == RESULT_OK)
        r = loop_timer_start(config->loop, RETRY_MS, RETRY_MS, retry_held, c,
                             &c->retry, fault);
    if (r == RESULT_OK)
        r = loop_timer_start(config->loop, LOOK_MS, LOOK_MS, look_at_queue, c,
                             &c->look, fault);
    if (r != RESULT_OK) {
        consumer_end(c);
        return r;
    }
    connect_begin(c);
    *ret = c;
    return RESULT_OK;
}

static void grace_over(void *context)
{
    struct consumer *c = context;
    log_warn("stopping without waiting for all deliveries",
             log_int("held", c->config.counters->unacked), log_end());
    finish(c);
}

void consumer_stop(struct consumer *c, uint32_t grace_ms,
                   void (*stopped)(void *context), void *context)
{
    struct fault fault = {0};
    c->stopped = stopped;
    c->stopped_context = context;
    c->state = CONSUMER_STOPPING;
    (void)condition_set(&c->condition, false, "stopping");
    /* Without a link nothing can be acknowledged: nothing to wait for. */
    if (c->link == NULL ||
        loop_timer_start(c->config.loop, grace_ms, 0, grace_over, c, &c->grace,
                         &fault) != RESULT_OK) {
        finish(c);
        return;
    }
    if (amqp_link_cancel(c->link, &fault) != RESULT_OK) {
        lose_link(c, &fault);
        return;
    }
    read_deliveries(c);
    if (c->state == CONSUMER_STOPPING && c->oldest == NULL)
        finish(c);
}

static void consumer_free(struct consumer *c)
{
    pthread_mutex_destroy(&c->lock);
    condition_done(&c->condition);
    free(c->slots);
    free(c);
}

void consumer_end(struct consumer *c)
{
    if (c == NULL)
        return;
    close_link(c);
    loop_timer_end(c->heartbeat);
    loop_timer_end(c->retry);
    loop_timer_end(c->reconnect);
    loop_timer_end(c->grace);
    loop_timer_end(c->look);
    loop_waker_end(c->waker);
    for (struct dead_letter *letter = c->settled_letters; letter != NULL;) {
        struct dead_letter *next = letter->next;
        dead_letter_free(letter);
        letter = next;
    }
    c->ended = true;
    if (!c->helped)
        consumer_free(c);
}
