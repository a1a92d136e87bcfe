#ifndef FLIXTUBE_HISTORY_BACKUP_SCHEDULE_H
#define FLIXTUBE_HISTORY_BACKUP_SCHEDULE_H

#include <stdint.h>

#include "counters.h"
#include "result.h"
#include "store.h"

/*
 * Makes a backup now and then, and removes the oldest. Each is `history
 * backup` in a process of its own, with our settings: it can be ended at any
 * moment, and what it needs is given back. The next is due `every_s` after the
 * newest in the folder, however often we were started since. Where several
 * services share a store only the one that leads makes them (store_leads()).
 */
struct backup_schedule;

struct backup_schedule_config {
    struct store *store; /* open, and outlives the thread */
    const char *folder;  /* "": never; outlives the thread */
    uint32_t every_s;
    uint32_t keep;
    struct counters *counters;
};

/* On success the caller owns *ret (NULL where there is no folder). */
enum result backup_schedule_start(const struct backup_schedule_config *config,
                                  struct backup_schedule **ret,
                                  struct fault *fault);

/* Ends one that is being made. NULL is fine. */
void backup_schedule_stop(struct backup_schedule *schedule);

#endif
