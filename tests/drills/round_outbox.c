/* The outbox, as viewers and the publisher use it. */
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_rounds.h"
#include "fault_vfs.h"
#include "outbox.h"
#include "sqlite_db.h"

enum {
    VIEWS_MAX = 600,
    STEPS_MIN = 20,
    STEPS_MORE = 60,
    OPERATIONS_MAX = 60,
    REMOVED_MAX = 20,
    RECALL_MS = 60 * 1000,
    DEPTH_AGREES_MS = 5 * 1000,
};

enum view_state {
    NEVER,     /* refused */
    MAYBE,     /* a failed sync or the power's loss came in between */
    ACCEPTED,  /* must be there until it is confirmed */
    CONFIRMED, /* may be there still: it is published again then */
};

enum trouble {
    TROUBLE_IO,
    TROUBLE_FULL,
    TROUBLE_POWER,
    TROUBLE_MEMORY,
};

struct outbox_round {
    struct round *round;
    enum trouble trouble;
    struct outbox *outbox;
    char path[FIXTURE_PATH_BYTES];
    unsigned images;
    _Atomic unsigned lost;
    uint32_t given;
    uint8_t state[VIEWS_MAX];
    struct outbox_row *rows; /* room for VIEWS_MAX */
    size_t rows_count;
};

static void arm(struct outbox_round *r)
{
    struct round *round = r->round;
    unsigned after = draw(round, 1 + draw(round, OPERATIONS_MAX));
    bool for_good = draw_one_in(round, 2);
    switch (r->trouble) {
    case TROUBLE_IO:
        fault_vfs_fail_kinds_after(1 + (int)draw(round, 15), after,
                                   FAULT_CODE_OF_KIND, for_good);
        break;
    case TROUBLE_FULL:
        fault_vfs_fail_kinds_after(FAULT_WRITES, after, SQLITE_FULL, for_good);
        break;
    case TROUBLE_POWER:
        fault_vfs_fail_after(after, FAULT_CODE_OF_KIND, true);
        break;
    case TROUBLE_MEMORY:
        memory_fail_after((int)after, for_good);
        break;
    }
}

static bool heal(void)
{
    bool disk = fault_vfs_heal();
    return memory_heal() || disk;
}

static void lost(void *context, const char *why)
{
    struct outbox_round *r = context;
    CHECK(why[0] != '\0');
    r->lost++;
}

static enum result try_open(struct outbox_round *r)
{
    struct outbox_config config = {.path = r->path,
                                   .recall_ms = RECALL_MS,
                                   .lost = lost,
                                   .lost_context = r};
    struct fault fault = {""};
    r->lost = 0;
    return outbox_open(&config, &r->outbox, &fault);
}

static void open_outbox(struct outbox_round *r)
{
    enum result result = try_open(r);
    if (result != RESULT_OK && heal())
        result = try_open(r);
    CHECK(result == RESULT_OK);
    /* Its first idle turn may have met the fault. */
    (void)heal();
}

static void close_outbox(struct outbox_round *r)
{
    (void)outbox_close(r->outbox, NULL); /* it may fail as all else */
    r->outbox = NULL;
}

static void lose_power(struct outbox_round *r)
{
    char image[FIXTURE_PATH_BYTES];
    char name[32];
    (void)snprintf(name, sizeof name, "image-%u.db", ++r->images);
    round_path(r->round, name, image);
    fault_vfs_crash_image(r->path, image, &r->round->random);
    close_outbox(r);
    (void)heal();
    fault_vfs_forget();
    memcpy(r->path, image, sizeof r->path);
    fault_vfs_record(r->path);
    open_outbox(r);
}

static void end_process(struct outbox_round *r)
{
    CHECK(r->lost <= 1);
    if (r->trouble == TROUBLE_POWER) {
        lose_power(r);
        return;
    }
    (void)heal();
    close_outbox(r);
    open_outbox(r);
}

static void read_rows(struct outbox_round *r)
{
    struct fault fault = {""};
    size_t got = 0;
    r->rows_count = 0;
    do {
        int64_t after = r->rows_count > 0 ? r->rows[r->rows_count - 1].seq : 0;
        size_t room = VIEWS_MAX + 1 - r->rows_count;
        enum result result =
            outbox_read(r->outbox, after, r->rows + r->rows_count,
                        room < 64 ? room : 64, &got, &fault);
        CHECK(result == RESULT_OK);
        r->rows_count += got;
        CHECK(r->rows_count <= VIEWS_MAX);
    } while (got > 0);
}

static uint32_t number_of(const struct outbox_row *row)
{
    const uint8_t *bytes = row->id.bytes;
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
           (uint32_t)bytes[2] << 8 | bytes[3];
}

static void check_rows(struct outbox_round *r)
{
    uint8_t times[VIEWS_MAX] = {0};
    read_rows(r);
    for (size_t i = 0; i < r->rows_count; i++) {
        uint32_t number = number_of(&r->rows[i]);
        CHECK(number < r->given);
        CHECK(r->rows[i].body_bytes > 0);
        times[number]++;
    }
    for (uint32_t i = 0; i < r->given; i++) {
        CHECK(times[i] <= 1);
        CHECK(r->state[i] != NEVER || times[i] == 0);
        CHECK(r->state[i] != ACCEPTED || times[i] == 1);
    }
}

/* A view that was refused is given again, as the viewer's next report does. */
static uint32_t choose(struct outbox_round *r)
{
    for (int i = 0; i < 8 && r->given > 0; i++) {
        uint32_t number = draw(r->round, r->given);
        if (r->state[number] <= MAYBE)
            return number;
    }
    return r->given < VIEWS_MAX ? r->given++ : 0;
}

static void accept(struct outbox_round *r)
{
    uint32_t number = choose(r);
    struct viewed viewed = view_make(number);
    arm(r);
    enum result result = outbox_accept(r->outbox, &viewed);
    bool was_hit = heal();
    CHECK(result == RESULT_OK || was_hit || r->lost > 0);
    if (result == RESULT_OK) {
        if (r->state[number] < ACCEPTED)
            r->state[number] = ACCEPTED;
    } else if (r->lost > 0 || r->trouble == TROUBLE_POWER) {
        if (r->state[number] == NEVER)
            r->state[number] = MAYBE;
    }
    if (r->lost > 0 || (result != RESULT_OK && r->trouble == TROUBLE_POWER))
        end_process(r);
}

/* The broker has confirmed some. */
static void confirm(struct outbox_round *r)
{
    int64_t seqs[REMOVED_MAX];
    size_t count = 0;
    read_rows(r);
    for (size_t i = 0; i < r->rows_count && count < REMOVED_MAX; i++) {
        if (draw_one_in(r->round, 2))
            continue;
        seqs[count++] = r->rows[i].seq;
        r->state[number_of(&r->rows[i])] = CONFIRMED;
    }
    arm(r);
    outbox_remove(r->outbox, seqs, count);
    /* Whatever became of it, the next acceptance comes behind it. */
    accept(r);
}

/* A removal that failed may be tried again just now, between the two looks. */
static void check_depth(struct outbox_round *r)
{
    struct outbox_stats stats = {0};
    for (int left_ms = DEPTH_AGREES_MS; left_ms > 0; left_ms--) {
        outbox_stats(r->outbox, &stats);
        read_rows(r);
        if (stats.depth == (int64_t)r->rows_count)
            return;
        (void)poll(NULL, 0, 1);
    }
    CHECK(stats.depth == (int64_t)r->rows_count);
}

static void look_back(struct outbox_round *r)
{
    struct uuid viewer = uuid_make();
    struct uuid session;
    struct fault fault = {""};
    CHECK(outbox_recall(r->outbox, &viewer, "video-1.mp4", FIXTURE_TIME,
                        &session, &fault) == RESULT_NOT_FOUND);
    outbox_touch(r->outbox, &viewer, "video-1.mp4", FIXTURE_TIME);
    check_depth(r);
}

static void reopen(struct outbox_round *r)
{
    if (draw_one_in(r->round, 2))
        arm(r);
    close_outbox(r);
    if (r->trouble != TROUBLE_POWER && draw_one_in(r->round, 2))
        arm(r);
    open_outbox(r);
    if (r->lost > 0)
        end_process(r);
}

static void step(struct outbox_round *r)
{
    uint32_t chance = draw(r->round, 100);
    if (chance < 70)
        accept(r);
    else if (chance < 85)
        confirm(r);
    else if (chance < 92)
        look_back(r);
    else if (r->trouble == TROUBLE_POWER)
        lose_power(r);
    else
        reopen(r);
}

static void check_file(struct outbox_round *r)
{
    struct sqlite_db *db = NULL;
    struct fault fault = {""};
    int64_t bad = 1;
    CHECK(sqlite_db_open(r->path, &db, &fault) == RESULT_OK);
    CHECK(sqlite_db_integer(db,
                            "SELECT count(*) FROM pragma_integrity_check"
                            " WHERE integrity_check <> 'ok'",
                            &bad, &fault) == RESULT_OK);
    CHECK(bad == 0);
    CHECK(sqlite_db_close(db, &fault) == RESULT_OK);
}

static void run(struct round *round, enum trouble trouble)
{
    struct outbox_round *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    *r = (struct outbox_round){.round = round, .trouble = trouble};
    r->rows = calloc(VIEWS_MAX + 1, sizeof *r->rows);
    CHECK(r->rows != NULL);
    round_path(round, "outbox.db", r->path);
    fault_vfs_record(r->path);
    open_outbox(r);
    uint32_t steps = STEPS_MIN + draw(round, STEPS_MORE);
    for (uint32_t i = 0; i < steps; i++) {
        step(r);
        check_rows(r);
    }
    close_outbox(r);
    check_file(r);
    free(r->rows);
    free(r);
}

void round_outbox_io(struct round *round)
{
    run(round, TROUBLE_IO);
}

void round_outbox_full(struct round *round)
{
    run(round, TROUBLE_FULL);
}

void round_outbox_power(struct round *round)
{
    run(round, TROUBLE_POWER);
}

void round_outbox_memory(struct round *round)
{
    run(round, TROUBLE_MEMORY);
}
