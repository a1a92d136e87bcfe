#ifndef FLIXTUBE_TESTS_AMQP_FIXTURE_H
#define FLIXTUBE_TESTS_AMQP_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp_link.h"
#include "broker_control.h"

/* What tests of links have in common. Failures end the test. */

struct amqp_link *link_to(const char *url);

/* The next event that is not NONE, within the time; fails where the link is
 * lost or nothing comes. */
const struct amqp_event *event_soon(struct amqp_link *link);

/* Waits until the link is lost; the fault says why. */
void lost_soon(struct amqp_link *link, struct fault *ret_why);

void publish_text(struct amqp_link *link, const char *exchange, const char *id,
                  const char *body);

/* A durable queue bound to a fanout exchange, both made. */
void make_queue(struct amqp_link *link, const char *exchange,
                const struct amqp_queue *queue);

/* How many messages the queue gives out and what for each; acknowledged. Ends
 * when none comes for quiet_ms. */
size_t drain_queue(const char *url, const char *queue, uint32_t quiet_ms,
                   void (*each)(void *context, const struct amqp_event *event),
                   void *context);

#endif
