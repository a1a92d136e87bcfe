#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology.h"

static const struct amqp_queue *queue_of(const char *name)
{
    for (size_t i = 0; i < topology_queues_count; i++) {
        if (strcmp(topology_queues[i].name, name) == 0)
            return &topology_queues[i];
    }
    fail_msg("no queue %s", name);
    return NULL;
}

static const struct amqp_argument *argument_of(const struct amqp_queue *queue,
                                               const char *name)
{
    for (size_t i = 0;
         i < AMQP_ARGUMENTS_MAX && queue->arguments[i].name != NULL; i++) {
        if (strcmp(queue->arguments[i].name, name) == 0)
            return &queue->arguments[i];
    }
    return NULL;
}

static void assert_text(const struct amqp_queue *queue, const char *name,
                        const char *text)
{
    const struct amqp_argument *argument = argument_of(queue, name);
    assert_non_null(argument);
    assert_non_null(argument->text);
    assert_string_equal(argument->text, text);
}

static void every_queue_is_bound_to_an_exchange_that_is_declared(void **state)
{
    (void)state;
    for (size_t i = 0; i < topology_queues_count; i++) {
        bool declared = false;
        for (size_t j = 0; j < topology_exchanges_count; j++)
            declared |= strcmp(topology_queues[i].exchange,
                               topology_exchanges[j].name) == 0;
        assert_true(declared);
        assert_non_null(argument_of(&topology_queues[i], "x-queue-type"));
    }
}

static void poison_goes_to_the_dead_and_is_not_lost_on_the_way(void **state)
{
    (void)state;
    const struct amqp_queue *queue = queue_of(TOPOLOGY_QUEUE);
    assert_text(queue, "x-queue-type", "quorum");
    assert_text(queue, "x-dead-letter-exchange", TOPOLOGY_DEAD_EXCHANGE);
    assert_text(queue, "x-dead-letter-strategy", "at-least-once");
    assert_text(queue, "x-overflow", "reject-publish");
    assert_string_equal(queue_of(TOPOLOGY_DEAD_QUEUE)->exchange,
                        TOPOLOGY_DEAD_EXCHANGE);
}

static void the_stream_keeps_what_it_is_told(void **state)
{
    (void)state;
    const struct amqp_queue *stream = queue_of(TOPOLOGY_STREAM);
    assert_text(stream, "x-max-age", "30D");
    const struct {
        struct topology_settings given;
        const char *age;
        int64_t segment_bytes;
    } cases[] = {
        {{60, 10000000, 0, 1, 0}, "60s", 2500000},
        {{86400, INT64_C(400000000), 0, 1, 0}, "1D", 100000000},
        {{86401, INT64_C(1000000000000000), 0, 1, 0}, "86401s", 100000000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        topology_set(&cases[i].given);
        assert_text(stream, "x-max-age", cases[i].age);
        assert_int_equal(argument_of(stream, "x-max-length-bytes")->integer,
                         cases[i].given.bytes_max);
        assert_int_equal(
            argument_of(stream, "x-stream-max-segment-size-bytes")->integer,
            cases[i].segment_bytes);
    }
}

static void as_many_nodes_have_all_as_is_told(void **state)
{
    (void)state;
    static const char group[] = "x-quorum-initial-group-size";
    struct topology_settings settings = {86400, 400000000, 5, 1, 0};
    topology_set(&settings);
    topology_set(&settings); /* twice sets it once */
    assert_int_equal(argument_of(queue_of(TOPOLOGY_QUEUE), group)->integer, 5);
    assert_int_equal(argument_of(queue_of(TOPOLOGY_DEAD_QUEUE), group)->integer,
                     5);
    assert_int_equal(
        argument_of(queue_of(TOPOLOGY_STREAM), "x-initial-cluster-size")
            ->integer,
        5);
    assert_text(queue_of(TOPOLOGY_QUEUE), "x-queue-type", "quorum");
    settings.replicas = 0;
    topology_set(&settings);
    assert_null(argument_of(queue_of(TOPOLOGY_QUEUE), group));
}

static void the_stream_keeps_views_within_an_age_and_a_size(void **state)
{
    (void)state;
    const struct amqp_queue *stream = queue_of(TOPOLOGY_STREAM);
    assert_text(stream, "x-queue-type", "stream");
    assert_text(stream, "x-max-age", "30D");
    const struct amqp_argument *bytes =
        argument_of(stream, "x-max-length-bytes");
    const struct amqp_argument *segment =
        argument_of(stream, "x-stream-max-segment-size-bytes");
    assert_non_null(bytes);
    assert_non_null(segment);
    /* Only whole segments go. */
    assert_true(segment->integer * 10 <= bytes->integer);
    assert_string_equal(stream->exchange, TOPOLOGY_EXCHANGE);
}

static void several_queues_share_the_views_by_user(void **state)
{
    (void)state;
    struct topology_settings settings = {30 * 86400, INT64_C(20000000000), 3,
                                         12, 11};
    topology_set(&settings);
    assert_int_equal(topology_queues_count, 14);
    const struct amqp_exchange *by_user = &topology_exchanges[2];
    assert_int_equal(topology_exchanges_count, 3);
    assert_string_equal(by_user->name, TOPOLOGY_USER_EXCHANGE);
    assert_string_equal(by_user->source, TOPOLOGY_EXCHANGE);
    for (int i = 1; i <= 12; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, TOPOLOGY_QUEUE ".%d", i);
        const struct amqp_queue *queue = queue_of(name);
        assert_string_equal(queue->exchange, TOPOLOGY_USER_EXCHANGE);
        assert_string_equal(queue->routing_key, "1");
        assert_text(queue, "x-dead-letter-exchange", TOPOLOGY_DEAD_EXCHANGE);
        assert_int_equal(
            argument_of(queue, "x-quorum-initial-group-size")->integer, 3);
    }
    assert_string_equal(topology_queue(), TOPOLOGY_QUEUE ".11");
    every_queue_is_bound_to_an_exchange_that_is_declared(NULL);
    the_stream_keeps_views_within_an_age_and_a_size(NULL);

    settings.queues = 1; /* and back */
    settings.queue = 0;
    topology_set(&settings);
    assert_int_equal(topology_queues_count, 3);
    assert_int_equal(topology_exchanges_count, 2);
    assert_string_equal(topology_queue(), TOPOLOGY_QUEUE);
    assert_null(queue_of(TOPOLOGY_QUEUE)->routing_key);
    assert_string_equal(queue_of(TOPOLOGY_QUEUE)->exchange, TOPOLOGY_EXCHANGE);
    poison_goes_to_the_dead_and_is_not_lost_on_the_way(NULL);
}

static void the_settings_name_one_of_the_queues(void **state)
{
    (void)state;
    const struct {
        const char *queues;
        const char *queue;
        enum result r;
    } cases[] = {
        {"1", "0", RESULT_OK},         {"1", "1", RESULT_OK},
        {"4", "4", RESULT_OK},         {"64", "64", RESULT_OK},
        {"4", "0", RESULT_OK}, /* streaming takes none */
        {"4", "5", RESULT_MALFORMED},  {"0", "0", RESULT_MALFORMED},
        {"65", "1", RESULT_MALFORMED}, {"2", "-1", RESULT_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct topology_settings settings = {0};
        struct fault fault = {0};
        setenv("QUEUES", cases[i].queues, 1);
        setenv("QUEUE", cases[i].queue, 1);
        assert_int_equal(topology_settings_read(&settings, &fault), cases[i].r);
        if (cases[i].r != RESULT_OK)
            assert_non_null(strstr(fault.text, "QUEUE"));
    }
    unsetenv("QUEUES");
    unsetenv("QUEUE");
}

/* -1 loses a message at its first return on 3.10; without the argument 4.x
 * has a limit of 20. */
static void every_quorum_queue_has_a_large_limit_of_deliveries(void **state)
{
    (void)state;
    const char *const names[] = {TOPOLOGY_QUEUE, TOPOLOGY_DEAD_QUEUE};
    for (size_t i = 0; i < 2; i++) {
        const struct amqp_argument *limit =
            argument_of(queue_of(names[i]), "x-delivery-limit");
        assert_non_null(limit);
        assert_null(limit->text);
        assert_true(limit->integer >= 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_queue_is_bound_to_an_exchange_that_is_declared),
        cmocka_unit_test(poison_goes_to_the_dead_and_is_not_lost_on_the_way),
        cmocka_unit_test(every_quorum_queue_has_a_large_limit_of_deliveries),
        cmocka_unit_test(the_stream_keeps_views_within_an_age_and_a_size),
        /* The last: it changes what is declared. */
        cmocka_unit_test(the_stream_keeps_what_it_is_told),
        cmocka_unit_test(as_many_nodes_have_all_as_is_told),
        cmocka_unit_test(several_queues_share_the_views_by_user),
        cmocka_unit_test(the_settings_name_one_of_the_queues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
