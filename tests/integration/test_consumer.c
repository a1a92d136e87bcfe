/* From the queue into the store: acknowledged after the commit, once each;
 * poison to the dead letters; whatever happens to the link and the disk. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp_fixture.h"
#include "checkpoint.h"
#include "claim.h"
#include "history_fixture.h"
#include "proxy.h"
#include "seeded.h"
#include "store_engine.h"
#include "topology.h"
#include "view_fixture.h"

enum {
    GRACE_MS = 20 * 1000,
    BATCH = 50,
};

#define POISON "this is no view"

static struct broker broker;
static struct proxy *proxy;      /* of the consumer */
static struct proxy *dead_proxy; /* of the dead letters */
static char folder[TEMP_PATH_BYTES];
static char url[BROKER_URL_BYTES];
static char dead_url[BROKER_URL_BYTES];
static struct history_fixture history;
static struct amqp_link *link;
static uint64_t published; /* on `link` */

static struct amqp_options options_of(const char *at)
{
    return (struct amqp_options){
        .url = at, .name = "history", .connect_timeout_ms = 2000};
}

static void declare_topology(void)
{
    struct fault fault = {0};
    for (size_t i = 0; i < topology_exchanges_count; i++)
        assert_ok(
            amqp_link_declare_exchange(link, &topology_exchanges[i], &fault),
            &fault);
    for (size_t i = 0; i < topology_queues_count; i++)
        assert_ok(amqp_link_declare_queue(link, &topology_queues[i], &fault),
                  &fault);
    assert_ok(amqp_link_confirms(link, &fault), &fault);
}

/* A vhost each; the queue is there, history is not started yet. */
static int start(void **state)
{
    (void)state;
    broker_make_vhost(&broker);
    proxy = proxy_start(broker.port);
    dead_proxy = proxy_start(broker.port);
    broker_url_at(&broker, proxy_port(proxy), url);
    broker_url_at(&broker, proxy_port(dead_proxy), dead_url);
    temp_folder_make(folder);
    history = (struct history_fixture){.amqp = options_of(url),
                                       .dead_amqp = options_of(dead_url)};
    temp_path(folder, "history.db", history.db);
    link = link_to(broker.url);
    declare_topology();
    published = 0;
    return 0;
}

static int stop(void **state)
{
    char vhost[128];
    (void)state;
    files_may_have(RLIM_INFINITY);
    proxy_refuse(proxy, false);
    history_fixture_stop(&history, 0);
    amqp_link_close(link);
    proxy_stop(proxy);
    proxy_stop(dead_proxy);
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

static void publish(const char *body, size_t body_bytes, const char *id)
{
    struct fault fault = {0};
    struct amqp_message message = {.body = body,
                                   .body_bytes = body_bytes,
                                   .message_id = id,
                                   .content_type = "application/json",
                                   .persistent = true};
    assert_ok(amqp_link_publish(link, TOPOLOGY_EXCHANGE, "", &message, &fault),
              &fault);
    published++;
}

static void publish_view(const struct viewed *viewed)
{
    struct buffer body = buffer_make(VIEWED_BODY_BYTES_MAX);
    viewed_encode(viewed, &body);
    assert_false(body.failed);
    publish(body.data, body.bytes, NULL);
    buffer_done(&body);
}

static void publish_views(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct viewed viewed = view_make(i, i % 10);
        publish_view(&viewed);
    }
}

/* All that was published is in the queue. */
static void await_confirms(void)
{
    const struct amqp_event *event;
    uint64_t confirmed = 0;
    while (confirmed < published) {
        event = event_soon(link);
        assert_int_equal(event->kind, AMQP_EVENT_CONFIRMED);
        confirmed = event->multiple || event->tag == confirmed + 1 ? event->tag
                                                                   : confirmed;
        if (event->tag == published)
            confirmed = published;
    }
}

/* Stopped, the queue holds so many. */
static void assert_queue_left(size_t wanted)
{
    assert_int_equal(drain_queue(broker.url, TOPOLOGY_QUEUE, 500, NULL, NULL),
                     wanted);
}

struct dead {
    size_t count;
    size_t ours; /* with our reason, others were moved by the broker */
    size_t bytes;
};

static void count_dead(void *context, const struct amqp_event *event)
{
    struct dead *dead = context;
    dead->count++;
    dead->bytes += event->body_bytes;
    if (strcmp(event->type, "viewed.dead") == 0)
        dead->ours++;
}

static struct dead take_dead(void)
{
    struct dead dead = {0};
    (void)drain_queue(broker.url, TOPOLOGY_DEAD_QUEUE, 500, count_dead, &dead);
    return dead;
}

static void all_is_stored_and_acknowledged(void **state)
{
    (void)state;
    struct fault why = {0};
    publish_views(5000);
    history_fixture_start(&history);
    assert_soon(history.counters.views_new == 5000);
    assert_soon(history.counters.unacked == 0);
    assert_true(consumer_works(history.consumer, &why));
    assert_int_equal(history_fixture_rows(&history), 5000);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
    assert_int_equal(take_dead().count, 0);
}

static void a_prefetch_of_one_goes_on(void **state)
{
    (void)state;
    history.prefetch = 1;
    history.batch_max = 1;
    publish_views(50);
    history_fixture_start(&history);
    assert_soon(history.counters.views_new == 50);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
}

static void a_repeated_view_is_stored_once(void **state)
{
    (void)state;
    struct viewed viewed = view_make(1, 1);
    for (int i = 0; i < 20; i++)
        publish_view(&viewed);
    history_fixture_start(&history);
    assert_soon(history.counters.views_new + history.counters.views_known ==
                20);
    assert_int_equal(history.counters.views_new, 1);
    assert_int_equal(history_fixture_rows(&history), 1);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
}

static void a_view_without_an_id_is_stored(void **state)
{
    (void)state;
    static const char body[] = "{\"videoPath\":\"./videos/a.mp4\"}";
    publish(body, sizeof body - 1, NULL);
    history_fixture_start(&history);
    assert_soon(history.counters.views_new == 1);
    assert_int_equal(history.counters.views_without_id, 1);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
}

/* poison[i] says which of the batch are. */
static void assert_batch_is_told_apart(const bool poison[BATCH])
{
    unsigned bad = 0;
    for (unsigned i = 0; i < BATCH; i++) {
        struct viewed viewed = view_make(i, i);
        if (poison[i])
            publish(POISON, sizeof POISON - 1, "poison");
        else
            publish_view(&viewed);
        bad += poison[i] ? 1 : 0;
    }
    await_confirms();
    history_fixture_start(&history);
    assert_soon(history.counters.views_new == BATCH - bad);
    assert_soon(history.counters.dead_letters == bad);
    assert_soon(history.counters.unacked == 0);
    assert_int_equal(history_fixture_rows(&history), BATCH - bad);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
    struct dead dead = take_dead();
    assert_int_equal(dead.count, bad);
    assert_int_equal(dead.ours, bad);
    assert_int_equal(dead.bytes, bad * (sizeof POISON - 1));
}

static void poison_at_the_first_place_goes_alone(void **state)
{
    const bool poison[BATCH] = {[0] = true};
    (void)state;
    assert_batch_is_told_apart(poison);
}

static void poison_in_the_middle_goes_alone(void **state)
{
    const bool poison[BATCH] = {[20] = true, [21] = true, [30] = true};
    (void)state;
    assert_batch_is_told_apart(poison);
}

static void poison_at_the_last_place_goes_alone(void **state)
{
    const bool poison[BATCH] = {[BATCH - 1] = true};
    (void)state;
    assert_batch_is_told_apart(poison);
}

static void a_batch_of_poison_goes(void **state)
{
    bool poison[BATCH];
    (void)state;
    memset(poison, true, sizeof poison);
    assert_batch_is_told_apart(poison);
}

static void a_dead_letter_has_the_reason_and_what_it_was(void **state)
{
    (void)state;
    char path[160];
    char answer[4096];
    publish(POISON, sizeof POISON - 1, "the id");
    history_fixture_start(&history);
    assert_soon(history.counters.dead_letters == 1);
    history_fixture_stop(&history, GRACE_MS);
    (void)snprintf(path, sizeof path, "/queues/%s/" TOPOLOGY_DEAD_QUEUE "/get",
                   broker.vhost);
    assert_int_equal(broker_manage(&broker, "POST", path,
                                   "{\"count\":1,\"ackmode\":"
                                   "\"ack_requeue_true\",\"encoding\":"
                                   "\"auto\"}",
                                   answer, sizeof answer),
                     200);
    assert_non_null(strstr(answer, "\"x-reason\":\"not JSON"));
    assert_non_null(strstr(answer, "\"x-message-id\":\"the id\""));
    assert_non_null(strstr(answer, "\"x-seen-ms\":"));
    assert_non_null(strstr(answer, "\"x-deliveries\":0"));
    assert_non_null(strstr(answer, "\"payload\":\"" POISON "\""));
    assert_non_null(strstr(answer, "\"content_type\":\"application/json\""));
}

/* Too long to be kept: the broker moves it, whole. */
static void poison_without_end_is_moved_by_the_broker(void **state)
{
    (void)state;
    size_t bytes = (size_t)AMQP_BODY_BYTES_MAX * 2;
    char *body = malloc(bytes);
    assert_non_null(body);
    memset(body, ' ', bytes);
    publish(body, bytes, NULL);
    free(body);
    publish_views(10);
    publish("", 0, NULL);
    history_fixture_start(&history);
    assert_soon(history.counters.views_new == 10);
    assert_soon(history.counters.unacked == 0);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
    struct dead dead = take_dead();
    assert_int_equal(dead.count, 2);
    assert_int_equal(dead.ours, 1);
}

static void poison_waits_for_its_own_link_alone(void **state)
{
    (void)state;
    proxy_refuse(dead_proxy, true);
    for (int i = 0; i < 5; i++) {
        publish(POISON, sizeof POISON - 1, NULL);
        publish_views(100);
    }
    history_fixture_start(&history);
    assert_soon(history.counters.views_new == 500);
    assert_soon(history.counters.unacked == 5);
    assert_int_equal(history.counters.dead_letters, 0);
    proxy_refuse(dead_proxy, false);
    assert_soon(history.counters.dead_letters == 5);
    assert_soon(history.counters.unacked == 0);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
    assert_int_equal(take_dead().ours, 5);
}

/* More than may wait is moved by the broker, without our reason. */
static void more_poison_than_may_wait_is_not_kept(void **state)
{
    (void)state;
    enum { LETTERS = 20 };
    size_t bytes = AMQP_BODY_BYTES_MAX;
    char *body = malloc(bytes);
    assert_non_null(body);
    memset(body, 'x', bytes);
    for (int i = 0; i < LETTERS; i++)
        publish(body, bytes, NULL);
    free(body);
    proxy_refuse(dead_proxy, true);
    history_fixture_start(&history);
    assert_soon(history.counters.deliveries == LETTERS);
    assert_soon(history.counters.unacked < LETTERS);
    proxy_refuse(dead_proxy, false);
    assert_soon(history.counters.unacked == 0);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
    struct dead dead = take_dead();
    assert_int_equal(dead.count, LETTERS);
    assert_in_range(dead.ours, 1, LETTERS - 1);
}

static void cuts_anywhere_store_each_view_once(void **state)
{
    (void)state;
    enum { CUTS = 30, VIEWS = 200 };
    struct seeded seeded = seeded_start();
    int64_t wanted = 0;
    size_t poison = 0;
    history_fixture_start(&history);
    for (int cut = 0; cut < CUTS; cut++) {
        bool forth = seeded_below(&seeded, 3) == 0;
        proxy_cut_after(proxy, forth ? PROXY_FROM_CLIENT : PROXY_FROM_SERVER,
                        1 + seeded_below(&seeded, forth ? 1500 : 80000));
        publish_views(VIEWS);
        wanted += VIEWS;
        if (cut % 5 == 0) {
            publish(POISON, sizeof POISON - 1, NULL);
            poison++;
        }
        assert_soon(!proxy_cut_is_due(proxy) ||
                    history_fixture_rows(&history) == wanted);
    }
    assert_soon(history_fixture_rows(&history) == wanted);
    /* The last cut may have left stored views unacknowledged: they come again
     * before one that is published now. */
    proxy_cut_after(proxy, PROXY_FROM_SERVER, UINT64_C(1) << 40); /* never */
    publish_views(1);
    wanted++;
    assert_soon(history_fixture_rows(&history) == wanted);
    assert_soon(history.counters.unacked == 0);
    assert_int_equal(history.counters.views_new, wanted);
    assert_true(history.counters.connects > 1);
    assert_true(history.counters.redeliveries > 0);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
    /* A letter may be written again when its message comes again. */
    assert_true(take_dead().count >= poison);
}

static void what_cannot_be_stored_is_not_acknowledged(void **state)
{
    (void)state;
    struct fault why = {0};
    history_fixture_start(&history);
    publish_views(100);
    assert_soon(history.counters.views_new == 100);
    files_may_have(1024);
    publish_views(400);
    publish(POISON, sizeof POISON - 1, NULL);
    assert_soon(!ingest_works(history.ingest, &why));
    assert_int_not_equal(why.text[0], '\0');
    assert_soon(history.counters.dead_letters == 1);
    assert_soon(history.counters.unacked == 400);
    /* It is tried again and again, and stays so. */
    uint64_t failed = history.counters.batches_failed;
    assert_soon(history.counters.batches_failed > failed + 1);
    assert_int_equal(history.counters.unacked, 400);
    assert_int_equal(history_fixture_rows(&history), 100);
    files_may_have(RLIM_INFINITY);
    assert_soon(history_fixture_rows(&history) == 500);
    assert_soon(history.counters.unacked == 0);
    assert_true(ingest_works(history.ingest, &why));
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
    assert_int_equal(take_dead().ours, 1);
}

static void
a_stop_while_nothing_can_be_stored_leaves_all_in_the_queue(void **state)
{
    (void)state;
    history_fixture_start(&history);
    publish_views(100);
    assert_soon(history.counters.views_new == 100);
    files_may_have(1024);
    publish_views(50);
    assert_soon(history.counters.unacked == 50);
    int64_t began_ms = clock_monotonic_ms();
    history.close_may_fail = true;
    history_fixture_stop(&history, 1000);
    assert_in_range(clock_monotonic_ms() - began_ms, 500, 10 * 1000);
    files_may_have(RLIM_INFINITY);
    assert_queue_left(50);
}

static void a_deleted_queue_is_made_again(void **state)
{
    (void)state;
    struct fault why = {0};
    history_fixture_start(&history);
    publish_views(10);
    assert_soon(history.counters.views_new == 10);
    assert_soon(history.counters.unacked == 0);
    broker_delete_queue(&broker, TOPOLOGY_QUEUE);
    assert_soon(history.counters.connects == 2);
    assert_soon(consumer_works(history.consumer, &why));
    publish_views(10);
    assert_soon(history.counters.views_new == 20);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
}

/* What is stored is acknowledged, what is not is still in the queue: nothing
 * is in both, when the stop is a good one. */
static void a_stop_in_the_middle_settles_what_is_held(void **state)
{
    (void)state;
    enum { VIEWS = 5000 };
    struct seeded seeded = seeded_start();
    publish_views(VIEWS);
    await_confirms();
    int64_t stored = 0;
    for (int i = 0; i < 10 && stored < VIEWS; i++) {
        history.prefetch = (uint16_t)(1 + seeded_below(&seeded, 500));
        history_fixture_start(&history);
        uint64_t some = seeded_below(&seeded, 300);
        assert_soon(history.counters.views_new >= some ||
                    history_fixture_rows(&history) == VIEWS);
        history_fixture_stop(&history, GRACE_MS);
        assert_int_equal(history.counters.views_known, 0);
        assert_int_equal(history.counters.unacked, 0);
        stored += (int64_t)history.counters.views_new;
    }
    assert_queue_left((size_t)(VIEWS - stored));
}

static void an_end_while_it_connects_is_clean(void **state)
{
    (void)state;
    proxy_stall(proxy, true);
    for (int i = 0; i < 2; i++) {
        history_fixture_start(&history);
        assert_soon(proxy_connections(proxy) >= (uint64_t)i + 1);
        int64_t began_ms = clock_monotonic_ms();
        if (i == 0)
            history_fixture_drop(&history);
        else
            history_fixture_stop(&history, GRACE_MS);
        assert_in_range(clock_monotonic_ms() - began_ms, 0, 10 * 1000);
    }
    /* And where the attempt succeeds after the end has begun. */
    proxy_stall(proxy, false);
    proxy_delay(proxy, 50);
    uint64_t before = proxy_connections(proxy);
    history_fixture_start(&history);
    assert_soon(proxy_connections(proxy) > before);
    history_fixture_drop(&history);
    history_fixture_start(&history);
    assert_soon(proxy_connections(proxy) > before + 1);
    history_fixture_stop(&history, GRACE_MS);
}

static void an_end_while_it_consumes_is_clean(void **state)
{
    (void)state;
    publish_views(1000);
    history_fixture_start(&history);
    assert_soon(history.counters.views_new > 0);
    history_fixture_drop(&history);
    /* Stored or not, all that was not acknowledged comes again, before what
     * comes new. */
    history_fixture_start(&history);
    publish_views(1);
    assert_soon(history_fixture_rows(&history) == 1001);
    assert_soon(history.counters.unacked == 0);
    history_fixture_stop(&history, GRACE_MS);
    assert_queue_left(0);
}

/* What a container is given: the broker does not answer the cancel. */
static void a_stop_with_a_silent_broker_ends_in_time(void **state)
{
    (void)state;
    history_fixture_start(&history);
    publish_views(100);
    assert_soon(history.counters.views_new == 100);
    assert_soon(history.counters.unacked == 0);
    proxy_stall(proxy, true);
    proxy_stall(dead_proxy, true);
    int64_t began_ms = clock_monotonic_ms();
    history_fixture_stop(&history, 8000);
    assert_in_range(clock_monotonic_ms() - began_ms, 0, 18 * 1000);
}

static void a_broker_that_is_away_is_waited_for(void **state)
{
    (void)state;
    struct fault why = {0};
    publish_views(10);
    proxy_refuse(proxy, true);
    history_fixture_start(&history);
    assert_soon(proxy_connections(proxy) > 3);
    assert_false(consumer_works(history.consumer, &why));
    assert_int_not_equal(why.text[0], '\0');
    proxy_refuse(proxy, false);
    assert_soon(history.counters.views_new == 10);
    history_fixture_stop(&history, GRACE_MS);
}

static atomic_bool we_lead;

static bool leads(struct store *store)
{
    (void)store;
    return we_lead;
}

/* On the writer's thread, which uses the engine now and then. */
static enum result share(struct store *store, void *context,
                         struct fault *fault)
{
    struct store_engine *shared = context;
    (void)fault;
    *shared = *store->engine;
    shared->leads = leads;
    store->engine = shared;
    return RESULT_OK;
}

static void who_does_not_lead_does_not_compare_with_the_stream(void **state)
{
    (void)state;
    static struct store_engine shared;
    struct fault fault = {0};
    struct checkpoint *checkpoint = NULL;
    publish_views(20);
    history_fixture_start(&history);
    we_lead = false;
    assert_ok(ingest_run(history.ingest, share, &shared, &fault), &fault);
    struct checkpoint_config config = {.store = history.store,
                                       .ingest = history.ingest,
                                       .counters = &history.counters,
                                       .amqp = history.amqp,
                                       .every_s = 1};
    assert_ok(checkpoint_start(&config, &checkpoint, &fault), &fault);
    assert_soon(history.counters.views_new == 20);
    pause_ms(2500); /* two rounds */
    assert_int_equal(history.counters.checkpoints, 0);
    we_lead = true;
    assert_soon(history.counters.checkpoints > 0);
    checkpoint_stop(checkpoint);
    history_fixture_stop(&history, GRACE_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CLAIM(test) cmocka_unit_test_setup_teardown(test, start, stop)
        CLAIM(all_is_stored_and_acknowledged),
        CLAIM(a_prefetch_of_one_goes_on),
        CLAIM(a_repeated_view_is_stored_once),
        CLAIM(a_view_without_an_id_is_stored),
        CLAIM(poison_at_the_first_place_goes_alone),
        CLAIM(poison_in_the_middle_goes_alone),
        CLAIM(poison_at_the_last_place_goes_alone),
        CLAIM(a_batch_of_poison_goes),
        CLAIM(a_dead_letter_has_the_reason_and_what_it_was),
        CLAIM(poison_without_end_is_moved_by_the_broker),
        CLAIM(poison_waits_for_its_own_link_alone),
        CLAIM(more_poison_than_may_wait_is_not_kept),
        CLAIM(cuts_anywhere_store_each_view_once),
        CLAIM(what_cannot_be_stored_is_not_acknowledged),
        CLAIM(a_stop_while_nothing_can_be_stored_leaves_all_in_the_queue),
        CLAIM(a_deleted_queue_is_made_again),
        CLAIM(a_stop_in_the_middle_settles_what_is_held),
        CLAIM(an_end_while_it_connects_is_clean),
        CLAIM(an_end_while_it_consumes_is_clean),
        CLAIM(a_stop_with_a_silent_broker_ends_in_time),
        CLAIM(a_broker_that_is_away_is_waited_for),
        CLAIM(who_does_not_lead_does_not_compare_with_the_stream),
    };
    return run_claims(tests, start_all, stop_all);
}
