#ifndef FLIXTUBE_TESTS_FAULT_ROUNDS_H
#define FLIXTUBE_TESTS_FAULT_ROUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "store_fixture.h"

/*
 * A round: a part of a service works on a folder of its own, faults come by
 * the round's random numbers, and at the end what was accepted must be there,
 * once, and nothing else. The same seed makes the same round.
 */
struct round {
    const char *kind;
    uint64_t seed;
    uint64_t random;
    char folder[FIXTURE_PATH_BYTES / 2];
    bool is_file; /* what the store is; else on a server behind the link */
    char store[FIXTURE_PATH_BYTES];
};

/* 0 to below - 1. */
uint32_t draw(struct round *round, uint32_t below);
bool draw_one_in(struct round *round, uint32_t many);

/* The path of a file in the round's folder. */
void round_path(const struct round *round, const char *name,
                char path[FIXTURE_PATH_BYTES]);

/* Cuts the link to the store's server (fault_link.h) after so many bytes of a
 * batch, or of what answers it. */
void round_cut_link(struct round *round, bool for_good);

/* Ends the program, with the kind and the seed, where it does not hold. */
void round_check(bool holds, const char *file, int line, const char *words);
#define CHECK(condition)                                                       \
    round_check((condition), __FILE__, __LINE__, #condition)

/* round_store.c */
void round_store_io(struct round *round);
void round_store_full(struct round *round);
void round_store_power(struct round *round);
void round_store_memory(struct round *round);
void round_store_link(struct round *round);

/* round_ingest.c */
void round_ingest_poison(struct round *round);
void round_ingest_io(struct round *round);
void round_ingest_link(struct round *round);

/* round_outbox.c */
void round_outbox_io(struct round *round);
void round_outbox_full(struct round *round);
void round_outbox_power(struct round *round);
void round_outbox_memory(struct round *round);

/*
 * Memory that runs out: so many allocations succeed, then one fails, or all
 * from there on. Of the program's own (malloc, calloc, realloc) and of
 * SQLite's, whichever comes; of all threads.
 */
void memory_install(void); /* before SQLite is used */
void memory_fail_after(int allocations, bool for_good);
bool memory_heal(void); /* whether any has failed */

#endif
