#include "config.h"

#include <stddef.h>
#include <string.h>

#include "amqp_link.h"
#include "batcher.h"
#include "store.h"

struct number {
    const char *name;
    int64_t fallback;
    int64_t min;
    int64_t max;
};

enum {
    NUMBERS = 9,
};

/* The limits say: PREFETCH, what a quorum queue takes well; BATCH_LINGER_MS, a
 * wait that nobody should notice; HTTP_CONNECTIONS_MAX, a thread each. */
static const struct number port = {"PORT", 4001, 0, 65535};
static const struct number batch_max = {"BATCH_MAX", 1000, 1, STORE_BATCH_MAX};
static const struct number linger_ms = {"BATCH_LINGER_MS", 2, 0, 1000};
static const struct number prefetch = {"PREFETCH", 2000, 1, 2000};
static const struct number readers = {"READERS", 4, 1, STORE_READERS_MAX};
static const struct number connections = {"HTTP_CONNECTIONS_MAX", 1024, 1,
                                          30000};
static const struct number checkpoint_s = {"CHECKPOINT_S", 60, 0, 86400};

static const struct number backup_every_s = {"BACKUP_EVERY_S", 3600, 1,
                                             31 * 86400};
static const struct number backup_keep = {"BACKUP_KEEP", 24, 1, 10000};

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
        &port,        &batch_max,    &linger_ms,      &prefetch,   &readers,
        &connections, &checkpoint_s, &backup_every_s, &backup_keep};
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

enum result config_read(struct config *ret, struct fault *fault)
{
    struct config config = {0};
    enum result r = read_numbers(&config, fault);
    if (r == RESULT_OK)
        r = read_texts(&config, fault);
    if (r == RESULT_OK)
        r = read_switch("ADMIN_API", &config.admin_api, fault);
    if (r == RESULT_OK)
        *ret = config;
    return r;
}
