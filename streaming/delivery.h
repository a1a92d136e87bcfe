#ifndef FLIXTUBE_STREAMING_DELIVERY_H
#define FLIXTUBE_STREAMING_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "counting.h"

/*
 * Which bytes of a video arrived. Handing a reply to the kernel says little: a
 * small file fits into its buffers whole, and a client that gives up has then
 * "got" all of it. So a reply is followed until the peer's TCP has
 * acknowledged it or the connection ends, and what was acknowledged is what
 * was delivered. Where the server ends the connection after the reply, its
 * socket is kept for up to a minute. A thread of its own looks, and tells
 * counting.
 */
struct deliveries;
struct delivery;

enum {
    /* Replies that are followed at once; of more, bytes do not count. */
    DELIVERIES_MAX = 16 * 1024,
};

enum result deliveries_start(struct counting *counting, struct deliveries **ret,
                             struct fault *fault);
/* After the server has stopped. What has arrived is counted first. NULL is
 * fine. */
void deliveries_stop(struct deliveries *deliveries);

/*
 * Begins to follow a reply with the bytes first to last of the video, before
 * anything of it is sent. Holds the video. NULL at the limit, or where the
 * kernel does not tell: then its bytes do not count.
 */
struct delivery *delivery_begin(struct deliveries *deliveries,
                                const struct uuid *viewer,
                                struct video_file *video, uint64_t first,
                                uint64_t last, const struct trace_parent *trace,
                                uint64_t connection, int socket);

/* The reply was handed over whole, or will not be (http_reply.sent). */
void delivery_sent(void *delivery, bool whole);

/* The connection ends; its socket is still open (http_config.closed). */
void deliveries_connection_closed(struct deliveries *deliveries,
                                  uint64_t connection);

#endif
