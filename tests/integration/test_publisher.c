/* Each accepted view comes to the queue, once each by its id, and then leaves
 * the outbox. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp_fixture.h"
#include "claim.h"
#include "log.h"
#include "proxy.h"
#include "publisher.h"
#include "seeded.h"
#include "temp_folder.h"
#include "topology.h"
#include "view_fixture.h"

enum {
    VIEWS_MAX = 5000,
    THREADS = 8,
};

static struct broker broker;
static struct proxy *proxy;
static struct outbox *outbox;
static struct publisher *publisher;
static char folder[TEMP_PATH_BYTES];
static char path[TEMP_PATH_BYTES];
static char url[BROKER_URL_BYTES];
static struct uuid ids[VIEWS_MAX];
static _Atomic size_t ids_count;

static void begin(void)
{
    struct outbox_config config = {.path = path, .recall_ms = 60 * 1000};
    struct amqp_options amqp = {
        .url = url, .name = "streaming", .connect_timeout_ms = 2000};
    struct fault fault = {0};
    assert_ok(outbox_open(&config, &outbox, &fault), &fault);
    assert_ok(publisher_start(outbox, &amqp, &publisher, &fault), &fault);
}

static void end(uint32_t grace_ms)
{
    struct fault fault = {0};
    publisher_stop(publisher, grace_ms);
    publisher = NULL;
    assert_ok(outbox_close(outbox, &fault), &fault);
    outbox = NULL;
}

/* A vhost each, so that no test finds another's queue. */
static int start(void **state)
{
    (void)state;
    broker_make_vhost(&broker);
    proxy = proxy_start(broker.port);
    broker_url_at(&broker, proxy_port(proxy), url);
    temp_folder_make(folder);
    temp_path(folder, "outbox.db", path);
    ids_count = 0;
    begin();
    return 0;
}

static int stop(void **state)
{
    char vhost[128];
    (void)state;
    end(0);
    proxy_stop(proxy);
    temp_folder_remove(folder);
    (void)snprintf(vhost, sizeof vhost, "/vhosts/%s", broker.vhost);
    (void)broker_manage(&broker, "DELETE", vhost, NULL, NULL, 0);
    return 0;
}

static int start_all(void **state)
{
    (void)state;
    broker_shared(&broker);
    return 0;
}

static int stop_all(void **state)
{
    (void)state;
    broker_make_vhost(&broker); /* what broker_done() deletes */
    broker_done(&broker);
    return 0;
}

static int64_t depth(void)
{
    struct outbox_stats stats;
    outbox_stats(outbox, &stats);
    return stats.depth;
}

static bool accept_one(unsigned viewer)
{
    struct viewed viewed = view_make(viewer, viewer % 100);
    if (outbox_accept(outbox, &viewed) != RESULT_OK)
        return false;
    ids[ids_count++] = viewed.id;
    return true;
}

static void accept_many(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_true(accept_one(i));
}

/* --- what the queue holds --- */

struct found {
    size_t count;
    unsigned times[VIEWS_MAX];
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

static void find(void *context, const struct amqp_event *event)
{
    struct found *found = context;
    struct uuid id;
    struct viewed viewed;
    struct fault fault = {0};
    struct viewed_envelope envelope = {.message_id = event->message_id,
                                       .received_ms = 1};
    assert_true(uuid_parse(event->message_id, strlen(event->message_id), &id));
    assert_ok(viewed_decode(event->body, event->body_bytes, &envelope, &viewed,
                            &fault),
              &fault);
    assert_memory_equal(&viewed.id, &id, sizeof id);
    assert_string_equal(event->type, "viewed");
    assert_string_equal(event->content_type, "application/json");
    assert_true(event->persistent);
    assert_int_equal(event->timestamp_s, viewed.viewed_at_ms / 1000);
    const struct uuid *at =
        bsearch(&id, ids, ids_count, sizeof ids[0], compare);
    assert_non_null(at);
    found->times[at - ids]++;
    found->count++;
}

/* Takes all out of the queue: each accepted id at least once; how many. */
static size_t assert_queue_has_all(void)
{
    static struct found found;
    memset(&found, 0, sizeof found);
    qsort(ids, ids_count, sizeof ids[0], compare);
    (void)drain_queue(broker.url, TOPOLOGY_QUEUE, 1000, find, &found);
    for (size_t i = 0; i < ids_count; i++)
        if (found.times[i] == 0)
            fail_msg("view %zu of %zu is not in the queue", i,
                     (size_t)ids_count);
    return found.count;
}

/* --- claims --- */

static void *accept_share(void *argument)
{
    size_t *failed = argument;
    for (unsigned i = 0; i < VIEWS_MAX / THREADS; i++)
        if (!accept_one(i))
            (*failed)++;
    return NULL;
}

static void all_that_is_accepted_is_published_once(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    size_t failed[THREADS] = {0};
    struct publisher_counts counts;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, accept_share, &failed[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(failed[i], 0);
    }
    assert_soon(depth() == 0);
    publisher_counts(publisher, &counts);
    assert_int_equal(counts.confirmed, VIEWS_MAX);
    assert_int_equal(counts.repeated + counts.refused + counts.returned, 0);
    end(0);
    begin();
    assert_int_equal(depth(), 0);
    assert_int_equal(assert_queue_has_all(), VIEWS_MAX);
}

static void a_message_has_its_cloud_event_headers(void **state)
{
    (void)state;
    char request[256];
    char answer[4096];
    char wanted[128];
    char id[UUID_TEXT_BYTES];
    accept_many(1);
    assert_soon(depth() == 0);
    (void)snprintf(request, sizeof request, "/queues/%s/" TOPOLOGY_QUEUE "/get",
                   broker.vhost);
    assert_int_equal(broker_manage(&broker, "POST", request,
                                   "{\"count\":1,\"ackmode\":"
                                   "\"ack_requeue_true\",\"encoding\":"
                                   "\"auto\"}",
                                   answer, sizeof answer),
                     200);
    uuid_format(&ids[0], id);
    (void)snprintf(wanted, sizeof wanted, "\"cloudEvents_id\":\"%s\"", id);
    assert_non_null(strstr(answer, wanted));
    assert_non_null(strstr(answer, "\"cloudEvents_specversion\":\"1.0\""));
    assert_non_null(strstr(answer, "\"cloudEvents_type\":\"viewed\""));
    assert_non_null(strstr(answer, "\"cloudEvents_source\":\"/streaming\""));
    assert_non_null(strstr(answer, "\"delivery_mode\":2"));
    (void)snprintf(wanted, sizeof wanted, "\"message_id\":\"%s\"", id);
    assert_non_null(strstr(answer, wanted));
}

static void views_wait_for_a_broker_that_is_away(void **state)
{
    (void)state;
    struct fault why = {0};
    accept_many(10);
    assert_soon(depth() == 0);
    proxy_refuse(proxy, true);
    proxy_cut_after(proxy, PROXY_FROM_CLIENT, 0);
    assert_soon(!publisher_works(publisher, &why));
    assert_int_not_equal(why.text[0], '\0');
    accept_many(500);
    assert_int_equal(depth(), 500);
    end(1000);
    begin();
    assert_int_equal(depth(), 500);
    proxy_refuse(proxy, false);
    assert_soon(depth() == 0);
    assert_true(publisher_works(publisher, &why));
    assert_true(assert_queue_has_all() >= 510);
}

static void cuts_anywhere_lose_no_view(void **state)
{
    (void)state;
    enum { CUTS = 20 };
    struct seeded seeded = seeded_start();
    for (int cut = 0; cut < CUTS; cut++) {
        bool forth = seeded_below(&seeded, 2) == 0;
        proxy_cut_after(proxy, forth ? PROXY_FROM_CLIENT : PROXY_FROM_SERVER,
                        1 + seeded_below(&seeded, forth ? 60000 : 1200));
        accept_many(100);
        assert_soon(!proxy_cut_is_due(proxy) || depth() == 0);
    }
    assert_soon(depth() == 0);
    struct publisher_counts counts;
    publisher_counts(publisher, &counts);
    assert_true(counts.repeated > 0);
    assert_true(assert_queue_has_all() >= CUTS * 100);
}

static void a_queue_that_is_deleted_comes_back_with_the_views(void **state)
{
    (void)state;
    struct publisher_counts counts;
    struct fault why = {0};
    accept_many(1);
    assert_soon(depth() == 0);
    broker_delete_queue(&broker, TOPOLOGY_QUEUE);
    broker_delete_queue(&broker, TOPOLOGY_STREAM);
    ids_count = 0;
    accept_many(300);
    assert_soon(depth() == 0);
    publisher_counts(publisher, &counts);
    assert_true(counts.returned > 0);
    assert_true(publisher_works(publisher, &why));
    assert_int_equal(assert_queue_has_all(), 300);
}

/* Stopped anywhere, started again: what was not confirmed is published. */
static void restarts_lose_no_view(void **state)
{
    (void)state;
    struct seeded seeded = seeded_start();
    for (int i = 0; i < 10; i++) {
        accept_many(200);
        pause_ms((unsigned)seeded_below(&seeded, 30));
        end(seeded_below(&seeded, 2) == 0 ? 0 : 1000);
        begin();
    }
    assert_soon(depth() == 0);
    assert_true(assert_queue_has_all() >= 2000);
}

static void a_disk_that_is_full_for_a_while_loses_no_view(void **state)
{
    (void)state;
    proxy_stall(proxy, true);
    accept_many(200);
    files_may_have(1024);
    proxy_stall(proxy, false);
    /* Confirmed, and cannot be removed; nor can one be accepted. */
    assert_soon(!outbox_works(outbox, NULL));
    assert_false(accept_one(1));
    files_may_have(RLIM_INFINITY);
    assert_soon(depth() == 0);
    accept_many(200);
    assert_soon(depth() == 0);
    assert_int_equal(assert_queue_has_all(), 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, start, stop)
        CLAIM(all_that_is_accepted_is_published_once),
        CLAIM(a_message_has_its_cloud_event_headers),
        CLAIM(views_wait_for_a_broker_that_is_away),
        CLAIM(cuts_anywhere_lose_no_view),
        CLAIM(a_queue_that_is_deleted_comes_back_with_the_views),
        CLAIM(restarts_lose_no_view),
        CLAIM(a_disk_that_is_full_for_a_while_loses_no_view),
    };
    return run_claims(tests, start_all, stop_all);
}
