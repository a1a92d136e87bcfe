#include <stdio.h>
#include <string.h>

#include "amqp_link_parts.h"

enum result amqp_address_parse(const char *url, struct amqp_address *ret,
                               struct fault *fault)
{
    size_t bytes = strlen(url);
    if (bytes >= sizeof ret->text)
        return fault_set(fault, RESULT_MALFORMED,
                         "the broker's URL is over %d bytes",
                         AMQP_URL_BYTES_MAX - 1);
    memcpy(ret->text, url, bytes + 1);
    amqp_default_connection_info(&ret->info);
    /* rabbitmq-c takes 0 for a port. */
    if (amqp_parse_url(ret->text, &ret->info) != AMQP_STATUS_OK ||
        ret->info.port < 1 || ret->info.port > UINT16_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "the broker's URL is not of the form "
                         "amqp://user:password@host:port/vhost");
    if (ret->info.vhost[0] == '\0') {
        static char root[] = "/";
        ret->info.vhost = root; /* "amqp://host/" means the usual one */
    }
    return RESULT_OK;
}

enum result amqp_url_check(const char *url, struct fault *fault)
{
    struct amqp_address address;
    return amqp_address_parse(url, &address, fault);
}

void amqp_url_public(const char *url, char text[AMQP_TEXT_BYTES_MAX])
{
    struct amqp_address address;
    if (amqp_address_parse(url, &address, NULL) != RESULT_OK) {
        (void)snprintf(text, AMQP_TEXT_BYTES_MAX, "(not a broker's URL)");
        return;
    }
    const char *vhost = address.info.vhost;
    (void)snprintf(text, AMQP_TEXT_BYTES_MAX, "%.120s:%d%s%.100s",
                   address.info.host, address.info.port,
                   vhost[0] == '/' ? "" : "/", vhost);
}
