#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "view_rule.h"

/*
 * A trace is what one viewer does with one video, and how many views come of
 * it. It is played as the service does: an idle session ends, and a view that
 * counts is stored, unless the trace says that storing fails.
 */
enum {
    EVENTS_MAX = 16,
    START_MS = 1000 * 1000,
    IDLE_MS = 30 * 60 * 1000,
    MINUTE_MS = 60 * 1000,
    FILE_BYTES = 1000,
};

enum kind {
    NOTHING, /* ends the trace */
    REPORT,
    DELIVER,
    MARK,
    STORE_FAILS, /* from here on */
    STORE_WORKS,
};

struct event {
    enum kind kind;
    int64_t at_ms; /* since START_MS; may step back */
    int64_t played_ms;
    uint64_t first;
    uint64_t last;
};

#define R(at, played)                                                          \
    {                                                                          \
        REPORT, at, played, 0, 0                                               \
    }
#define D(at, first, last)                                                     \
    {                                                                          \
        DELIVER, at, 0, first, last                                            \
    }
#define M(at)                                                                  \
    {                                                                          \
        MARK, at, 0, 0, 0                                                      \
    }

struct trace {
    const char *claim;
    int counts;
    enum viewed_rule rule;      /* of the last view */
    int64_t file_duration_ms;   /* 0: the catalogue does not know */
    int64_t player_duration_ms; /* 0: the player does not say */
    uint64_t file_bytes_or_0;   /* 0: FILE_BYTES; 1: the empty file */
    struct event events[EVENTS_MAX];
};

static enum viewed_rule play_event(struct view_session *session,
                                   const struct trace *trace,
                                   const struct event *event)
{
    int64_t now_ms = START_MS + event->at_ms;
    struct view_report report = {
        .position_ms = event->played_ms,
        .played_ms = event->played_ms,
        .duration_ms =
            trace->player_duration_ms == 0 ? -1 : trace->player_duration_ms,
    };
    uint64_t file_bytes = trace->file_bytes_or_0 == 0 ? FILE_BYTES
                          : trace->file_bytes_or_0 == 1
                              ? 0
                              : trace->file_bytes_or_0;
    switch (event->kind) {
    case REPORT:
        return view_rule_report(
            session, now_ms, &report,
            trace->file_duration_ms == 0 ? -1 : trace->file_duration_ms);
    case DELIVER:
        return view_rule_delivered(session, now_ms, event->first, event->last,
                                   file_bytes);
    case MARK:
        view_rule_mark_reporting(session, now_ms);
        return VIEWED_RULE_NONE;
    default:
        return VIEWED_RULE_NONE;
    }
}

static void play(const struct trace *trace)
{
    struct view_session session =
        view_rule_begin(START_MS + trace->events[0].at_ms);
    bool stores = true;
    int counts = 0;
    enum viewed_rule last = VIEWED_RULE_NONE;
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        const struct event *event = &trace->events[i];
        if (event->kind == STORE_FAILS || event->kind == STORE_WORKS) {
            stores = event->kind == STORE_WORKS;
            continue;
        }
        if (event->kind == NOTHING)
            break;
        int64_t now_ms = START_MS + event->at_ms;
        if (view_rule_is_over(&session, now_ms, IDLE_MS)) {
            view_rule_done(&session);
            session = view_rule_begin(now_ms);
        }
        enum viewed_rule rule = play_event(&session, trace, event);
        if (rule == VIEWED_RULE_NONE)
            continue;
        assert_int_equal(session.state, VIEW_COUNTING);
        view_rule_settle(&session, stores);
        counts += stores;
        last = rule;
    }
    view_rule_done(&session);
    if (counts != trace->counts || (counts > 0 && last != trace->rule))
        fail_msg("%s: %d by rule %d", trace->claim, counts, (int)last);
}

static void play_all(const struct trace *traces, size_t count)
{
    for (size_t i = 0; i < count; i++)
        play(&traces[i]);
}

#define PLAY(traces) play_all(traces, sizeof(traces) / sizeof *(traces))
#define PLAYED       VIEWED_RULE_PLAYED
#define BYTES        VIEWED_RULE_BYTES

static void ten_seconds_played_count(void **state)
{
    (void)state;
    static const struct trace traces[] = {
        {"a start alone", 0, 0, 60000, 0, 0, {R(0, 0)}},
        {"just under 10 s", 0, 0, 60000, 0, 0, {R(0, 0), R(10000, 9999)}},
        {"10 s", 1, PLAYED, 60000, 0, 0, {R(0, 0), R(10000, 10000)}},
        {"10 s of unknown length",
         1,
         PLAYED,
         0,
         0,
         0,
         {R(0, 0), R(10000, 10000)}},
        {"5 s of unknown length", 0, 0, 0, 0, 0, {R(0, 0), R(9000, 5000)}},
        {"many reports are one view",
         1,
         PLAYED,
         60000,
         0,
         0,
         {R(0, 0), R(5000, 5000), R(10000, 10000), R(15000, 15000),
          R(20000, 20000), R(60000, 60000)}},
        {"a second page in the same session",
         1,
         PLAYED,
         60000,
         0,
         0,
         {R(0, 0), R(12000, 12000), R(20000, 0), R(32000, 12000)}},
        {"two short looks do not add up",
         0,
         0,
         60000,
         0,
         0,
         {R(0, 0), R(6000, 6000), R(7000, 0), R(13000, 6000)}},
        {"a report that came late counts by the largest",
         1,
         PLAYED,
         60000,
         0,
         0,
         {R(0, 0), R(10000, 10000), R(10001, 5000)}},
        {"nothing below zero",
         0,
         0,
         60000,
         0,
         0,
         {R(0, -1), R(20000, -99999), R(30000, INT64_MIN)}},
    };
    PLAY(traces);
}

static void half_of_a_short_video_counts(void **state)
{
    (void)state;
    static const struct trace traces[] = {
        {"half of 15 s", 1, PLAYED, 15000, 0, 0, {R(0, 0), R(7500, 7500)}},
        {"just under", 0, 0, 15000, 0, 0, {R(0, 0), R(7500, 7499)}},
        {"half of an odd length is rounded up",
         0,
         0,
         15001,
         0,
         0,
         {R(0, 0), R(7500, 7500)}},
        {"20 s is not short", 0, 0, 20000, 0, 0, {R(0, 0), R(9999, 9999)}},
        {"19.999 s is", 1, PLAYED, 19999, 0, 0, {R(0, 0), R(10000, 10000)}},
        {"1 ms needs 1 ms", 0, 0, 1, 0, 0, {R(0, 0), R(100, 0)}},
        {"the player's length, where there is no other",
         1,
         PLAYED,
         0,
         15000,
         0,
         {R(0, 0), R(7500, 7500)}},
        {"the catalogue's goes before the player's",
         0,
         0,
         60000,
         15000,
         0,
         {R(0, 0), R(7500, 7500)}},
        {"also where the player's is longer",
         1,
         PLAYED,
         15000,
         60000,
         0,
         {R(0, 0), R(7500, 7500)}},
        {"a length below zero is none",
         0,
         0,
         0,
         -5,
         0,
         {R(0, 0), R(7500, 7500)}},
    };
    PLAY(traces);
}

static void only_what_can_have_been_played_is_believed(void **state)
{
    (void)state;
    static const struct trace traces[] = {
        {"an hour at once", 0, 0, 60000, 0, 0, {R(0, 3600000)}},
        {"the slack is believed at once", 1, PLAYED, 2000, 0, 0, {R(0, 1000)}},
        {"and no more", 0, 0, 2002, 0, 0, {R(0, 2000)}},
        {"16 times the real time",
         1,
         PLAYED,
         60000,
         0,
         0,
         {R(0, 0), R(563, 3600000)}}, /* 562.5 * 16 + 1000 = 10000 */
        {"and no more", 0, 0, 60000, 0, 0, {R(0, 0), R(562, 3600000)}},
        {"a request counts as the start",
         1,
         PLAYED,
         60000,
         0,
         0,
         {M(0), R(10000, 10000)}},
        {"a session that began with the report grows",
         1,
         PLAYED,
         60000,
         0,
         0,
         {R(0, 50000), R(1000, 51000)}},
        {"an honest player at any speed",
         1,
         PLAYED,
         60000,
         0,
         0,
         {R(0, 0), R(625, 10000)}},
        {"the largest number", 0, 0, 60000, 0, 0, {R(0, INT64_MAX)}},
    };
    PLAY(traces);
}

static void half_of_the_bytes_count(void **state)
{
    (void)state;
    static const struct trace traces[] = {
        {"a plain whole GET", 1, BYTES, 60000, 0, 0, {D(0, 0, 999)}},
        {"half", 1, BYTES, 0, 0, 0, {D(0, 0, 499)}},
        {"the other half", 1, BYTES, 0, 0, 0, {D(0, 500, 999)}},
        {"cut off at 49 %", 0, 0, 0, 0, 0, {D(0, 0, 489)}},
        {"one byte under half", 0, 0, 0, 0, 0, {D(0, 0, 498)}},
        {"half of an odd number is rounded up",
         0,
         0,
         0,
         0,
         999,
         {D(0, 0, 498)}},
        {"and then counts", 1, BYTES, 0, 0, 999, {D(0, 0, 499)}},
    };
    PLAY(traces);
}

static void only_distinct_bytes_add_up(void **state)
{
    (void)state;
    static const struct trace traces[] = {
        {"pieces add up",
         1,
         BYTES,
         0,
         0,
         0,
         {D(0, 0, 99), D(1, 200, 299), D(2, 400, 499), D(3, 600, 699),
          D(4, 800, 899)}},
        {"seeks to the same places do not",
         0,
         0,
         0,
         0,
         0,
         {D(0, 0, 99), D(1, 900, 999), D(2, 0, 99), D(3, 900, 999),
          D(4, 50, 149), D(5, 0, 99)}},
        {"ten aborted starts do not",
         0,
         0,
         0,
         0,
         0,
         {D(0, 0, 299), D(1, 0, 299), D(2, 0, 310), D(3, 0, 200), D(4, 0, 299),
          D(5, 0, 299), D(6, 0, 299), D(7, 0, 299), D(8, 0, 299),
          D(9, 0, 299)}},
        {"an abort and a retry are one view",
         1,
         BYTES,
         0,
         0,
         0,
         {D(0, 0, 489), D(1000, 0, 999)}},
        {"an abort and its continuation are one view",
         1,
         BYTES,
         0,
         0,
         0,
         {D(0, 0, 489), D(1000, 490, 999)}},
        {"a reload is no second view",
         1,
         BYTES,
         0,
         0,
         0,
         {D(0, 0, 999), D(5000, 0, 999)}},
        {"a file of one byte", 1, BYTES, 0, 0, 2, {D(0, 0, 0)}},
        {"an empty file delivers nothing", 0, 0, 0, 0, 1, {D(0, 0, 0)}},
        {"outside of the file",
         0,
         0,
         0,
         0,
         0,
         {D(0, 0, 1000), D(1, 1000, 2000), D(2, 5, 4), D(3, 0, UINT64_MAX)}},
    };
    PLAY(traces);
}

static void bytes_never_count_for_a_client_that_reports(void **state)
{
    (void)state;
    static const struct trace traces[] = {
        {"a preload of the whole file, and no play",
         0,
         0,
         60000,
         0,
         0,
         {M(0), D(100, 0, 999)}},
        {"twice",
         0,
         0,
         60000,
         0,
         0,
         {M(0), D(100, 0, 999), M(5000), D(5100, 0, 999)}},
        {"then played",
         1,
         PLAYED,
         60000,
         0,
         0,
         {M(0), D(100, 0, 999), R(1000, 0), R(11000, 10000)}},
        {"a report without a word before",
         0,
         0,
         60000,
         0,
         0,
         {R(0, 0), D(100, 0, 999)}},
        {"half before the word, half behind it",
         0,
         0,
         60000,
         0,
         0,
         {D(0, 0, 489), R(100, 100), D(200, 490, 999)}},
        {"bytes that counted before it are the view",
         1,
         BYTES,
         60000,
         0,
         0,
         {D(0, 0, 999), R(100, 0), R(12000, 12000)}},
        {"in the next session they count again",
         1,
         BYTES,
         60000,
         0,
         0,
         {M(0), D(100, 0, 999), D(31 * MINUTE_MS, 0, 999)}},
    };
    PLAY(traces);
}

static void thirty_idle_minutes_end_a_session(void **state)
{
    (void)state;
    static const struct trace traces[] = {
        {"a pause of 31 minutes",
         2,
         PLAYED,
         60000,
         0,
         0,
         {R(0, 0), R(12000, 12000), R(12000 + 31 * MINUTE_MS, 0),
          R(24000 + 31 * MINUTE_MS, 12000)}},
        {"of exactly 30",
         2,
         BYTES,
         0,
         0,
         0,
         {D(0, 0, 999), D(IDLE_MS, 0, 999)}},
        {"a moment less",
         1,
         BYTES,
         0,
         0,
         0,
         {D(0, 0, 999), D(IDLE_MS - 1, 0, 999)}},
        {"activity keeps it for hours",
         1,
         BYTES,
         0,
         0,
         0,
         {D(0, 0, 999), D(29 * MINUTE_MS, 0, 999), D(58 * MINUTE_MS, 0, 999),
          M(87 * MINUTE_MS), R(116 * MINUTE_MS, 99999)}},
        {"bytes of the ended one are forgotten",
         0,
         0,
         0,
         0,
         0,
         {D(0, 0, 489), D(31 * MINUTE_MS, 490, 899)}},
        {"played of the ended one, too",
         0,
         0,
         60000,
         0,
         0,
         {R(0, 0), R(9000, 9000), R(31 * MINUTE_MS, 0)}},
    };
    PLAY(traces);
}

static void a_clock_that_steps_back_is_harmless(void **state)
{
    (void)state;
    static const struct trace traces[] = {
        {"no second view",
         1,
         BYTES,
         0,
         0,
         0,
         {D(0, 0, 999), D(-3600000, 0, 999), D(-3599000, 0, 999)}},
        {"no lost view",
         1,
         PLAYED,
         60000,
         0,
         0,
         {R(0, 0), R(5000, 5000), R(-3600000, 5001), R(-3595000, 10000)}},
        {"what was real stays real",
         1,
         PLAYED,
         60000,
         0,
         0,
         {M(0), M(600), M(-90000), R(-90000, 10000)}},
        {"nothing becomes plausible by it",
         0,
         0,
         60000,
         0,
         0,
         {R(0, 99999), R(-1000000, 99999), R(-999990, 99999)}},
        {"idle time is counted from the new now",
         2,
         BYTES,
         0,
         0,
         0,
         {D(0, 0, 999), D(-3600000, 0, 999), D(-3600000 + IDLE_MS, 0, 999)}},
    };
    PLAY(traces);
}

static void
a_view_that_is_not_stored_may_count_with_the_next_event(void **state)
{
    (void)state;
    static const struct trace traces[] = {
        {"by report",
         1,
         PLAYED,
         60000,
         0,
         0,
         {R(0, 0),
          {STORE_FAILS, 0, 0, 0, 0},
          R(10000, 10000),
          R(11000, 11000),
          {STORE_WORKS, 0, 0, 0, 0},
          R(12000, 0),
          R(13000, 13000)}},
        {"by bytes, even the same again",
         1,
         BYTES,
         0,
         0,
         0,
         {{STORE_FAILS, 0, 0, 0, 0},
          D(0, 0, 999),
          {STORE_WORKS, 0, 0, 0, 0},
          D(1, 0, 0),
          D(2, 0, 999)}},
    };
    PLAY(traces);
}

static void while_a_view_is_being_stored_nothing_counts(void **state)
{
    (void)state;
    struct view_session session = view_rule_begin(START_MS);
    assert_int_equal(
        view_rule_delivered(&session, START_MS, 0, 999, FILE_BYTES), BYTES);
    assert_int_equal(
        view_rule_delivered(&session, START_MS, 0, 999, FILE_BYTES), 0);
    struct view_report report = {.played_ms = 20000, .duration_ms = -1};
    assert_int_equal(view_rule_report(&session, START_MS + 20000, &report, -1),
                     0);
    assert_false(view_rule_is_over(&session, START_MS + 2 * IDLE_MS, IDLE_MS));
    view_rule_settle(&session, true);
    assert_true(view_rule_is_over(&session, START_MS + 2 * IDLE_MS, IDLE_MS));
    view_rule_settle(&session, false); /* too late to matter */
    assert_int_equal(session.state, VIEW_COUNTED);
    view_rule_done(&session);
}

static void a_file_of_another_size_starts_again(void **state)
{
    (void)state;
    struct view_session session = view_rule_begin(START_MS);
    assert_int_equal(view_rule_delivered(&session, START_MS, 0, 489, 1000), 0);
    assert_int_equal(view_rule_delivered(&session, START_MS, 0, 9, 100), 0);
    assert_int_equal(session.delivered.bytes, 10);
    assert_int_equal(view_rule_delivered(&session, START_MS, 490, 979, 1000),
                     0);
    assert_int_equal(session.delivered.bytes, 490);
    view_rule_done(&session);
}

static void a_counted_session_holds_no_bytes(void **state)
{
    (void)state;
    struct view_session session = view_rule_begin(START_MS);
    assert_int_equal(view_rule_delivered(&session, START_MS, 0, 999, 1000),
                     BYTES);
    view_rule_settle(&session, true);
    assert_null(session.delivered.intervals);
    assert_int_equal(view_rule_delivered(&session, START_MS, 0, 999, 1000), 0);
    assert_null(session.delivered.intervals);
}

static void position_and_duration_are_the_last_that_were_said(void **state)
{
    (void)state;
    struct view_session session = view_rule_begin(START_MS);
    assert_int_equal(session.position_ms, -1);
    assert_int_equal(session.duration_ms, -1);
    static const struct {
        struct view_report report;
        int64_t file_duration_ms;
        int64_t position_ms;
        int64_t duration_ms;
    } rows[] = {
        {{-1, 0, -1}, -1, -1, -1},      {{500, 0, 9000}, -1, 500, 9000},
        {{-1, 0, -1}, -1, 500, 9000},   {{0, 0, 0}, 0, 0, 9000},
        {{300, 0, 1}, 8000, 300, 8000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(view_rule_report(&session, START_MS, &rows[i].report,
                                          rows[i].file_duration_ms),
                         0);
        assert_int_equal(session.position_ms, rows[i].position_ms);
        assert_int_equal(session.duration_ms, rows[i].duration_ms);
    }
    view_rule_done(&session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_seconds_played_count),
        cmocka_unit_test(half_of_a_short_video_counts),
        cmocka_unit_test(only_what_can_have_been_played_is_believed),
        cmocka_unit_test(half_of_the_bytes_count),
        cmocka_unit_test(only_distinct_bytes_add_up),
        cmocka_unit_test(bytes_never_count_for_a_client_that_reports),
        cmocka_unit_test(thirty_idle_minutes_end_a_session),
        cmocka_unit_test(a_clock_that_steps_back_is_harmless),
        cmocka_unit_test(
            a_view_that_is_not_stored_may_count_with_the_next_event),
        cmocka_unit_test(while_a_view_is_being_stored_nothing_counts),
        cmocka_unit_test(a_file_of_another_size_starts_again),
        cmocka_unit_test(a_counted_session_holds_no_bytes),
        cmocka_unit_test(position_and_duration_are_the_last_that_were_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
