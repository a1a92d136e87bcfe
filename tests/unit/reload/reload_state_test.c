/* The two state machines, told as stories: events in, actions out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rebuild_state.h"
#include "service_state.h"

enum {
    STEPS_MAX = 8,
    END = -1,
};

struct rebuild_story {
    const char *name;
    enum rebuild_state from;
    struct {
        int event;
        enum rebuild_action action;
        enum rebuild_state state;
    } steps[STEPS_MAX];
};

static const struct rebuild_story rebuild_stories[] = {
    {"a save is built once it is quiet",
     REBUILD_IDLE,
     {{REBUILD_CHANGED, REBUILD_SETTLE, REBUILD_SETTLING},
      {REBUILD_QUIET, REBUILD_BUILD, REBUILD_BUILDING},
      {REBUILD_BUILT, REBUILD_OFFER, REBUILD_IDLE},
      {.event = END}}},
    {"each further save makes it wait anew",
     REBUILD_IDLE,
     {{REBUILD_CHANGED, REBUILD_SETTLE, REBUILD_SETTLING},
      {REBUILD_CHANGED, REBUILD_SETTLE, REBUILD_SETTLING},
      {REBUILD_CHANGED, REBUILD_SETTLE, REBUILD_SETTLING},
      {REBUILD_QUIET, REBUILD_BUILD, REBUILD_BUILDING},
      {.event = END}}},
    {"a file that came and went builds nothing",
     REBUILD_IDLE,
     {{REBUILD_CHANGED, REBUILD_SETTLE, REBUILD_SETTLING},
      {REBUILD_CHANGED, REBUILD_SETTLE, REBUILD_SETTLING},
      {REBUILD_REVERTED, REBUILD_NOTHING, REBUILD_IDLE},
      {.event = END}}},
    {"a failed build offers nothing",
     REBUILD_BUILDING,
     {{REBUILD_FAILED, REBUILD_COMPLAIN, REBUILD_IDLE},
      {REBUILD_CHANGED, REBUILD_SETTLE, REBUILD_SETTLING},
      {REBUILD_QUIET, REBUILD_BUILD, REBUILD_BUILDING},
      {REBUILD_BUILT, REBUILD_OFFER, REBUILD_IDLE},
      {.event = END}}},
    {"changes during a build queue one more and offer only the last",
     REBUILD_BUILDING,
     {{REBUILD_CHANGED, REBUILD_NOTHING, REBUILD_STALE},
      {REBUILD_CHANGED, REBUILD_NOTHING, REBUILD_STALE},
      {REBUILD_BUILT, REBUILD_SETTLE, REBUILD_SETTLING},
      {REBUILD_QUIET, REBUILD_BUILD, REBUILD_BUILDING},
      {REBUILD_BUILT, REBUILD_OFFER, REBUILD_IDLE},
      {.event = END}}},
    {"a stale build that fails says so and is followed by another",
     REBUILD_STALE,
     {{REBUILD_FAILED, REBUILD_COMPLAIN_SETTLE, REBUILD_SETTLING},
      {REBUILD_QUIET, REBUILD_BUILD, REBUILD_BUILDING},
      {.event = END}}},
    {"a stop kills the build, and what comes after is ignored",
     REBUILD_BUILDING,
     {{REBUILD_STOP, REBUILD_ABANDON, REBUILD_STOPPING},
      {REBUILD_FAILED, REBUILD_NOTHING, REBUILD_STOPPING},
      {REBUILD_CHANGED, REBUILD_NOTHING, REBUILD_STOPPING},
      {REBUILD_QUIET, REBUILD_NOTHING, REBUILD_STOPPING},
      {REBUILD_STOP, REBUILD_NOTHING, REBUILD_STOPPING},
      {.event = END}}},
    {"a build that ends well after a stop is not offered",
     REBUILD_STALE,
     {{REBUILD_STOP, REBUILD_ABANDON, REBUILD_STOPPING},
      {REBUILD_BUILT, REBUILD_NOTHING, REBUILD_STOPPING},
      {.event = END}}},
    {"a stop while idle or settling has no build to kill",
     REBUILD_SETTLING,
     {{REBUILD_STOP, REBUILD_NOTHING, REBUILD_STOPPING}, {.event = END}}},
};

static void each_rebuild_story_goes_as_told(void **state)
{
    size_t count = sizeof rebuild_stories / sizeof rebuild_stories[0];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct rebuild_story *story = &rebuild_stories[i];
        enum rebuild_state at = story->from;

        print_message("%s\n", story->name);
        for (size_t s = 0; story->steps[s].event != END; s++) {
            struct rebuild_step step =
                rebuild_next(at, (enum rebuild_event)story->steps[s].event);

            assert_int_equal(step.action, story->steps[s].action);
            assert_int_equal(step.state, story->steps[s].state);
            at = step.state;
        }
    }
}

/* Over all pairs, so that no later row can break a promise of the header. */
static void a_build_starts_only_where_none_runs(void **state)
{
    (void)state;
    for (int s = 0; s < REBUILD_STATES; s++)
        for (int e = 0; e < REBUILD_EVENTS; e++) {
            struct rebuild_step step =
                rebuild_next((enum rebuild_state)s, (enum rebuild_event)e);

            if (step.action == REBUILD_BUILD) {
                assert_int_equal(s, REBUILD_SETTLING);
                assert_int_equal(step.state, REBUILD_BUILDING);
            }
            if (step.action == REBUILD_OFFER)
                assert_int_equal(s, REBUILD_BUILDING);
            if (s == REBUILD_STOPPING)
                assert_int_equal(step.state, REBUILD_STOPPING);
        }
}

struct service_story {
    const char *name;
    enum service_state from;
    struct {
        int event;
        enum service_action action;
        enum service_state state;
    } steps[STEPS_MAX];
};

static const struct service_story service_stories[] = {
    {"the first good build starts it, new or not",
     SERVICE_WAITING,
     {{SERVICE_PROGRAM_SAME, SERVICE_START, SERVICE_RUNNING}, {.event = END}}},
    {"a new program replaces the old one after it ended",
     SERVICE_WAITING,
     {{SERVICE_PROGRAM_NEW, SERVICE_START, SERVICE_RUNNING},
      {SERVICE_PROGRAM_NEW, SERVICE_TERMINATE, SERVICE_REPLACING},
      {SERVICE_EXITED, SERVICE_START, SERVICE_RUNNING},
      {.event = END}}},
    {"an unchanged program goes on",
     SERVICE_RUNNING,
     {{SERVICE_PROGRAM_SAME, SERVICE_NOTHING, SERVICE_RUNNING},
      {.event = END}}},
    {"one that does not end is killed, then replaced",
     SERVICE_REPLACING,
     {{SERVICE_GRACE_OVER, SERVICE_KILL, SERVICE_REPLACING},
      {SERVICE_EXITED, SERVICE_START, SERVICE_RUNNING},
      {.event = END}}},
    {"two builds while it ends start it once",
     SERVICE_REPLACING,
     {{SERVICE_PROGRAM_NEW, SERVICE_NOTHING, SERVICE_REPLACING},
      {SERVICE_PROGRAM_NEW, SERVICE_NOTHING, SERVICE_REPLACING},
      {SERVICE_EXITED, SERVICE_START, SERVICE_RUNNING},
      {.event = END}}},
    {"a crash is followed by a rest, then a start",
     SERVICE_RUNNING,
     {{SERVICE_EXITED, SERVICE_REST, SERVICE_RESTING},
      {SERVICE_REST_OVER, SERVICE_START, SERVICE_RUNNING},
      {.event = END}}},
    {"a good build ends the rest, changed or not",
     SERVICE_RESTING,
     {{SERVICE_PROGRAM_SAME, SERVICE_START, SERVICE_RUNNING},
      {SERVICE_EXITED, SERVICE_REST, SERVICE_RESTING},
      {SERVICE_PROGRAM_NEW, SERVICE_START, SERVICE_RUNNING},
      {.event = END}}},
    {"a stop asks, and waits",
     SERVICE_RUNNING,
     {{SERVICE_STOP, SERVICE_TERMINATE, SERVICE_ENDING},
      {SERVICE_PROGRAM_NEW, SERVICE_NOTHING, SERVICE_ENDING},
      {SERVICE_EXITED, SERVICE_FINISH, SERVICE_ENDED},
      {.event = END}}},
    {"a second stop is passed on, and the grace time ends in a kill",
     SERVICE_RUNNING,
     {{SERVICE_STOP, SERVICE_TERMINATE, SERVICE_ENDING},
      {SERVICE_STOP, SERVICE_PASS_ON, SERVICE_ENDING},
      {SERVICE_GRACE_OVER, SERVICE_KILL, SERVICE_ENDING},
      {SERVICE_EXITED, SERVICE_FINISH, SERVICE_ENDED},
      {.event = END}}},
    {"a stop during a replacement starts nothing and does not ask twice",
     SERVICE_REPLACING,
     {{SERVICE_STOP, SERVICE_NOTHING, SERVICE_ENDING},
      {SERVICE_EXITED, SERVICE_FINISH, SERVICE_ENDED},
      {.event = END}}},
    {"a stop during a rest ends at once",
     SERVICE_RESTING,
     {{SERVICE_STOP, SERVICE_FINISH, SERVICE_ENDED},
      {SERVICE_REST_OVER, SERVICE_NOTHING, SERVICE_ENDED},
      {SERVICE_PROGRAM_NEW, SERVICE_NOTHING, SERVICE_ENDED},
      {.event = END}}},
    {"a stop before the first build ends at once",
     SERVICE_WAITING,
     {{SERVICE_STOP, SERVICE_FINISH, SERVICE_ENDED}, {.event = END}}},
};

static void each_service_story_goes_as_told(void **state)
{
    size_t count = sizeof service_stories / sizeof service_stories[0];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const struct service_story *story = &service_stories[i];
        enum service_state at = story->from;

        print_message("%s\n", story->name);
        for (size_t s = 0; story->steps[s].event != END; s++) {
            struct service_step step =
                service_next(at, (enum service_event)story->steps[s].event);

            assert_int_equal(step.action, story->steps[s].action);
            assert_int_equal(step.state, story->steps[s].state);
            at = step.state;
        }
    }
}

static int has_process(int state)
{
    return state == SERVICE_RUNNING || state == SERVICE_REPLACING ||
           state == SERVICE_ENDING;
}

static void at_most_one_process_of_a_service_runs(void **state)
{
    (void)state;
    for (int s = 0; s < SERVICE_STATES; s++)
        for (int e = 0; e < SERVICE_EVENTS; e++) {
            struct service_step step =
                service_next((enum service_state)s, (enum service_event)e);

            /* A start needs that there is none, or that it just ended. */
            if (step.action == SERVICE_START)
                assert_true(!has_process(s) || e == SERVICE_EXITED);
            /* A signal needs somebody to get it. */
            if (step.action == SERVICE_TERMINATE ||
                step.action == SERVICE_PASS_ON || step.action == SERVICE_KILL)
                assert_true(has_process(s));
            if (step.action == SERVICE_FINISH)
                assert_int_equal(step.state, SERVICE_ENDED);
            if (s == SERVICE_ENDED)
                assert_int_equal(step.action, SERVICE_NOTHING);
        }
}

static void
rests_double_up_to_their_limit_and_begin_anew_when_steady(void **state)
{
    static const struct {
        uint64_t last_ms, ran_ms, expected_ms;
    } rows[] = {
        {0, 0, 500},         {500, 10, 1000},
        {1000, 10, 2000},    {2000, 10, 4000},
        {4000, 10, 8000},    {8000, 10, 10000},
        {10000, 10, 10000},  {10000, 9999, 10000},
        {10000, 10000, 500}, {UINT64_MAX, 0, 10000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(service_rest_ms(rows[i].last_ms, rows[i].ran_ms),
                         rows[i].expected_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rebuild_story_goes_as_told),
        cmocka_unit_test(a_build_starts_only_where_none_runs),
        cmocka_unit_test(each_service_story_goes_as_told),
        cmocka_unit_test(at_most_one_process_of_a_service_runs),
        cmocka_unit_test(
            rests_double_up_to_their_limit_and_begin_anew_when_steady),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
