#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "amqp_link.h"
#include "topology.h"

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    SESSION_IDLE_MS = 30 * 60 * 1000,
};

/* It stands in a header of the page's policy: nothing but an origin may. */
static bool is_origin(const char *text)
{
    const char *host = NULL;
    if (strncmp(text, "http://", 7) == 0)
        host = text + 7;
    else if (strncmp(text, "https://", 8) == 0)
        host = text + 8;
    return host != NULL && *host != '\0' &&
           host[strspn(host, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "0123456789.-:[]")] == '\0';
}

static enum result read_numbers(struct config *config, struct fault *fault)
{
    int64_t port = 0;
    int64_t connections = 0;
    enum result r = env_integer("PORT", 4000, 0, 65535, &port, fault);
    if (r == RESULT_OK)
        r = env_integer("HTTP_CONNECTIONS_MAX", 1024, 1, 30000, &connections,
                        fault);
    if (r == RESULT_OK)
        r = env_integer("SESSION_IDLE_MS", SESSION_IDLE_MS, 1, DAY_MS,
                        &config->session_idle_ms, fault);
    config->port = (uint16_t)port;
    config->http_connections_max = (uint32_t)connections;
    return r;
}

static enum result read_texts(struct config *config, struct fault *fault)
{
    enum result r =
        env_text("BIND", "127.0.0.1", config->bind, sizeof config->bind, fault);
    if (r == RESULT_OK)
        r = env_text("RABBIT", "amqp://guest:guest@localhost:5672",
                     config->rabbit, sizeof config->rabbit, fault);
    if (r == RESULT_OK)
        r = amqp_url_check(config->rabbit, fault);
    if (r == RESULT_OK)
        r = env_text("RABBIT_CA_FILE", "", config->rabbit_ca_file,
                     sizeof config->rabbit_ca_file, fault);
    if (r == RESULT_OK)
        r = env_text("OUTBOX_DB", "outbox.db", config->outbox,
                     sizeof config->outbox, fault);
    if (r == RESULT_OK)
        r = env_text("VIDEOS", "videos", config->videos, sizeof config->videos,
                     fault);
    if (r == RESULT_OK)
        r = env_text("HISTORY_URL", "http://localhost:4001",
                     config->history_url, sizeof config->history_url, fault);
    if (r == RESULT_OK)
        r = env_text("AUTH_KEYS", "", config->auth_keys,
                     sizeof config->auth_keys, fault);
    if (r == RESULT_OK)
        r = env_text("AUTH_AUDIENCE", "", config->auth_audience,
                     sizeof config->auth_audience, fault);
    if (r == RESULT_OK && !is_origin(config->history_url))
        r = fault_set(fault, RESULT_MALFORMED,
                      "HISTORY_URL must be of the form http://host:port");
    return r;
}

enum result config_read(struct config *ret, struct fault *fault)
{
    struct config config = {0};
    struct topology_settings topology = {0};
    enum result r = read_numbers(&config, fault);
    if (r == RESULT_OK)
        r = read_texts(&config, fault);
    if (r == RESULT_OK)
        r = topology_settings_read(&topology, fault);
    if (r != RESULT_OK)
        return r;
    topology_set(&topology);
    *ret = config;
    return RESULT_OK;
}
