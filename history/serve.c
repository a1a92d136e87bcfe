#include "serve.h"

#include <stddef.h>
#include <string.h>

#include "api.h"
#include "backup_schedule.h"
#include "checkpoint.h"
#include "clock.h"
#include "consumer.h"
#include "counters.h"
#include "dead_letter.h"
#include "erase.h"
#include "ingest.h"
#include "live.h"
#include "log.h"
#include "loop.h"
#include "queue_depths.h"
#include "store.h"
#include "store_expire.h"

enum {
    CONNECT_TIMEOUT_MS = 5 * 1000,
    RECONNECT_MS_MIN = 250,
    RECONNECT_MS_MAX = 10 * 1000,
    /* Together under the 20 s that a container gets. */
    CONSUMER_GRACE_MS = 8 * 1000,
    HTTP_GRACE_MS = 3 * 1000,
    DEAD_LETTER_GRACE_MS = 2 * 1000,
    /* Beside the deliveries: what POST /viewed may have waiting. */
    INGEST_POSTS_MAX = 8192,
};

/* Everything that runs, in order of its start. */
struct service {
    const struct config *config;
    struct counters counters;
    struct amqp_options amqp;
    struct loop *loop;
    struct store *store;
    struct live *live;
    struct ingest *ingest;
    struct dead_letters *dead_letters;
    struct consumer *consumer;
    struct queue_depths *queue_depths;
    struct http_server *http;
    struct checkpoint *checkpoint;
    struct backup_schedule *backups;
    struct access access;
    struct api api;
    struct loop_waker *ender;
    bool is_lost; /* the store */
};

static struct amqp_options amqp_options_of(const struct config *config)
{
    return (struct amqp_options){
        .url = config->rabbit,
        .name = "history",
        .ca_file =
            config->rabbit_ca_file[0] != '\0' ? config->rabbit_ca_file : NULL,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
    };
}

/* What is held is delivered again to the next run, which finds it known where
 * it was stored. */
static void end(void *context)
{
    struct service *service = context;
    service->is_lost = true;
    loop_quit(service->loop);
}

static void store_lost(void *context, const char *why)
{
    struct service *service = context;
    log_error("the disk has failed a sync: ending, for a start that finds out "
              "what it holds",
              log_text("why", why), log_end());
    loop_waker_wake(service->ender);
}

static enum result start_store(struct service *service, struct fault *fault)
{
    struct store_config config = {.path = service->config->db,
                                  .readers = service->config->readers};
    enum result r = store_open(&config, &service->store, fault);
    if (r == RESULT_OK)
        r = erase_at_start(service->store, service->config->db,
                           service->config->backup_dir, fault);
    return r == RESULT_OK
               ? store_set_keep_days(service->store, "",
                                     service->config->keep_days, fault)
               : r;
}

static enum result start_live(struct service *service, struct fault *fault)
{
    struct live_config config = {
        .store = service->store,
        .db = service->config->db,
        .readers_max = service->config->live_readers_max,
        .heartbeat_ms = service->config->live_heartbeat_s * 1000,
    };
    return live_start(&config, &service->live, fault);
}

static void committed(void *context)
{
    struct service *service = context;
    live_committed(service->live);
}

static enum result start_ingest(struct service *service, struct fault *fault)
{
    struct ingest_config config = {
        .store = service->store,
        .counters = &service->counters,
        .lost = store_lost,
        .lost_context = service,
        .committed = committed,
        .committed_context = service,
        .batch_max = service->config->batch_max,
        .linger_ms = service->config->batch_linger_ms,
        .queue_max = service->config->prefetch + INGEST_POSTS_MAX,
    };
    return ingest_start(&config, &service->ingest, fault);
}

static enum result start_consumer(struct service *service, struct fault *fault)
{
    struct consumer_config config = {
        .loop = service->loop,
        .ingest = service->ingest,
        .dead_letters = service->dead_letters,
        .counters = &service->counters,
        .amqp = service->amqp,
        .prefetch = service->config->prefetch,
        .reconnect_ms_min = RECONNECT_MS_MIN,
        .reconnect_ms_max = RECONNECT_MS_MAX,
    };
    return consumer_start(&config, &service->consumer, fault);
}

static enum result start_access(struct service *service, struct fault *fault)
{
    const struct config *config = service->config;
    enum result r = RESULT_OK;
    if (config->auth_keys[0] != '\0')
        r = token_keys_open(config->auth_keys, config->auth_audience,
                            &service->access.keys, fault);
    if (r == RESULT_OK && config->requests_per_s_max > 0)
        r = rate_limit_make(config->requests_per_s_max, &service->access.limit,
                            fault);
    return r;
}

static uint64_t random_number(void)
{
    struct uuid random = uuid_make();
    uint64_t number;
    memcpy(&number, random.bytes + 8, sizeof number); /* the random half */
    return number;
}

static enum result start_api(struct service *service, struct fault *fault)
{
    service->api = (struct api){
        .store = service->store,
        .ingest = service->ingest,
        .consumer = service->consumer,
        .counters = &service->counters,
        .live = service->live,
        .queue_depths = service->queue_depths,
        .started_ms = clock_now_ms(),
        .backup_every_s = service->config->backup_every_s,
        .amqp = service->amqp,
        .db = service->config->db,
        .backup_dir = service->config->backup_dir,
        .admin = service->config->admin_api,
        .access = service->access,
        .etag_salt = random_number(),
    };
    enum result r = answer_cache_make(&service->api.answers, fault);
    if (r != RESULT_OK)
        return r;
    return api_start(&service->api, service->config, &service->http, fault);
}

static enum result start_checkpoint(struct service *service,
                                    struct fault *fault)
{
    struct checkpoint_config config = {
        .store = service->store,
        .ingest = service->ingest,
        .counters = &service->counters,
        .amqp = service->amqp,
        .every_s = service->config->checkpoint_s,
    };
    return checkpoint_start(&config, &service->checkpoint, fault);
}

static enum result start_backups(struct service *service, struct fault *fault)
{
    const char *folder = service->config->backup_dir;
    if (folder[0] != '\0' && !store_is_in_file(service->config->db)) {
        log_warn("no backup is scheduled: a server has the store, whose own "
                 "tools make them (docs/SCALE.md); BACKUP_DIR keeps who was "
                 "erased and what was removed",
                 log_text("folder", folder), log_end());
        folder = "";
    }
    struct backup_schedule_config config = {
        .store = service->store,
        .folder = folder,
        .every_s = service->config->backup_every_s,
        .keep = service->config->backup_keep,
        .counters = &service->counters,
    };
    return backup_schedule_start(&config, &service->backups, fault);
}

static void consumer_stopped(void *context)
{
    struct service *service = context;
    loop_quit(service->loop);
}

static void stop(void *context)
{
    struct service *service = context;
    log_info("history stopping", log_end());
    http_server_refuse(service->http);
    consumer_stop(service->consumer, CONSUMER_GRACE_MS, consumer_stopped,
                  service);
}

static enum result start_all(struct service *service, struct fault *fault)
{
    enum result r = loop_make(&service->loop, fault);
    if (r == RESULT_OK)
        r = loop_waker_start(service->loop, end, service, &service->ender,
                             fault);
    if (r == RESULT_OK)
        r = start_store(service, fault);
    if (r == RESULT_OK)
        r = start_live(service, fault);
    if (r == RESULT_OK)
        r = start_ingest(service, fault);
    if (r == RESULT_OK)
        r = dead_letters_start(&service->amqp, &service->dead_letters, fault);
    if (r == RESULT_OK)
        r = start_consumer(service, fault);
    if (r == RESULT_OK)
        r = start_access(service, fault);
    if (r == RESULT_OK)
        r = queue_depths_start(&service->amqp, &service->queue_depths, fault);
    if (r == RESULT_OK)
        r = start_api(service, fault);
    if (r == RESULT_OK)
        r = start_checkpoint(service, fault);
    if (r == RESULT_OK)
        r = start_backups(service, fault);
    if (r == RESULT_OK)
        r = loop_on_stop_signal(service->loop, stop, service, fault);
    return r;
}

/* In the opposite order; what was not started is NULL. */
static enum result stop_all(struct service *service, struct fault *fault)
{
    backup_schedule_stop(service->backups);
    checkpoint_stop(service->checkpoint);
    live_end(service->live);
    http_server_stop(service->http, HTTP_GRACE_MS);
    queue_depths_stop(service->queue_depths);
    rate_limit_end(service->access.limit);
    token_keys_close(service->access.keys);
    answer_cache_free(service->api.answers);
    dead_letters_stop(service->dead_letters, DEAD_LETTER_GRACE_MS);
    ingest_stop(service->ingest);
    consumer_end(service->consumer);
    live_stop(service->live);
    enum result r = store_close(service->store, fault);
    loop_waker_end(service->ender);
    loop_end(service->loop);
    return r;
}

enum program_exit serve(const struct config *config)
{
    struct service service = {.config = config,
                              .amqp = amqp_options_of(config)};
    struct fault fault = {0};
    struct fault closing = {0};
    enum result started = start_all(&service, &fault);
    if (started == RESULT_OK) {
        char db[ENV_VALUE_BYTES_MAX];
        store_shown_name(config->db, db, sizeof db);
        log_info("history ready",
                 log_int("port", http_server_port(service.http)),
                 log_text("db", db), log_end());
        loop_run(service.loop);
    } else {
        (void)program_complain("history", started, fault.text);
    }
    enum result stopped = stop_all(&service, &closing);
    if (started != RESULT_OK)
        return program_exit_of(started);
    if (stopped != RESULT_OK) {
        log_error("the store did not close", log_text("why", closing.text),
                  log_end());
        return PROGRAM_FAILED;
    }
    log_info("history stopped", log_end());
    return service.is_lost ? PROGRAM_FAILED : PROGRAM_DONE;
}
