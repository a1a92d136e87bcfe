#ifndef FLIXTUBE_HISTORY_COUNTERS_H
#define FLIXTUBE_HISTORY_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "metrics.h"

#define COUNTERS_NO_GAP UINT64_MAX

/* What history counts for /metrics. Each is raised where it happens. */
struct counters {
    _Atomic uint64_t deliveries;   /* taken from the queue */
    _Atomic uint64_t redeliveries; /* of them, marked so by the broker */
    _Atomic uint64_t views_new;
    _Atomic uint64_t views_known;
    _Atomic uint64_t views_erased;  /* refused: their user was erased */
    _Atomic uint64_t views_removed; /* refused: their id was removed */
    _Atomic uint64_t views_paused;  /* refused: not wanted by their user */
    _Atomic uint64_t views_expired; /* refused: older than is kept */
    _Atomic uint64_t views_without_id;
    _Atomic uint64_t views_recovered; /* found in the stream alone */
    _Atomic uint64_t checkpoints;     /* rounds that ended well */
    _Atomic uint64_t backups;
    _Atomic uint64_t backups_failed;
    _Atomic int64_t last_backup_s; /* since 1970; 0: none */
    _Atomic uint64_t dead_letters; /* confirmed by the broker */
    _Atomic uint64_t batches;
    _Atomic uint64_t batches_failed;
    _Atomic uint64_t connects;
    _Atomic uint64_t losses; /* of connections; what they held comes again */
    _Atomic int64_t unacked; /* deliveries held now */
    /* No metrics: what the consumer and the checkpoint tell each other. */
    _Atomic uint32_t consumers; /* of the queue, as the broker said last */
    /* `deliveries` when the stream was found to have what the queue did not
     * bring; COUNTERS_NO_GAP: not since the consumer connected. */
    _Atomic uint64_t gap_deliveries;
    struct metrics_histogram commit;
    struct metrics_histogram request;
    _Atomic uint64_t requests[6]; /* by the status's first digit */
};

#endif
