#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "amqp_link.h"
#include "batcher.h"
#include "store.h"
#include "store_expire.h"
#include "topology.h"

struct number {
    const char *name;
    int64_t fallback;
    int64_t min;
    int64_t max;
};

enum {
    NUMBERS = 14,
};

/* The limits say: PREFETCH, what a quorum queue takes well; BATCH_LINGER_MS, a
 * wait that nobody should notice; HTTP_CONNECTIONS_MAX, a thread each. */
static const struct number port = {"PORT", 4001, 0, 65535};
static const struct number batch_max = {"BATCH_MAX", 1000, 1, STORE_BATCH_MAX};
static const struct number linger_ms = {"BATCH_LINGER_MS", 2, 0, 1000};
static const struct number prefetch = {"PREFETCH", 2000, 1, 2000};
static const struct number readers = {"READERS", 0, 0, STORE_READERS_MAX};
static const struct number connections = {"HTTP_CONNECTIONS_MAX", 1024, 1,
                                          30000};
static const struct number checkpoint_s = {"CHECKPOINT_S", 60, 0, 86400};

static const struct number backup_every_s = {"BACKUP_EVERY_S", 3600, 1,
                                             31 * 86400};
static const struct number backup_keep = {"BACKUP_KEEP", 24, 1, 10000};
static const struct number keep_days = {"HISTORY_KEEP_DAYS", 0, 0,
                                        STORE_KEEP_DAYS_MAX};
static const struct number requests_per_s = {"HTTP_REQUESTS_PER_S_MAX", 0, 0,
                                             1000000};
static const struct number per_address = {"HTTP_CONNECTIONS_PER_ADDRESS_MAX", 0,
                                          0, 30000};

/* 0: half of HTTP_CONNECTIONS_MAX. A heartbeat is also how a client that has
 * gone is found, and comes well within the connections' idle time. */
static const struct number live_readers = {"LIVE_READERS_MAX", 0, 0, 30000};
static const struct number heartbeat_s = {"LIVE_HEARTBEAT_S", 15, 1, 25};

static enum result read_number(const struct number *number, int64_t *ret,
                               struct fault *fault)
{
    return env_integer(number->name, number->fallback, number->min, number->max,
                       ret, fault);
}

static enum result read_numbers(struct config *config, struct fault *fault)
{
    int64_t values[NUMBERS] = {0};
    const struct number *numbers[NUMBERS] = {
        &port,        &batch_max,      &linger_ms,    &prefetch,
        &readers,     &connections,    &checkpoint_s, &backup_every_s,
        &backup_keep, &requests_per_s, &per_address,  &live_readers,
        &heartbeat_s, &keep_days};
    for (size_t i = 0; i < NUMBERS; i++) {
        enum result r = read_number(numbers[i], &values[i], fault);
        if (r != RESULT_OK)
            return r;
    }
    config->port = (uint16_t)values[0];
    config->batch_max = (uint32_t)values[1];
    config->batch_linger_ms = (uint32_t)values[2];
    config->prefetch = (uint16_t)values[3];
    config->readers = (uint32_t)values[4];
    config->http_connections_max = (uint32_t)values[5];
    config->checkpoint_s = (uint32_t)values[6];
    config->backup_every_s = (uint32_t)values[7];
    config->backup_keep = (uint32_t)values[8];
    config->requests_per_s_max = (uint32_t)values[9];
    config->connections_per_address_max = (uint32_t)values[10];
    config->live_readers_max = (uint32_t)values[11];
    config->live_heartbeat_s = (uint32_t)values[12];
    config->keep_days = (uint32_t)values[13];
    if (config->live_readers_max == 0)
        config->live_readers_max = config->http_connections_max / 2;
    if (config->live_readers_max > config->http_connections_max)
        return fault_set(fault, RESULT_MALFORMED,
                         "LIVE_READERS_MAX is over HTTP_CONNECTIONS_MAX: %u",
                         config->http_connections_max);
    return RESULT_OK;
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
        r = env_text("HISTORY_DB", "history.db", config->db, sizeof config->db,
                     fault);
    if (r == RESULT_OK)
        r = env_text("BACKUP_DIR", "", config->backup_dir,
                     sizeof config->backup_dir, fault);
    if (r == RESULT_OK)
        r = env_text("CORS_ORIGINS", "", config->cors_origins,
                     sizeof config->cors_origins, fault);
    return r;
}

/* What is no address at all, the server's start will refuse. */
static bool is_open_to_others(const char *bind)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, bind, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 != 127;
    return inet_pton(AF_INET6, bind, &v6) == 1 && !IN6_IS_ADDR_LOOPBACK(&v6);
}

/* Nobody shall open everybody's history to a network by mistake. */
static enum result read_auth(struct config *config, struct fault *fault)
{
    char auth[8];
    enum result r = env_text("AUTH_KEYS", "", config->auth_keys,
                             sizeof config->auth_keys, fault);
    if (r == RESULT_OK)
        r = env_text("AUTH_AUDIENCE", "", config->auth_audience,
                     sizeof config->auth_audience, fault);
    if (r == RESULT_OK)
        r = env_text("AUTH", "", auth, sizeof auth, fault);
    if (r != RESULT_OK)
        return r;
    if (auth[0] != '\0' && strcmp(auth, "off") != 0)
        return fault_set(fault, RESULT_MALFORMED,
                         "AUTH is off or not set; AUTH_KEYS turns it on");
    if (auth[0] != '\0' && config->auth_keys[0] != '\0')
        return fault_set(fault, RESULT_MALFORMED,
                         "AUTH=off and AUTH_KEYS are both set: one must go");
    if (auth[0] == '\0' && config->auth_keys[0] == '\0' &&
        is_open_to_others(config->bind))
        return fault_set(
            fault, RESULT_MALFORMED,
            "BIND=%s would let everyone there read every history: set "
            "AUTH_KEYS to a folder of keys, or AUTH=off where something in "
            "front asks who it is",
            config->bind);
    return RESULT_OK;
}

static enum result read_switch(const char *name, bool *ret, struct fault *fault)
{
    char text[8];
    enum result r = env_text(name, "off", text, sizeof text, fault);
    if (r != RESULT_OK)
        return r;
    bool on = strcmp(text, "on") == 0;
    if (!on && strcmp(text, "off") != 0)
        return fault_set(fault, RESULT_MALFORMED, "%s is on or off", name);
    *ret = on;
    return RESULT_OK;
}

/* A queue that nobody takes would fill. And the stream has everybody's views: a
 * checkpoint or a replay would put them all into each store. */
static enum result check_queues(const struct config *config,
                                const struct topology_settings *topology,
                                struct fault *fault)
{
    long long queues = (long long)topology->queues;
    if (queues == 1)
        return RESULT_OK;
    if (topology->queue == 0)
        return fault_set(fault, RESULT_MALFORMED,
                         "QUEUES is %lld, so QUEUE must say which of them this "
                         "history takes: 1 to %lld",
                         queues, queues);
    if (!store_can_be_shared(config->db))
        return fault_set(fault, RESULT_MALFORMED,
                         "QUEUES is %lld, so all histories need one store, and "
                         "HISTORY_DB names one that cannot be shared",
                         queues);
    return RESULT_OK;
}

enum result config_read(struct config *ret, struct fault *fault)
{
    struct config config = {0};
    struct topology_settings topology = {0};
    enum result r = read_numbers(&config, fault);
    if (r == RESULT_OK)
        r = read_texts(&config, fault);
    if (r == RESULT_OK && config.readers == 0)
        config.readers = store_readers_default(config.db);
    if (r == RESULT_OK)
        r = read_switch("ADMIN_API", &config.admin_api, fault);
    if (r == RESULT_OK)
        r = read_auth(&config, fault);
    if (r == RESULT_OK)
        r = topology_settings_read(&topology, fault);
    if (r == RESULT_OK)
        r = check_queues(&config, &topology, fault);
    if (r != RESULT_OK)
        return r;
    topology_set(&topology);
    *ret = config;
    return RESULT_OK;
}
