#ifndef FLIXTUBE_STREAMING_PUBLISHER_H
#define FLIXTUBE_STREAMING_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp_link.h"
#include "outbox.h"

/*
 * Publishes what the outbox holds to the exchange "viewed", on a thread of its
 * own, and removes it when the broker has confirmed it and returned none.
 */
struct publisher;

struct publisher_counts {
    uint64_t confirmed;
    uint64_t returned; /* no queue was bound */
    uint64_t refused;
    uint64_t repeated; /* the link was lost before an answer */
};

/* The texts of amqp outlive the publisher. */
enum result publisher_start(struct outbox *outbox,
                            const struct amqp_options *amqp,
                            struct publisher **ret, struct fault *fault);
/* Waits up to grace_ms for confirms; the rest stays in the outbox. NULL is
 * fine. */
void publisher_stop(struct publisher *publisher, uint32_t grace_ms);

/* False, with the reason, while nothing can be published. Any thread. */
bool publisher_works(struct publisher *publisher, struct fault *ret_why);
void publisher_counts(struct publisher *publisher,
                      struct publisher_counts *ret);

#endif
