/*
 * proxy.h as a program: proxy TO_PORT prints its own port, and then does what
 * each line says, answering "ok":
 *
 *   cut client|server BYTES   stall 0|1   delay MS   refuse 0|1
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "proxy.h"

static bool obey(struct proxy *proxy, const char *line)
{
    char side[8];
    unsigned long long number;
    if (sscanf(line, "cut %7s %llu", side, &number) == 2) {
        proxy_cut_after(proxy,
                        strcmp(side, "client") == 0 ? PROXY_FROM_CLIENT
                                                    : PROXY_FROM_SERVER,
                        number);
        return true;
    }
    if (sscanf(line, "stall %llu", &number) == 1)
        proxy_stall(proxy, number != 0);
    else if (sscanf(line, "delay %llu", &number) == 1)
        proxy_delay(proxy, (uint32_t)number);
    else if (sscanf(line, "refuse %llu", &number) == 1)
        proxy_refuse(proxy, number != 0);
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    char line[64];
    if (argc != 2)
        return 2;
    struct proxy *proxy = proxy_start((uint16_t)strtoul(argv[1], NULL, 10));
    (void)printf("%u\n", (unsigned)proxy_port(proxy));
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (!obey(proxy, line))
            return 2;
        (void)printf("ok\n");
        (void)fflush(stdout);
    }
    proxy_stop(proxy);
    return 0;
}
