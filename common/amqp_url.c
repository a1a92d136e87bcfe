#include <stdio.h>
#include <string.h>

#include "amqp_link_parts.h"

/* Where the hosts of "amqp://user:password@HOSTS/vhost" are. */
struct hosts {
    const char *first;
    size_t bytes;
    unsigned count;
};

static struct hosts hosts_in(const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *authority = scheme != NULL ? scheme + 3 : url;
    size_t bytes = strcspn(authority, "/?#");
    const char *first = authority;
    for (size_t i = 0; i < bytes; i++)
        if (authority[i] == '@')
            first = authority + i + 1;
    struct hosts hosts = {.first = first, .count = 1};
    hosts.bytes = bytes - (size_t)(first - authority);
    for (size_t i = 0; i < hosts.bytes; i++)
        hosts.count += first[i] == ',';
    return hosts;
}

/* The URL as it would be with that host alone, which fits. False where there is
 * nothing between two commas. */
static bool with_host(const char *url, const struct hosts *hosts,
                      unsigned which, char text[AMQP_URL_BYTES_MAX])
{
    const char *host = hosts->first;
    for (; which > 0; which--)
        host += strcspn(host, ",") + 1;
    const char *end = hosts->first + hosts->bytes;
    size_t host_bytes = strcspn(host, ",");
    if (host + host_bytes > end)
        host_bytes = (size_t)(end - host);
    (void)snprintf(text, AMQP_URL_BYTES_MAX, "%.*s%.*s%s",
                   (int)(hosts->first - url), url, (int)host_bytes, host, end);
    return host_bytes > 0 || hosts->count == 1;
}

enum result amqp_address_parse(const char *url, unsigned which,
                               struct amqp_address *ret, struct fault *fault)
{
    if (strlen(url) >= sizeof ret->text)
        return fault_set(fault, RESULT_MALFORMED,
                         "the broker's URL is over %d bytes",
                         AMQP_URL_BYTES_MAX - 1);
    struct hosts hosts = hosts_in(url);
    if (hosts.count > AMQP_HOSTS_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "the broker's URL has over %d hosts", AMQP_HOSTS_MAX);
    bool has_host = with_host(url, &hosts, which % hosts.count, ret->text);
    ret->hosts = hosts.count;
    amqp_default_connection_info(&ret->info);
    /* rabbitmq-c takes 0 for a port, and nothing for its own host. */
    if (!has_host || amqp_parse_url(ret->text, &ret->info) != AMQP_STATUS_OK ||
        ret->info.port < 1 || ret->info.port > UINT16_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "the broker's URL is not of the form "
                         "amqp://user:password@host:port,host:port/vhost");
    if (ret->info.vhost[0] == '\0') {
        static char root[] = "/";
        ret->info.vhost = root; /* "amqp://host/" means the usual one */
    }
    return RESULT_OK;
}

enum result amqp_url_check(const char *url, struct fault *fault)
{
    struct amqp_address address;
    enum result r = amqp_address_parse(url, 0, &address, fault);
    for (unsigned i = 1; r == RESULT_OK && i < address.hosts; i++)
        r = amqp_address_parse(url, i, &address, fault);
    return r;
}

void amqp_url_public(const char *url, char text[AMQP_TEXT_BYTES_MAX])
{
    struct amqp_address address = {.hosts = 1};
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < address.hosts; i++) {
        if (amqp_address_parse(url, i, &address, NULL) != RESULT_OK) {
            (void)snprintf(text, AMQP_TEXT_BYTES_MAX, "(not a broker's URL)");
            return;
        }
        int bytes =
            snprintf(text + used, AMQP_TEXT_BYTES_MAX - used, "%s%.120s:%d",
                     i > 0 ? "," : "", address.info.host, address.info.port);
        used += (size_t)bytes;
        if (used >= AMQP_TEXT_BYTES_MAX)
            return; /* cut */
    }
    const char *vhost = address.info.vhost;
    (void)snprintf(text + used, AMQP_TEXT_BYTES_MAX - used, "%s%.100s",
                   vhost[0] == '/' ? "" : "/", vhost);
}
