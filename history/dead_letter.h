#ifndef FLIXTUBE_HISTORY_DEAD_LETTER_H
#define FLIXTUBE_HISTORY_DEAD_LETTER_H

#include <stdint.h>

#include "amqp_link.h"
#include "result.h"
#include "trace_parent.h"

/*
 * Messages that cannot be a view go, as they came and with the reason, to the
 * exchange viewed.dead, over a connection of their own: a publish on the
 * consumer's would stop its acks whenever the broker blocks publishers.
 */
enum {
    /* Letters waiting to be confirmed. At the limit the caller rejects the
     * message instead: the broker then moves it, without our reason. */
    DEAD_LETTER_BYTES_MAX = 16 << 20,
};

/* Its headers. Those marked with * come with a retried message, too. */
#define DEAD_LETTER_REASON     "x-reason"
#define DEAD_LETTER_MESSAGE_ID "x-message-id" /* * of the message */
#define DEAD_LETTER_TIMESTAMP  "x-timestamp"  /* of the message, s */
#define DEAD_LETTER_DELIVERIES                                                 \
    "x-deliveries"                        /* of the message before it failed */
#define DEAD_LETTER_TRACE   "traceparent" /* * of the message */
#define DEAD_LETTER_SEEN    "x-seen-ms"   /* * when it first failed */
#define DEAD_LETTER_RETRIES "x-retries"   /* * how often */
#define DEAD_LETTER_ID      "x-letter-id" /* * message-id of the letter */

struct dead_letter {
    struct dead_letter *next; /* ours, once submitted */
    char *body;               /* malloc'd; the letter's */
    size_t body_bytes;
    char reason[FAULT_TEXT_BYTES];
    char id[40];                               /* of the letter */
    char message_id[AMQP_TEXT_BYTES_MAX];      /* of the message; "" for none */
    char content_type[AMQP_TEXT_BYTES_MAX];    /* "" for none */
    char traceparent[TRACE_PARENT_TEXT_BYTES]; /* of the message; "" for none */
    int64_t seen_ms;                           /* when it failed first */
    int64_t delivery_count;
    int64_t timestamp_s;
    int64_t retries;
    /* Called on the publisher's thread when the broker has it; the letter is
     * the caller's again. */
    void (*settled)(struct dead_letter *letter);
    void *owner;
    uint64_t generation;
    uint64_t tag;
};

/* The message's traceparent; "" where it has none, or what is no such thing. */
void dead_letter_trace(const struct amqp_event *event,
                       char text[TRACE_PARENT_TEXT_BYTES]);

/* Copies what the letter needs. NULL without memory. */
struct dead_letter *dead_letter_make(const struct amqp_event *event,
                                     const char *reason);
void dead_letter_free(struct dead_letter *letter); /* NULL is fine */

struct dead_letters;

enum result dead_letters_start(const struct amqp_options *amqp,
                               struct dead_letters **ret, struct fault *fault);
/* What the broker has not confirmed within grace_ms is freed unsettled: the
 * message is still in its queue. NULL is fine. */
void dead_letters_stop(struct dead_letters *letters, uint32_t grace_ms);

/* Takes the letter over. Errors: RESULT_LIMIT, and it stays the caller's. */
enum result dead_letters_submit(struct dead_letters *letters,
                                struct dead_letter *letter);

#endif
