#include "fault_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"

static struct proxy *proxy; /* NULL: none is needed yet */

void fault_link_to(const char *url, char *ret, size_t ret_bytes)
{
    const char *at = strchr(url, '@');
    const char *colon = at != NULL ? strchr(at, ':') : NULL;
    char *rest = NULL;
    assert_non_null(colon);
    unsigned long port = strtoul(colon + 1, &rest, 10);
    if (proxy == NULL)
        proxy = proxy_start((uint16_t)port);
    (void)snprintf(ret, ret_bytes, "%.*s:%u%s", (int)(colon - url), url,
                   (unsigned)proxy_port(proxy), rest);
}

void fault_link_cut_after(enum proxy_side side, uint64_t bytes, bool for_good)
{
    proxy_cut_after(proxy, side, bytes);
    proxy_refuse(proxy, for_good);
}

bool fault_link_heal(void)
{
    return proxy != NULL && proxy_heal(proxy);
}
