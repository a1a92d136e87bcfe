#include "serve.h"

#include "api.h"
#include "log.h"
#include "loop.h"

enum {
    CONNECT_TIMEOUT_MS = 5 * 1000,
    REFRESH_MS = 2 * 1000, /* how late a change of the folder is seen */
    /* Together under the 20 s that a container gets. */
    HTTP_GRACE_MS = 5 * 1000,
    PUBLISHER_GRACE_MS = 5 * 1000,
};

/* Everything that runs, in order of its start. */
struct service {
    const struct config *config;
    struct amqp_options amqp;
    struct loop *loop;
    struct catalog *catalog;
    struct condition catalog_condition;
    struct loop_timer *refresh;
    struct outbox *outbox;
    struct sessions *sessions;
    struct counting counting;
    struct deliveries *deliveries;
    struct publisher *publisher;
    struct api api;
    struct http_server *http;
    struct loop_waker *ender;
    bool is_lost; /* the outbox */
};

static struct amqp_options amqp_options_of(const struct config *config)
{
    return (struct amqp_options){
        .url = config->rabbit,
        .name = "streaming",
        .ca_file =
            config->rabbit_ca_file[0] != '\0' ? config->rabbit_ca_file : NULL,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
    };
}

static void log_scan(const struct catalog_scan *scan)
{
    log_info("videos read", log_int("videos", (int64_t)scan->videos),
             log_int("skipped", (int64_t)scan->skipped),
             log_text("skipped_why", scan->skipped_why.text), log_end());
}

static void refresh_catalog(void *context)
{
    struct service *service = context;
    struct catalog_scan scan;
    struct fault fault = {0};
    enum result r = catalog_refresh(service->catalog, &scan, &fault);
    bool changed =
        condition_set(&service->catalog_condition, r == RESULT_OK, fault.text);
    if (r == RESULT_OK && (scan.changed || changed))
        log_scan(&scan);
    else if (r != RESULT_OK && changed)
        log_warn("videos cannot be read", log_text("why", fault.text),
                 log_end());
}

static enum result start_catalog(struct service *service, struct fault *fault)
{
    struct catalog_scan scan;
    enum result r =
        catalog_open(service->config->videos, &service->catalog, &scan, fault);
    if (r != RESULT_OK)
        return r;
    log_scan(&scan);
    return loop_timer_start(service->loop, REFRESH_MS, REFRESH_MS,
                            refresh_catalog, service, &service->refresh, fault);
}

static void end(void *context)
{
    struct service *service = context;
    service->is_lost = true;
    loop_quit(service->loop);
}

static void outbox_lost(void *context, const char *why)
{
    struct service *service = context;
    log_error("the disk has failed a sync: ending, for a start that finds out "
              "what it holds",
              log_text("why", why), log_end());
    loop_waker_wake(service->ender);
}

static enum result start_outbox(struct service *service, struct fault *fault)
{
    int64_t idle_ms = service->config->session_idle_ms;
    struct outbox_config config = {
        .path = service->config->outbox,
        .recall_ms = idle_ms + sessions_touch_ms(idle_ms),
        .lost = outbox_lost,
        .lost_context = service,
    };
    return outbox_open(&config, &service->outbox, fault);
}

static enum result start_counting(struct service *service, struct fault *fault)
{
    struct sessions_config config = {
        .sessions_max = SESSIONS_MAX,
        .idle_ms = service->config->session_idle_ms,
        .recall = outbox_recall,
        .recall_context = service->outbox,
    };
    enum result r = sessions_open(&config, &service->sessions, fault);
    if (r != RESULT_OK)
        return r;
    service->counting.sessions = service->sessions;
    service->counting.outbox = service->outbox;
    return deliveries_start(&service->counting, &service->deliveries, fault);
}

static enum result start_keys(struct service *service, struct fault *fault)
{
    const struct config *config = service->config;
    struct token_keys **keys = &service->api.keys;
    char token[TOKEN_BYTES_MAX];
    if (config->auth_keys[0] == '\0')
        return RESULT_OK;
    enum result r =
        token_keys_open(config->auth_keys, config->auth_audience, keys, fault);
    /* Without one that signs, viewers could not read their own history. */
    if (r == RESULT_OK)
        r = token_make(*keys, "", "", 1, token, sizeof token, fault);
    return r;
}

static enum result start_api(struct service *service, struct fault *fault)
{
    service->api.config = service->config;
    service->api.catalog = service->catalog;
    service->api.catalog_condition = &service->catalog_condition;
    service->api.counting = &service->counting;
    service->api.deliveries = service->deliveries;
    service->api.outbox = service->outbox;
    service->api.publisher = service->publisher;
    return api_start(&service->api, &service->http, fault);
}

static void stop(void *context)
{
    struct service *service = context;
    log_info("streaming stopping", log_end());
    http_server_refuse(service->http);
    loop_quit(service->loop);
}

static enum result start_all(struct service *service, struct fault *fault)
{
    enum result r = loop_make(&service->loop, fault);
    if (r == RESULT_OK)
        r = loop_waker_start(service->loop, end, service, &service->ender,
                             fault);
    if (r == RESULT_OK)
        r = start_catalog(service, fault);
    if (r == RESULT_OK)
        r = start_outbox(service, fault);
    if (r == RESULT_OK)
        r = start_counting(service, fault);
    if (r == RESULT_OK)
        r = publisher_start(service->outbox, &service->amqp,
                            &service->publisher, fault);
    if (r == RESULT_OK)
        r = start_keys(service, fault);
    if (r == RESULT_OK)
        r = start_api(service, fault);
    if (r == RESULT_OK)
        r = loop_on_stop_signal(service->loop, stop, service, fault);
    return r;
}

/* In the opposite order; what was not started is NULL. */
static enum result stop_all(struct service *service, struct fault *fault)
{
    http_server_stop(service->http, HTTP_GRACE_MS);
    token_keys_close(service->api.keys);
    deliveries_stop(service->deliveries);
    publisher_stop(service->publisher, PUBLISHER_GRACE_MS);
    enum result r = outbox_close(service->outbox, fault);
    sessions_close(service->sessions);
    loop_timer_end(service->refresh);
    loop_waker_end(service->ender);
    catalog_close(service->catalog);
    loop_end(service->loop);
    return r;
}

enum program_exit serve(const struct config *config)
{
    struct service service = {.config = config,
                              .amqp = amqp_options_of(config)};
    struct fault fault = {0};
    struct fault closing = {0};
    condition_init(&service.catalog_condition, true, "");
    enum result started = start_all(&service, &fault);
    if (started == RESULT_OK) {
        log_info("streaming ready",
                 log_int("port", http_server_port(service.http)),
                 log_text("videos", config->videos), log_end());
        loop_run(service.loop);
    } else {
        (void)program_complain("streaming", started, fault.text);
    }
    enum result stopped = stop_all(&service, &closing);
    condition_done(&service.catalog_condition);
    if (started != RESULT_OK)
        return program_exit_of(started);
    if (stopped != RESULT_OK) {
        log_error("the outbox did not close", log_text("why", closing.text),
                  log_end());
        return PROGRAM_FAILED;
    }
    log_info("streaming stopped", log_end());
    return service.is_lost ? PROGRAM_FAILED : PROGRAM_DONE;
}
