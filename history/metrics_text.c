#include "metrics_text.h"

static void write_ingest(struct buffer *b, struct counters *c)
{
    metrics_write_counter(b, "history_deliveries_total",
                          "Messages taken from the queue.", c->deliveries);
    metrics_write_counter(b, "history_redeliveries_total",
                          "Messages that the broker marked as redelivered.",
                          c->redeliveries);
    metrics_write_counter(b, "history_views_new_total",
                          "Views that were stored.", c->views_new);
    metrics_write_counter(b, "history_views_known_total",
                          "Views whose id was stored already.", c->views_known);
    metrics_write_counter(b, "history_views_erased_total",
                          "Views that were refused: their user was erased.",
                          c->views_erased);
    metrics_write_counter(b, "history_views_removed_total",
                          "Views that were refused: they had been removed.",
                          c->views_removed);
    metrics_write_counter(b, "history_views_paused_total",
                          "Views that were refused: their user had paused "
                          "recording.",
                          c->views_paused);
    metrics_write_counter(b, "history_views_expired_total",
                          "Views that were refused: older than is kept.",
                          c->views_expired);
    metrics_write_counter(b, "history_views_without_id_total",
                          "Views whose publisher gave no id.",
                          c->views_without_id);
    metrics_write_counter(b, "history_views_recovered_total",
                          "Views that were in the stream and not in the store.",
                          c->views_recovered);
    metrics_write_counter(b, "history_checkpoints_total",
                          "Comparisons of the stream with the store that ended "
                          "well.",
                          c->checkpoints);
    metrics_write_counter(b, "history_dead_letters_total",
                          "Messages that could not be a view.",
                          c->dead_letters);
    metrics_write_counter(b, "history_batches_total", "Commits of views.",
                          c->batches);
    metrics_write_counter(b, "history_batches_failed_total",
                          "Commits that failed; their views were kept.",
                          c->batches_failed);
    metrics_write_counter(b, "history_broker_connects_total",
                          "Connections made to the broker.", c->connects);
    metrics_write_gauge(b, "history_unacked",
                        "Deliveries held and not acknowledged yet.",
                        c->unacked);
    metrics_write_histogram(b, "history_commit_seconds",
                            "Time to write and commit a batch.", &c->commit);
}

static void write_store(struct buffer *b, struct store *store)
{
    struct store_stats stats;
    store_stats(store, &stats);
    metrics_write_gauge(b, "history_leads",
                        "1 where this service does what a store needs once.",
                        store_leads(store));
    metrics_write_gauge(b, "history_store_views", "Views in the store.",
                        stats.views);
    metrics_write_gauge(b, "history_store_tail_views",
                        "Views found by the index in memory.", stats.tail_rows);
    metrics_write_gauge(b, "history_checkpoint_offset",
                        "All views of the stream up to here are in the store; "
                        "-1: not known.",
                        stats.contained_offset);
    metrics_write_gauge(b, "history_store_bytes", "Size of the store's file.",
                        stats.file_bytes);
    metrics_write_gauge(b, "history_store_wal_bytes",
                        "Size of its write-ahead log.", stats.wal_bytes);
}

static void write_backups(struct buffer *b, struct counters *c)
{
    metrics_write_counter(b, "history_backups_total", "Scheduled backups made.",
                          c->backups);
    metrics_write_counter(b, "history_backups_failed_total",
                          "Scheduled backups that failed.", c->backups_failed);
    metrics_write_gauge(b, "history_last_backup_timestamp_seconds",
                        "When the newest backup was made; 0: there is none.",
                        c->last_backup_s);
}

static void write_requests(struct buffer *b, struct counters *c)
{
    static const char *const names[] = {
        NULL,
        "history_http_1xx_total",
        "history_http_2xx_total",
        "history_http_3xx_total",
        "history_http_4xx_total",
        "history_http_5xx_total",
    };
    for (int i = 2; i < 6; i++)
        metrics_write_counter(b, names[i], "Answers of this class.",
                              c->requests[i]);
    metrics_write_histogram(b, "history_http_request_seconds",
                            "Time from a request's line to its answer.",
                            &c->request);
}

static void write_answers(struct buffer *b, struct answer_cache *answers)
{
    struct answer_cache_stats stats;
    answer_cache_stats(answers, &stats);
    metrics_write_counter(b, "history_answers_kept_total",
                          "Pages that were given again from memory.",
                          stats.found);
    metrics_write_counter(b, "history_answers_made_total",
                          "Pages that were read from the store.", stats.missed);
    metrics_write_gauge(b, "history_answers_bytes",
                        "Memory of the pages that are kept.",
                        (int64_t)stats.bytes);
}

void metrics_text_write(struct buffer *b, struct counters *counters,
                        struct store *store, struct ingest *ingest,
                        struct consumer *consumer, struct answer_cache *answers)
{
    struct fault why;
    metrics_write_gauge(b, "history_broker_connected",
                        "1 while views are taken from the queue.",
                        consumer_works(consumer, &why));
    metrics_write_gauge(b, "history_store_writable", "1 while commits work.",
                        ingest_works(ingest, &why));
    write_ingest(b, counters);
    write_store(b, store);
    write_backups(b, counters);
    write_requests(b, counters);
    write_answers(b, answers);
}
