/*
 * Rounds of faults in the store, in ingest and in the outbox, each in its turn:
 *
 *   fault_rounds [--seconds N] [--seed S] [--kind KIND] [--rounds N]
 *
 * prints how many of each kind passed; on standard error is what ingest logs
 * of its troubles. A round that fails ends the program and
 * says its kind and seed; with both, and --rounds 1, it can be had again.
 * Where FLIXTUBE_POSTGRES is the folder of a server (tools/postgres), the store
 * is there, behind a link that is cut.
 */
#include "fault_rounds.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault_link.h"
#include "fault_vfs.h"
#include "log.h"

enum {
    IN_A_FILE = 1,
    ON_A_SERVER = 2,
    ANYWHERE = IN_A_FILE | ON_A_SERVER,
};

struct kind {
    const char *name;
    void (*run)(struct round *round);
    int where; /* the store is */
};

static const struct kind kinds[] = {
    {"store-io", round_store_io, IN_A_FILE},
    {"store-full", round_store_full, IN_A_FILE},
    {"store-power", round_store_power, IN_A_FILE},
    {"store-memory", round_store_memory, ANYWHERE},
    {"store-link", round_store_link, ON_A_SERVER},
    {"ingest-poison", round_ingest_poison, ANYWHERE},
    {"ingest-io", round_ingest_io, IN_A_FILE},
    {"ingest-link", round_ingest_link, ON_A_SERVER},
    {"outbox-io", round_outbox_io, IN_A_FILE},
    {"outbox-full", round_outbox_full, IN_A_FILE},
    {"outbox-power", round_outbox_power, IN_A_FILE},
    {"outbox-memory", round_outbox_memory, IN_A_FILE},
};

enum {
    KINDS = sizeof kinds / sizeof kinds[0],
};

enum {
    SENT_MAX = 30000, /* bytes of a batch, or so */
    ANSWERED_MAX = 3000,
};

struct options {
    int64_t seconds;
    uint64_t rounds;
    uint64_t seed;
    const char *kind; /* NULL: all, in turn */
};

static struct round *running; /* NULL: between two rounds */

uint32_t draw(struct round *round, uint32_t below)
{
    return (uint32_t)(fixture_draw(&round->random) % below);
}

bool draw_one_in(struct round *round, uint32_t many)
{
    return draw(round, many) == 0;
}

void round_path(const struct round *round, const char *name,
                char path[FIXTURE_PATH_BYTES])
{
    (void)snprintf(path, FIXTURE_PATH_BYTES, "%s/%s", round->folder, name);
}

void round_cut_link(struct round *round, bool for_good)
{
    enum proxy_side side = draw(round, PROXY_SIDES);
    uint32_t bytes =
        draw(round, side == PROXY_FROM_CLIENT ? SENT_MAX : ANSWERED_MAX);
    fault_link_cut_after(side, draw(round, 1 + bytes), for_good);
}

void round_check(bool holds, const char *file, int line, const char *words)
{
    if (holds)
        return;
    (void)fault_vfs_heal();
    (void)fault_link_heal();
    (void)memory_heal();
    (void)printf("%s:%d: does not hold: %s\n", file, line, words);
    exit(1);
}

/* Whatever ended the program, a check or one of the fixture's. */
static void say_which(void)
{
    if (running != NULL)
        (void)printf("FAILED: --kind %s --seed %" PRIu64 "\n", running->kind,
                     running->seed);
}

static void find_store(struct round *round, const struct fixture *fixture)
{
    (void)snprintf(round->folder, sizeof round->folder, "%s", fixture->folder);
    round->is_file = fixture->is_file;
    if (fixture->is_file)
        round_path(round, "history.db", round->store);
    else
        fault_link_to(fixture->path, round->store, sizeof round->store);
}

static void run_round(const struct kind *kind, uint64_t seed)
{
    void *state = NULL;
    CHECK(fixture_make(&state) == 0);
    struct round round = {.kind = kind->name, .seed = seed};
    /* xorshift's first numbers are like its seed: begin far from it. */
    round.random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    round.random = round.random != 0 ? round.random : 1;
    for (int i = 0; i < 8; i++)
        (void)fixture_draw(&round.random);
    find_store(&round, state);
    running = &round;
    kind->run(&round);
    running = NULL;
    (void)fault_vfs_heal();
    (void)fault_link_heal();
    (void)memory_heal();
    fault_vfs_forget();
    (void)fixture_remove(&state);
}

static bool is_wanted(const struct options *options, size_t kind)
{
    int where = getenv("FLIXTUBE_POSTGRES") == NULL ? IN_A_FILE : ON_A_SERVER;
    return (kinds[kind].where & where) != 0 &&
           (options->kind == NULL ||
            strcmp(options->kind, kinds[kind].name) == 0);
}

static void run_all(const struct options *options)
{
    uint64_t counts[KINDS] = {0};
    uint64_t total = 0;
    int64_t ends_ms = clock_monotonic_ms() + options->seconds * 1000;
    for (uint64_t i = 0; total < options->rounds; i++) {
        if (clock_monotonic_ms() >= ends_ms)
            break;
        size_t kind = i % KINDS;
        if (!is_wanted(options, kind))
            continue;
        run_round(&kinds[kind], options->seed + total);
        counts[kind]++;
        total++;
    }
    (void)printf("%8" PRIu64 " rounds, seeds from %" PRIu64 "\n", total,
                 options->seed);
    for (size_t kind = 0; kind < KINDS; kind++)
        if (is_wanted(options, kind))
            (void)printf("%8" PRIu64 " %s\n", counts[kind], kinds[kind].name);
}

static bool read_options(int argc, char **argv, struct options *ret)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seconds") == 0)
            ret->seconds = strtoll(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            ret->seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--rounds") == 0)
            ret->rounds = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--kind") == 0)
            ret->kind = argv[i + 1];
        else
            return false;
    }
    return argc % 2 == 1;
}

int main(int argc, char **argv)
{
    struct options options = {
        .seconds = 30, .rounds = UINT64_MAX, .seed = (uint64_t)clock_now_ms()};
    struct fault fault = {0};
    if (!read_options(argc, argv, &options))
        return 2;
    /* Ingest logs each change; the rounds make many. */
    (void)setenv("LOG_LEVEL", "error", 1);
    if (log_start("fault_rounds", &fault) != RESULT_OK)
        return 2;
    /* The disk is a record in memory: the real one would only be slow. */
    (void)setenv("TMPDIR", "/dev/shm", access("/dev/shm", W_OK) == 0);
    memory_install();
    fault_vfs_install();
    (void)atexit(say_which);
    run_all(&options);
    return 0;
}
