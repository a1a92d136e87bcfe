/* The store alone, as the writer's thread uses it. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_link.h"
#include "fault_rounds.h"
#include "fault_vfs.h"
#include "store_erase.h"
#include "store_import.h"
#include "store_removed.h"
#include "store_verify.h"

enum {
    VIEWS_MAX = 6000,
    BATCH_MAX = 80,
    BASE = 2200, /* enough to be merged */
    USERS = 7,   /* of view_make() */
    STEPS_MIN = 10,
    STEPS_MORE = 30,
    OPERATIONS_MAX = 120, /* of the disk or of memory, before one fails */
    TIDIES_MAX = 200,
    FINDS_DEAD_MAX = 1, /* calls that may, before a connection is made again */
};

enum view_state {
    NEVER,   /* not stored: never given, or refused */
    MAYBE,   /* in a batch that a failed sync or the power's loss ended */
    STORED,  /* said to be stored */
    ERASED,  /* and never to come back */
    REMOVED, /* likewise, unless it is restored */
};

/* Whether the import has added a view that is stored. */
enum view_origin {
    ELSEWHERE,
    IMPORTED,
    UNSURE, /* maybe in a batch of it that ended as above */
};

enum trouble {
    TROUBLE_IO,
    TROUBLE_FULL,
    TROUBLE_POWER,
    TROUBLE_MEMORY,
    TROUBLE_LINK,
};

struct store_round {
    struct round *round;
    enum trouble trouble;
    struct store *store;
    char path[FIXTURE_PATH_BYTES];
    unsigned images;
    uint32_t given; /* views 0 to given - 1 were given at least once */
    uint8_t state[VIEWS_MAX];
    uint8_t origin[VIEWS_MAX];
    bool importing;      /* what is given comes by the import */
    bool erasing[USERS]; /* begun, and not known to be done */
    int64_t noted;       /* offset that is said to be contained */
    int64_t noted_maybe; /* or this one */
};

static void arm(struct store_round *r)
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
    case TROUBLE_POWER: /* nothing comes to the disk after it */
        fault_vfs_fail_after(after, FAULT_CODE_OF_KIND, true);
        break;
    case TROUBLE_MEMORY:
        memory_fail_after((int)after, for_good);
        break;
    case TROUBLE_LINK:
        round_cut_link(round, for_good);
        break;
    }
}

static void pass(void *context, const struct store_row *row)
{
    (void)context;
    (void)row;
}

static enum result use_reader(struct store_round *r)
{
    struct viewed view = view_make(0);
    struct fault fault = {""};
    enum result result = store_find(r->store, &view.id, pass, NULL, &fault);
    return result == RESULT_NOT_FOUND ? RESULT_OK : result;
}

static enum result use_writer(struct store_round *r)
{
    struct fault fault = {""};
    bool more;
    return store_tidy(r->store, false, &more, &fault);
}

/* A connection that was cut unnoticed is found dead by a call, and made again
 * by the next one. */
static void go_on(struct store_round *r,
                  enum result (*use)(struct store_round *))
{
    enum result result = use(r);
    for (int i = 0; i < FINDS_DEAD_MAX && result != RESULT_OK; i++)
        result = use(r);
    CHECK(result == RESULT_OK);
}

static bool heal(struct store_round *r)
{
    bool disk = fault_vfs_heal();
    bool memory = memory_heal();
    bool link = fault_link_heal();
    if (link && r->store != NULL) {
        go_on(r, use_writer);
        go_on(r, use_reader);
    }
    return disk || memory || link;
}

/* A service that is started again until it starts. */
static void open_store(struct store_round *r, bool may_fail)
{
    struct store_config config = {.path = r->path, .readers = 1};
    struct fault fault = {""};
    enum result result = store_open(&config, &r->store, &fault);
    if (result != RESULT_OK && may_fail && heal(r))
        result = store_open(&config, &r->store, &fault);
    if (result == RESULT_OK)
        result = store_erase_resume(r->store, &fault);
    if (result != RESULT_OK && may_fail && heal(r))
        result = store_erase_resume(r->store, &fault);
    if (result != RESULT_OK)
        (void)printf("%s\n", fault.text);
    CHECK(result == RESULT_OK);
}

static void close_store(struct store_round *r)
{
    struct fault fault = {""};
    (void)store_close(r->store, &fault); /* it may fail as all else */
    r->store = NULL;
}

static void check_noted(struct store_round *r)
{
    int64_t offset = store_contained(r->store).offset;
    CHECK(offset == r->noted || offset == r->noted_maybe);
    r->noted = r->noted_maybe = offset;
}

/* The process ends and comes back; what was written is still in memory. */
static void restart(struct store_round *r)
{
    (void)heal(r);
    close_store(r);
    open_store(r, false);
    check_noted(r);
}

static void lose_power(struct store_round *r)
{
    char image[FIXTURE_PATH_BYTES];
    char name[32];
    (void)snprintf(name, sizeof name, "image-%u.db", ++r->images);
    round_path(r->round, name, image);
    fault_vfs_crash_image(r->path, image, &r->round->random);
    close_store(r);
    (void)heal(r);
    fault_vfs_forget();
    memcpy(r->path, image, sizeof r->path);
    fault_vfs_record(r->path);
    open_store(r, false);
    check_noted(r);
}

/* Whether what failed may have been done nevertheless, as far as this process
 * can know. */
static bool is_unsure(struct store_round *r)
{
    return !r->round->is_file || store_sync_failed(r->store) ||
           r->trouble == TROUBLE_POWER;
}

/* Then the process ends; one with a server may as well look again. */
static void find_out(struct store_round *r)
{
    if (r->trouble == TROUBLE_POWER) {
        lose_power(r);
    } else if (r->round->is_file || draw_one_in(r->round, 2)) {
        restart(r);
    } else {
        CHECK(use_writer(r) == RESULT_OK);
        check_noted(r);
    }
}

static bool is_of(uint32_t view, uint32_t user)
{
    return view % USERS == user;
}

static bool is_there(struct store_round *r, uint32_t number)
{
    struct viewed view = view_make(number);
    struct fault fault = {""};
    enum result result = store_find(r->store, &view.id, pass, NULL, &fault);
    CHECK(result == RESULT_OK || result == RESULT_NOT_FOUND);
    return result == RESULT_OK;
}

static void check_some(struct store_round *r)
{
    for (int i = 0; i < 40 && r->given > 0; i++) {
        uint32_t number = draw(r->round, r->given);
        bool there = is_there(r, number);
        if (r->erasing[number % USERS])
            continue;
        CHECK(!there || r->state[number] == MAYBE ||
              r->state[number] == STORED);
        CHECK(there || r->state[number] != STORED);
    }
}

/* New ones, and redelivered ones, in any order and some twice. */
static uint32_t choose(struct store_round *r)
{
    struct round *round = r->round;
    if (r->given > 0 && draw_one_in(round, 4))
        return draw(round, r->given);
    return r->given < VIEWS_MAX ? r->given++ : draw(round, r->given);
}

static enum result put(struct store_round *r, struct store_view *batch,
                       uint32_t count, struct fault *fault)
{
    return r->importing
               ? store_import_write(r->store, "one", batch, count, fault)
               : store_write(r->store, batch, count, fault);
}

static enum result give(struct store_round *r, uint32_t *numbers,
                        uint32_t count, struct fault *fault)
{
    struct viewed *views = calloc(count, sizeof *views);
    struct store_view *batch = calloc(count, sizeof *batch);
    CHECK(views != NULL && batch != NULL);
    for (uint32_t i = 0; i < count; i++) {
        views[i] = view_make(numbers[i]);
        batch[i] = (struct store_view){.viewed = &views[i],
                                       .received_ms = FIXTURE_TIME};
    }
    enum result result = RESULT_UNAVAILABLE;
    if (fault != NULL) {
        arm(r);
        result = put(r, batch, count, fault);
    } else {
        struct fault none = {""};
        result = put(r, batch, count, &none);
        if (result != RESULT_OK)
            (void)printf("%s\n", none.text);
    }
    for (uint32_t i = 0; i < count && result == RESULT_OK; i++) {
        bool removed = batch[i].written == STORE_REMOVED;
        if (batch[i].written == STORE_NEW)
            r->origin[numbers[i]] = r->importing ? IMPORTED : ELSEWHERE;
        if (batch[i].written == STORE_ERASED)
            CHECK(r->state[numbers[i]] == ERASED ||
                  r->erasing[numbers[i] % USERS]);
        CHECK(removed == (r->state[numbers[i]] == REMOVED));
    }
    free(batch);
    free(views);
    return result;
}

static void settle(struct store_round *r, const uint32_t *numbers,
                   uint32_t count, uint8_t state)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *now = &r->state[numbers[i]];
        if (state == MAYBE && *now <= MAYBE && r->importing)
            r->origin[numbers[i]] = UNSURE;
        if (*now != ERASED && *now < state)
            *now = state;
    }
}

static void write_batch(struct store_round *r)
{
    uint32_t numbers[BATCH_MAX];
    uint32_t count = 1 + draw(r->round, BATCH_MAX);
    struct fault fault = {""};
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = choose(r);
    enum result result = give(r, numbers, count, &fault);
    bool was_hit = heal(r);
    CHECK(result == RESULT_OK || was_hit);
    if (result == RESULT_OK) {
        settle(r, numbers, count, STORED);
        return;
    }
    CHECK(fault.text[0] != '\0' && result != RESULT_MALFORMED);
    if (result == RESULT_UNUSABLE)
        CHECK(store_sync_failed(r->store));
    /* A loss of power is one in the middle of it. */
    if (is_unsure(r)) {
        settle(r, numbers, count, MAYBE);
        find_out(r);
    }
}

static void tidy(struct store_round *r)
{
    struct fault fault = {""};
    bool more = true;
    enum result result = RESULT_OK;
    arm(r);
    for (int i = 0; result == RESULT_OK && more && i < TIDIES_MAX; i++)
        result = store_tidy(r->store, true, &more, &fault);
    CHECK(heal(r) || result == RESULT_OK);
    if (result != RESULT_OK && is_unsure(r))
        find_out(r);
}

static void finish_erasing(struct store_round *r, uint32_t user)
{
    struct store_erasure erasure = {.until_ms = FIXTURE_TIME + VIEWS_MAX};
    struct fault fault = {""};
    (void)snprintf(erasure.user_id, sizeof erasure.user_id, "user-%u", user);
    CHECK(store_erase(r->store, &erasure, &fault) == RESULT_OK);
    r->erasing[user] = false;
    for (uint32_t i = 0; i < VIEWS_MAX; i++)
        if (is_of(i, user))
            r->state[i] = ERASED;
}

static void erase(struct store_round *r)
{
    uint32_t user = draw(r->round, USERS);
    struct store_erasure erasure = {.until_ms = FIXTURE_TIME + VIEWS_MAX};
    struct fault fault = {""};
    (void)snprintf(erasure.user_id, sizeof erasure.user_id, "user-%u", user);
    r->erasing[user] = true;
    arm(r);
    enum result result = store_erase(r->store, &erasure, &fault);
    CHECK(heal(r) || result == RESULT_OK);
    if (result != RESULT_OK && is_unsure(r))
        find_out(r);
    finish_erasing(r, user);
}

/* One of that state, or none. */
static bool choose_of(struct store_round *r, uint8_t state, uint32_t *ret)
{
    uint32_t first = r->given > 0 ? draw(r->round, r->given) : 0;
    for (uint32_t i = 0; i < r->given; i++) {
        *ret = (first + i) % r->given;
        if (r->state[*ret] == state)
            return true;
    }
    return false;
}

/* Removed or restored under the fault: it is done, or as it was. */
static void remove_or_restore(struct store_round *r)
{
    bool restores = draw_one_in(r->round, 3);
    uint8_t before = restores ? REMOVED : STORED;
    uint8_t after = restores ? STORED : REMOVED;
    uint32_t number;
    struct fault fault = {""};
    struct removed_view told;
    if (!choose_of(r, before, &number))
        return;
    struct viewed view = view_make(number);
    arm(r);
    enum result result =
        restores
            ? store_restore_removed(r->store, &view.id, clock_now_ms(), &fault)
            : store_remove(r->store, &view.id, clock_now_ms(), &told, &fault);
    CHECK(heal(r) || result == RESULT_OK);
    if (result != RESULT_OK && is_unsure(r))
        find_out(r);
    else
        CHECK(is_there(r, number) == ((result == RESULT_OK) != !restores));
    r->state[number] = is_there(r, number) ? STORED : REMOVED;
    if (r->state[number] == REMOVED) /* and it is not the import's again */
        r->origin[number] = ELSEWHERE;
    CHECK(result != RESULT_OK || r->state[number] == after);
}

static enum result undo_steps(struct store_round *r, struct fault *fault)
{
    static struct store_undo undo;
    bool more = true;
    enum result result = RESULT_OK;
    undo = (struct store_undo){.name = "one"};
    while (result == RESULT_OK && more)
        result = store_import_undo_step(r->store, &undo, &more, fault);
    return result == RESULT_NOT_FOUND ? RESULT_OK : result;
}

/* What the import has added is gone, and nothing else. */
static void check_undone(struct store_round *r, uint32_t number)
{
    uint8_t *state = &r->state[number];
    if (*state != STORED && *state != MAYBE)
        return;
    bool there = is_there(r, number);
    if (*state == STORED && r->origin[number] == IMPORTED)
        CHECK(!there);
    if (*state == STORED && r->origin[number] == ELSEWHERE)
        CHECK(there);
    *state = there ? STORED : NEVER;
    r->origin[number] = ELSEWHERE;
}

/* Under the fault, and then to its end. */
static void take_back(struct store_round *r)
{
    struct fault fault = {""};
    arm(r);
    enum result result = undo_steps(r, &fault);
    CHECK(heal(r) || result == RESULT_OK);
    if (result != RESULT_OK && is_unsure(r))
        find_out(r);
    CHECK(undo_steps(r, &fault) == RESULT_OK);
    for (uint32_t i = 0; i < r->given; i++)
        check_undone(r, i);
}

static enum result write_note(struct store_round *r, int64_t offset,
                              struct fault *fault)
{
    struct store_contained contained = {.offset = offset, .hash = 7};
    return store_write_contained(r->store, NULL, 0, &contained, fault);
}

static void note(struct store_round *r)
{
    struct fault fault = {""};
    int64_t offset = r->noted + 1 + draw(r->round, 100);
    arm(r);
    enum result result = write_note(r, offset, &fault);
    CHECK(heal(r) || result == RESULT_OK);
    if (result == RESULT_OK)
        r->noted = r->noted_maybe = offset;
    else if (is_unsure(r)) {
        r->noted_maybe = offset;
        find_out(r);
    }
}

/* Started again under the fault: it starts when the fault is gone. */
static void reopen(struct store_round *r)
{
    if (draw_one_in(r->round, 2))
        arm(r);
    close_store(r);
    if (r->trouble != TROUBLE_POWER && draw_one_in(r->round, 2))
        arm(r);
    open_store(r, true);
    (void)heal(r);
    check_noted(r);
}

static void step(struct store_round *r)
{
    uint32_t chance = draw(r->round, 100);
    r->importing = chance < 18;
    if (chance < 50)
        write_batch(r);
    else if (chance < 62)
        remove_or_restore(r);
    else if (chance < 76)
        tidy(r);
    else if (chance < 80)
        take_back(r);
    else if (chance < 85)
        erase(r);
    else if (chance < 92)
        note(r);
    else if (r->trouble == TROUBLE_POWER)
        lose_power(r);
    else
        reopen(r);
}

/* All that was not said to be stored is delivered again. */
static void deliver_again(struct store_round *r)
{
    uint32_t numbers[BATCH_MAX];
    uint32_t count = 0;
    r->importing = false;
    for (uint32_t i = 0; i < r->given; i++) {
        if (r->state[i] != STORED || draw_one_in(r->round, 10))
            numbers[count++] = i;
        if (count == BATCH_MAX || (i + 1 == r->given && count > 0)) {
            CHECK(give(r, numbers, count, NULL) == RESULT_OK);
            settle(r, numbers, count, STORED);
            count = 0;
        }
    }
}

static void check_file(struct store_round *r)
{
    struct store_report report;
    struct fault fault = {""};
    int64_t expected = 0;
    for (uint32_t i = 0; i < r->given; i++) {
        bool wanted = r->state[i] == STORED;
        expected += wanted;
        CHECK(is_there(r, i) == wanted);
    }
    close_store(r);
    CHECK(store_verify(r->path, &report, &fault) == RESULT_OK);
    if (report.problem[0] != '\0')
        (void)printf("%s\n", report.problem);
    CHECK(report.problem[0] == '\0');
    CHECK(report.views == expected);
    CHECK(report.contained == r->noted);
}

static void run(struct round *round, enum trouble trouble)
{
    struct store_round *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    *r = (struct store_round){
        .round = round, .trouble = trouble, .noted = -1, .noted_maybe = -1};
    memcpy(r->path, round->store, sizeof r->path);
    if (round->is_file)
        fault_vfs_record(r->path);
    open_store(r, false);
    if (draw_one_in(round, 3)) {
        store_range(r->store, 0, BASE);
        r->given = BASE;
        memset(r->state, STORED, BASE);
    }
    uint32_t steps = STEPS_MIN + draw(round, STEPS_MORE);
    for (uint32_t i = 0; i < steps; i++) {
        step(r);
        check_some(r);
    }
    deliver_again(r);
    tidy_all(r->store);
    check_file(r);
    free(r);
}

void round_store_io(struct round *round)
{
    run(round, TROUBLE_IO);
}

void round_store_full(struct round *round)
{
    run(round, TROUBLE_FULL);
}

void round_store_power(struct round *round)
{
    run(round, TROUBLE_POWER);
}

void round_store_memory(struct round *round)
{
    run(round, TROUBLE_MEMORY);
}

void round_store_link(struct round *round)
{
    run(round, TROUBLE_LINK);
}
