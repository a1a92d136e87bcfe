#include "metrics_text.h"

#include "clock.h"

static void write_views(struct buffer *b, struct api *api)
{
    struct counting *c = api->counting;
    metrics_write_counter(b, "streaming_views_played_total",
                          "Views counted by what players reported.",
                          c->views_played);
    metrics_write_counter(b, "streaming_views_bytes_total",
                          "Views counted by the bytes that arrived.",
                          c->views_bytes);
    metrics_write_counter(b, "streaming_views_refused_total",
                          "Times a view could not be put into the outbox.",
                          c->refused);
    metrics_write_gauge(b, "streaming_sessions",
                        "Sessions of a viewer with a video.",
                        (int64_t)sessions_count(c->sessions));
}

static void write_outbox(struct buffer *b, struct api *api)
{
    struct outbox_stats stats;
    outbox_stats(api->outbox, &stats);
    int64_t age_ms = stats.oldest_ms > 0 ? clock_now_ms() - stats.oldest_ms : 0;
    metrics_write_gauge(b, "streaming_outbox_views",
                        "Accepted views that the broker has not confirmed.",
                        stats.depth);
    metrics_write_gauge(b, "streaming_outbox_oldest_seconds",
                        "Age of the oldest of them.", age_ms / 1000);
    metrics_write_gauge(b, "streaming_outbox_writable",
                        "1 while views can be accepted.",
                        outbox_works(api->outbox, NULL));
}

static void write_publisher(struct buffer *b, struct api *api)
{
    struct publisher_counts counts;
    publisher_counts(api->publisher, &counts);
    metrics_write_gauge(b, "streaming_broker_connected",
                        "1 while views can be published.",
                        publisher_works(api->publisher, NULL));
    metrics_write_counter(b, "streaming_publishes_confirmed_total",
                          "Views that the broker has.", counts.confirmed);
    metrics_write_counter(b, "streaming_publishes_returned_total",
                          "Publishes that no queue took; offered again.",
                          counts.returned);
    metrics_write_counter(b, "streaming_publishes_refused_total",
                          "Publishes that the broker refused; offered again.",
                          counts.refused);
    metrics_write_counter(b, "streaming_publishes_repeated_total",
                          "Publishes without an answer; offered again.",
                          counts.repeated);
}

static void write_requests(struct buffer *b, struct api *api)
{
    static const char *const names[] = {
        "streaming_http_2xx_total",
        "streaming_http_3xx_total",
        "streaming_http_4xx_total",
        "streaming_http_5xx_total",
    };
    for (int i = 0; i < 4; i++)
        metrics_write_counter(b, names[i], "Answers of this class.",
                              api->requests[i + 2]);
    metrics_write_histogram(b, "streaming_http_request_seconds",
                            "Time from a request's line to its answer.",
                            &api->request);
}

void metrics_text_write(struct buffer *b, struct api *api)
{
    write_views(b, api);
    write_outbox(b, api);
    write_publisher(b, api);
    write_requests(b, api);
}
