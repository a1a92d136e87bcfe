#include "operator_api.h"

#include "admin.h"
#include "clock.h"
#include "drill_result.h"
#include "json_write.h"
#include "queue_depths.h"

static void add_number(struct buffer *b, const char *name, int64_t value)
{
    buffer_append_format(b, ",\"%s\":%lld", name, (long long)value);
}

static void add_total(struct buffer *b, const char *name, uint64_t value)
{
    add_number(b, name, (int64_t)value);
}

static void add_text(struct buffer *b, const char *name, const char *text)
{
    buffer_append_format(b, ",\"%s\":", name);
    json_write_text(b, text);
}

static void add_time(struct buffer *b, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format(ms, text);
    buffer_append_format(b, ",\"%s\":\"%s\"", name, text);
}

static void begin(struct buffer *b, const char *name, const char *member,
                  bool value)
{
    buffer_append_format(b, ",\n\"%s\":{\"%s\":%s", name, member,
                         value ? "true" : "false");
}

static void end(struct buffer *b)
{
    buffer_append_text(b, "}");
}

static void write_broker(struct buffer *b, struct api *api)
{
    struct counters *c = api->counters;
    struct fault why = {0};
    char server[AMQP_TEXT_BYTES_MAX];
    bool works = consumer_works(api->consumer, &why);
    begin(b, "broker", "connected", works);
    if (!works)
        add_text(b, "why", why.text);
    amqp_url_public(api->amqp.url, server);
    add_text(b, "server", server);
    add_total(b, "connects", c->connects);
    add_total(b, "losses", c->losses);
    end(b);
}

static void write_queue(struct buffer *b, struct api *api)
{
    struct queue_depth depth;
    queue_depths_read(api->queue_depths, &depth);
    begin(b, "queue", "known", depth.known);
    if (depth.known) {
        add_number(b, "waiting", depth.waiting);
        add_number(b, "deadLetters", depth.dead);
        add_time(b, "at", depth.at_ms);
    } else {
        add_text(b, "why", depth.why.text);
    }
    end(b);
}

static void write_ingest(struct buffer *b, struct api *api)
{
    struct counters *c = api->counters;
    struct fault why = {0};
    bool works = ingest_works(api->ingest, &why);
    begin(b, "ingest", "works", works);
    if (!works)
        add_text(b, "why", why.text);
    add_total(b, "deliveries", c->deliveries);
    add_total(b, "redeliveries", c->redeliveries);
    add_number(b, "unacked", c->unacked);
    add_total(b, "stored", c->views_new);
    add_total(b, "known", c->views_known);
    add_total(b, "refused", c->views_erased);
    add_total(b, "removed", c->views_removed);
    add_total(b, "recovered", c->views_recovered);
    add_total(b, "deadLetters", c->dead_letters);
    add_total(b, "commits", c->batches);
    add_total(b, "commitsFailed", c->batches_failed);
    buffer_append_text(b, ",\"commitSeconds\":");
    json_write_seconds(b, (int64_t)(c->commit.sum_us / 1000));
    end(b);
}

static void write_store(struct buffer *b, struct api *api)
{
    struct store_stats stats;
    store_stats(api->store, &stats);
    buffer_append_format(b, ",\n\"store\":{\"views\":%lld",
                         (long long)stats.views);
    add_number(b, "tailViews", stats.tail_rows);
    add_number(b, "bytes", stats.file_bytes);
    add_number(b, "walBytes", stats.wal_bytes);
    if (stats.contained_offset >= 0)
        add_number(b, "streamOffset", stats.contained_offset);
    add_total(b, "streamChecks", api->counters->checkpoints);
    end(b);
}

static void write_recovery(struct buffer *b, struct api *api)
{
    struct counters *c = api->counters;
    int64_t last_s = c->last_backup_s;
    begin(b, "backup", "scheduled",
          api->backup_dir[0] != '\0' && store_is_in_file(api->db));
    if (last_s > 0)
        add_time(b, "lastAt", last_s * 1000);
    add_number(b, "everySeconds", api->backup_every_s);
    add_total(b, "made", c->backups);
    add_total(b, "failed", c->backups_failed);
    end(b);
    buffer_append_text(b, ",\n\"drill\":");
    drill_result_json(api->store, b);
}

void operator_api_get(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    struct api *api = context;
    struct buffer *b = &reply->body;
    struct live_stats live;
    char now[CLOCK_TEXT_BYTES];
    if (!admin_allows(api, request, reply))
        return;
    clock_format(clock_now_ms(), now);
    buffer_append_format(b, "{\"at\":\"%s\"", now);
    add_time(b, "startedAt", api->started_ms);
    write_broker(b, api);
    write_queue(b, api);
    write_ingest(b, api);
    write_store(b, api);
    write_recovery(b, api);
    live_stats(api->live, &live);
    buffer_append_format(b, ",\n\"live\":{\"readers\":%u}}\n", live.readers);
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "no-store");
}
