#ifndef FLIXTUBE_TESTS_PROXY_H
#define FLIXTUBE_TESTS_PROXY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A bad network between a client and a server on loopback: passes bytes on,
 * and cuts, delays or stalls where it is told to. A thread of its own.
 */
struct proxy;

enum proxy_side {
    PROXY_FROM_CLIENT,
    PROXY_FROM_SERVER,
    PROXY_SIDES,
};

/* Listens on a free port and passes on to to_port. Ends the test on failure. */
struct proxy *proxy_start(uint16_t to_port);
void proxy_stop(struct proxy *proxy);
uint16_t proxy_port(const struct proxy *proxy);

/* After so many bytes more in the direction, over all connections, all are
 * reset. Once; 0 cuts now. */
void proxy_cut_after(struct proxy *proxy, enum proxy_side side, uint64_t bytes);
bool proxy_cut_is_due(struct proxy *proxy); /* set and not yet done */

/* The network is good again; a cut that is due does not come. Returns whether
 * any connection was cut or refused since it was last good. */
bool proxy_heal(struct proxy *proxy);

/* Nothing passes while it is stalled; connections stay. */
void proxy_stall(struct proxy *proxy, bool stalled);
/* Bytes from the server wait so long before they are passed on. */
void proxy_delay(struct proxy *proxy, uint32_t delay_ms);
/* New connections are reset at once. */
void proxy_refuse(struct proxy *proxy, bool refused);

uint64_t proxy_connections(struct proxy *proxy); /* accepted so far */
uint64_t proxy_passed(struct proxy *proxy, enum proxy_side side);

#endif
