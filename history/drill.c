#include "drill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "store_backup.h"
#include "store_look.h"
#include "topology.h"

enum {
    BEHIND_MS_MAX = 5 * 60 * 1000, /* a load that never ends is no excuse */
    AGAIN_MS = 1000, /* between two looks at a store that is catching up */
};

struct scratch {
    char folder[PATH_MAX];
    char store[PATH_MAX];
};

static enum result make_scratch(const struct drill_options *options,
                                struct scratch *ret, struct fault *fault)
{
    if (snprintf(ret->folder, sizeof ret->folder, "%s/history-drill-XXXXXX",
                 options->scratch) >= (int)sizeof ret->folder - 16)
        return fault_set(fault, RESULT_UNUSABLE, "the path is too long");
    if (mkdtemp(ret->folder) == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "cannot make a folder in %s: %s", options->scratch,
                         strerror(errno));
    (void)snprintf(ret->store, sizeof ret->store, "%.*s/store.db",
                   (int)sizeof ret->store - 16, ret->folder);
    return RESULT_OK;
}

static void drop_scratch(const struct scratch *scratch)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char path[PATH_MAX + 8];
        (void)snprintf(path, sizeof path, "%s%s", scratch->store, suffixes[i]);
        (void)unlink(path);
    }
    (void)rmdir(scratch->folder);
}

static enum result restore(const struct drill_options *options,
                           const struct scratch *scratch,
                           struct drill_report *report, struct fault *fault)
{
    if (options->backup == NULL)
        return RESULT_OK;
    struct store_report copied;
    char aside[PATH_MAX];
    int64_t began_ms = clock_monotonic_ms();
    enum result r = store_restore(options->backup, scratch->store, false, aside,
                                  &copied, fault);
    report->restore_ms = clock_monotonic_ms() - began_ms;
    return r;
}

static enum result replay_rest(const struct drill_options *options,
                               const struct scratch *scratch,
                               struct drill_report *report, struct fault *fault)
{
    struct replay_progress progress;
    struct replay_options replaying = {
        .amqp = options->amqp,
        .path = scratch->store,
        .keep_all = true, /* the comparison knows what need not be there */
        .erased = options->erased,
        .removed = options->removed,
        .from = "checkpoint", /* an empty store has none: its first */
        .progress = options->progress,
        .context = options->context,
    };
    enum result r = replay(&replaying, &progress, fault);
    if (r == RESULT_MALFORMED) { /* the checkpoint is of another stream */
        replaying.from = "first";
        r = replay(&replaying, &progress, fault);
    }
    report->replay_ms += progress.elapsed_ms;
    report->read += progress.read;
    return r;
}

static void pause_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000,
                            .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

/* No part of the recovery time: the stream had it when it began. */
static enum result read_on(const struct drill_options *options,
                           const struct scratch *scratch, struct fault *fault)
{
    struct drill_report later = {.started_ms = 0};
    return replay_rest(options, scratch, &later, fault);
}

static enum result queue_has_some(const struct drill_options *options,
                                  bool *ret, struct fault *fault)
{
    struct amqp_link *link = NULL;
    int64_t ready = 0;
    enum result r = amqp_link_open(options->amqp, &link, fault);
    if (r == RESULT_OK)
        r = topology_ready(link, &ready, fault);
    amqp_link_close(link);
    *ret = ready > 0;
    return r;
}

/*
 * What only the rebuilt store has may be on its way to the live one. What only
 * the live one has may have come to the stream late, on a busy broker: then the
 * stream is read on.
 */
static enum result compare(const struct drill_options *options,
                           const struct scratch *scratch, int64_t since_ms,
                           struct drill_report *report, struct fault *fault)
{
    const struct store_comparison *found = &report->comparison;
    int64_t began_ms = clock_monotonic_ms();
    int64_t until_ms = began_ms + options->wait_ms;
    for (;;) {
        bool is_behind = false;
        enum result r = queue_has_some(options, &is_behind, fault);
        int64_t now_ms = clock_monotonic_ms();
        if (is_behind && now_ms - began_ms < BEHIND_MS_MAX)
            until_ms = now_ms + options->wait_ms;
        if (r == RESULT_OK)
            r = store_compare(options->store, scratch->store, since_ms,
                              &report->comparison, fault);
        if (r != RESULT_OK || (found->missing == 0 && found->lost == 0) ||
            clock_monotonic_ms() >= until_ms)
            return r;
        pause_ms(AGAIN_MS);
        if (found->lost > 0)
            r = read_on(options, scratch, fault);
        if (r != RESULT_OK)
            return r;
    }
}

static enum result run(const struct drill_options *options,
                       const struct scratch *scratch,
                       struct drill_report *report, struct fault *fault)
{
    enum result r = restore(options, scratch, report, fault);
    /* What the store has received by now is in the stream when its end is
     * read, a little later. */
    int64_t since_ms = clock_now_ms();
    if (r == RESULT_OK)
        r = replay_rest(options, scratch, report, fault);
    if (r == RESULT_OK)
        r = compare(options, scratch, since_ms, report, fault);
    if (r != RESULT_OK)
        return r;
    int64_t oldest_ms = report->comparison.oldest_lost_ms;
    report->point_ms = oldest_ms != 0 ? oldest_ms : since_ms;
    report->passed = store_comparison_is_equal(&report->comparison);
    return RESULT_OK;
}

/* Before the work is done that would be for nothing without it. */
static enum result find_store(const char *store, struct fault *fault)
{
    struct store_look *look = NULL;
    enum result r = store_look_open(store, &look, fault);
    store_look_close(look);
    return r;
}

enum result drill(const struct drill_options *options, struct drill_report *ret,
                  struct fault *fault)
{
    struct scratch scratch = {0};
    *ret = (struct drill_report){.started_ms = clock_now_ms()};
    enum result r = find_store(options->store, fault);
    if (r == RESULT_OK)
        r = make_scratch(options, &scratch, fault);
    if (r != RESULT_OK)
        return r;
    r = run(options, &scratch, ret, fault);
    drop_scratch(&scratch);
    return r;
}
