#ifndef FLIXTUBE_TESTS_FAULT_LINK_H
#define FLIXTUBE_TESTS_FAULT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy.h"

/*
 * The network between a store and its server, which breaks when told to. One
 * a process; these functions are one thread's, the connections any's.
 */

/* Writes to ret the server's address with the link's port in place of its own.
 * The first call starts the link; all are of the same server. */
void fault_link_to(const char *url, char *ret, size_t ret_bytes);

/*
 * After so many bytes more in the direction all connections are reset; where it
 * is `for_good` a new one is refused until fault_link_heal(). What was sent
 * before may have arrived, and been done.
 */
void fault_link_cut_after(enum proxy_side side, uint64_t bytes, bool for_good);

/* All goes well again. Returns whether anything had failed. */
bool fault_link_heal(void);

#endif
