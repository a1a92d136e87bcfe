#include "publisher.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "clock.h"
#include "condition.h"
#include "confirm_publisher.h"
#include "log.h"
#include "topology.h"

enum {
    IN_FLIGHT_MAX = 1000, /* where a quorum queue's confirms stop gaining */
    IN_FLIGHT_BYTES_MAX = 4 << 20,
    HEADERS_OF_EACH = 4, /* a user and a trace may follow */
    RECONNECT_MS_MIN = 250,
    RECONNECT_MS_MAX = 10 * 1000,
    RETRY_MS = 1000,
    CONFIRM_TIMEOUT_MS = 30 * 1000,
    REFUSAL_TIMEOUT_MS = 5 * 1000, /* an election takes under a second */
    READ_FAULT_MS = 1000, /* pause after the outbox could not be read */
};

struct publisher {
    struct outbox *outbox;
    struct confirm_publisher *confirms;
    const char *url;
    struct condition condition;
    _Atomic uint64_t confirmed;
    _Atomic uint64_t returned;
    _Atomic uint64_t refused;
    _Atomic uint64_t repeated;
    /* The publishing thread's own from here on. */
    struct outbox_row page[OUTBOX_PAGE_ROWS];
    size_t page_rows;
    size_t page_next;
    int64_t last_seq; /* the page after it is still to be read */
    /* To be offered again: their rows were settled without a confirm. */
    int64_t again[IN_FLIGHT_MAX];
    size_t again_count;
    struct outbox_row again_row;
    int64_t confirmed_seqs[IN_FLIGHT_MAX];
    size_t confirmed_count;
    int64_t read_again_ms; /* after a fault */
    char id[UUID_TEXT_BYTES];
    struct viewed_beside beside;
};

static bool read_rows(struct publisher *p, int64_t after,
                      struct outbox_row *rows, size_t count, size_t *ret_count)
{
    struct fault fault = {0};
    if (clock_monotonic_ms() < p->read_again_ms)
        return false;
    if (outbox_read(p->outbox, after, rows, count, ret_count, &fault) ==
        RESULT_OK)
        return true;
    p->read_again_ms = clock_monotonic_ms() + READ_FAULT_MS;
    log_error("the outbox cannot be read", log_text("why", fault.text),
              log_end());
    return false;
}

static const struct outbox_row *next_again(struct publisher *p)
{
    while (p->again_count > 0) {
        int64_t seq = p->again[p->again_count - 1];
        size_t count = 0;
        if (!read_rows(p, seq - 1, &p->again_row, 1, &count))
            return NULL;
        p->again_count--;
        if (count == 1 && p->again_row.seq == seq)
            return &p->again_row;
    }
    return NULL;
}

static const struct outbox_row *next_row(struct publisher *p)
{
    const struct outbox_row *row = next_again(p);
    if (row != NULL || p->again_count > 0)
        return row;
    if (p->page_next == p->page_rows) {
        p->page_next = 0;
        p->page_rows = 0;
        if (!read_rows(p, p->last_seq, p->page, OUTBOX_PAGE_ROWS,
                       &p->page_rows))
            return NULL;
    }
    if (p->page_next == p->page_rows)
        return NULL;
    row = &p->page[p->page_next++];
    p->last_seq = row->seq;
    return row;
}

/* After those that each view has. */
static void add_headers(struct publisher *p, struct amqp_argument *header)
{
    if (p->beside.user_id[0] != '\0')
        *header++ = (struct amqp_argument){.name = TOPOLOGY_USER_HEADER,
                                           .text = p->beside.user_id};
    if (p->beside.trace[0] != '\0')
        *header = (struct amqp_argument){.name = "traceparent",
                                         .text = p->beside.trace};
}

static bool take(void *context, struct publish_item *item)
{
    struct publisher *p = context;
    const struct outbox_row *row = next_row(p);
    if (row == NULL)
        return false;
    uuid_format(&row->id, p->id);
    viewed_encoded_beside(row->body, row->body_bytes, &p->beside);
    *item = (struct publish_item){
        .token = (uint64_t)row->seq,
        .message = {
            .body = row->body,
            .body_bytes = row->body_bytes,
            .message_id = p->id,
            .content_type = "application/json",
            .type = "viewed",
            .timestamp_s = row->viewed_at_ms / 1000,
            .persistent = true,
            .headers = {{.name = "cloudEvents_specversion", .text = "1.0"},
                        {.name = "cloudEvents_type", .text = "viewed"},
                        {.name = "cloudEvents_source", .text = "/streaming"},
                        {.name = "cloudEvents_id", .text = p->id}},
        }};
    add_headers(p, &item->message.headers[HEADERS_OF_EACH]);
    return true;
}

static void flush(void *context)
{
    struct publisher *p = context;
    if (p->confirmed_count > 0)
        outbox_remove(p->outbox, p->confirmed_seqs, p->confirmed_count);
    p->confirmed_count = 0;
}

static void settle(void *context, uint64_t token, enum publish_outcome outcome)
{
    struct publisher *p = context;
    switch (outcome) {
    case PUBLISH_CONFIRMED:
        p->confirmed++;
        p->confirmed_seqs[p->confirmed_count++] = (int64_t)token;
        if (p->confirmed_count == IN_FLIGHT_MAX)
            flush(p);
        return;
    case PUBLISH_RETURNED:
        p->returned++;
        break;
    case PUBLISH_REFUSED:
        p->refused++;
        break;
    case PUBLISH_UNKNOWN:
        p->repeated++;
        break;
    }
    /* Not in flight any more, so there is room: at most IN_FLIGHT_MAX are
     * taken and not confirmed. */
    p->again[p->again_count++] = (int64_t)token;
}

static void changed(void *context, enum publisher_state state, const char *why)
{
    struct publisher *p = context;
    char server[AMQP_TEXT_BYTES_MAX];
    amqp_url_public(p->url, server);
    (void)condition_set(&p->condition, state == PUBLISHER_READY, why);
    if (state == PUBLISHER_READY && topology_stream_differs())
        log_warn("the stream has other limits than STREAM_MAX_AGE_S and "
                 "STREAM_MAX_BYTES say",
                 log_text("stream", TOPOLOGY_STREAM),
                 log_text("advice", TOPOLOGY_DIFFERS_ADVICE), log_end());
    if (state == PUBLISHER_READY)
        log_info("broker connected", log_text("server", server), log_end());
    else if (state == PUBLISHER_BLOCKED)
        log_warn("the broker takes no views", log_text("why", why), log_end());
    else
        log_warn("broker not reached", log_text("server", server),
                 log_text("why", why), log_end());
}

static void wake(void *context)
{
    struct publisher *p = context;
    confirm_publisher_wake(p->confirms);
}

enum result publisher_start(struct outbox *outbox,
                            const struct amqp_options *amqp,
                            struct publisher **ret, struct fault *fault)
{
    struct publisher *p = calloc(1, sizeof *p);
    if (p == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    p->outbox = outbox;
    p->url = amqp->url;
    condition_init(&p->condition, false, "not connected to the broker yet");
    struct publisher_config config = {
        .amqp = *amqp,
        .exchanges = topology_exchanges,
        .exchanges_count = topology_exchanges_count,
        .queues = topology_queues,
        .queues_count = topology_queues_count,
        .exchange = TOPOLOGY_EXCHANGE,
        .source = {take, settle, flush, p},
        .in_flight_max = IN_FLIGHT_MAX,
        .in_flight_bytes_max = IN_FLIGHT_BYTES_MAX,
        .reconnect_ms_min = RECONNECT_MS_MIN,
        .reconnect_ms_max = RECONNECT_MS_MAX,
        .retry_ms = RETRY_MS,
        .confirm_timeout_ms = CONFIRM_TIMEOUT_MS,
        .refusal_timeout_ms = REFUSAL_TIMEOUT_MS,
        .changed = changed,
    };
    enum result r = confirm_publisher_start(&config, &p->confirms, fault);
    if (r != RESULT_OK) {
        condition_done(&p->condition);
        free(p);
        return r;
    }
    outbox_on_accepted(outbox, wake, p);
    *ret = p;
    return RESULT_OK;
}

void publisher_stop(struct publisher *p, uint32_t grace_ms)
{
    if (p == NULL)
        return;
    outbox_on_accepted(p->outbox, NULL, NULL);
    confirm_publisher_stop(p->confirms, grace_ms);
    condition_done(&p->condition);
    free(p);
}

bool publisher_works(struct publisher *p, struct fault *ret_why)
{
    return condition_works(&p->condition, ret_why);
}

void publisher_counts(struct publisher *p, struct publisher_counts *ret)
{
    *ret = (struct publisher_counts){
        .confirmed = p->confirmed,
        .returned = p->returned,
        .refused = p->refused,
        .repeated = p->repeated,
    };
}
