#ifndef FLIXTUBE_HISTORY_STORE_H
#define FLIXTUBE_HISTORY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"
#include "viewed_message.h"

/*
 * The seam: what history keeps, whatever engine keeps it (store_engine.h). No
 * SQL above it.
 *
 * One thread writes (the batcher's); any number reads. A view whose
 * store_write() returned RESULT_OK is on disk and in every later query.
 */
struct store;

enum {
    STORE_PAGE_ROWS_MAX = 1000, /* a page stays under 2 MiB of JSON */
    STORE_SKIP_MAX = 1000000,   /* deeper than that: use the cursor */
    STORE_TOTAL_MAX = 1000000,  /* some 50 ms; more are not counted */
    STORE_PASSED_MAX = 10000,   /* some 20 ms */
    STORE_BATCH_MAX = 4096,     /* views of one transaction */
    STORE_READERS_MAX = 64,
};

struct store_config {
    const char *path; /* a file's, or whatever names a store of an engine */
    unsigned readers; /* connections that answer queries at the same time */
};

/* What became of one view of a batch. */
enum store_written {
    STORE_NEW,
    STORE_KNOWN,   /* its id was there: nothing changed */
    STORE_ERASED,  /* its user was erased after it: see store_erase.h */
    STORE_REMOVED, /* its id was removed: see store_removed.h */
    STORE_PAUSED,  /* its user did not want it recorded: see store_paused.h */
    STORE_EXPIRED, /* older than views are kept: see store_expire.h */
};

struct store_view {
    const struct viewed *viewed;
    int64_t received_ms;
    enum store_written written; /* out */
};

/* Order is by (viewed_at_ms, seq), and pages go from one such place on. */
struct store_place {
    int64_t viewed_at_ms;
    int64_t seq;
};

/*
 * A place in the stream viewed.log up to which the store is sure to have every
 * view; offset -1: none is known. The hash is of the message there.
 */
struct store_contained {
    int64_t offset;
    int64_t hash;
};

struct store_query {
    const char *user_id;  /* NULL: all */
    const char *video_id; /* NULL: all */
    /* Only rows of this session. No list has them: rows of others are passed
     * over, at most STORE_PASSED_MAX a page, which then ends there. */
    bool session_given;
    struct uuid session_id;
    int64_t since_ms; /* CLOCK_MIN_MS: all; inclusive */
    int64_t until_ms; /* CLOCK_MAX_MS + 1: all; exclusive */
    bool oldest_first;
    bool after_given;
    struct store_place after; /* rows beyond it, exclusive; costs nothing */
    /* At most STORE_SKIP_MAX, and 0 with after_given. Costs some 50 ns a row,
     * and rows of another list under the same hash count: 1 in 2^64 lists. */
    uint32_t skip;
    uint32_t limit; /* 1 to STORE_PAGE_ROWS_MAX */
    /* Also count what the list has between the times, up to STORE_TOTAL_MAX,
     * by its entries: some 50 ns each. Not with session_given. */
    bool count;
};

/* A row as it is handed out: texts are the store's until the call returns. */
struct store_row {
    struct store_place place;
    struct uuid id;
    bool id_given;
    bool time_given;
    const char *user_id; /* "" when absent, so below */
    size_t user_id_bytes;
    const char *video_id;
    size_t video_id_bytes;
    const char *video_path;
    size_t video_path_bytes;
    int64_t received_ms;
    int64_t position_ms; /* -1: absent */
    int64_t duration_ms;
    bool session_given;
    struct uuid session_id;
    enum viewed_rule rule;
    struct trace_parent trace;
};

struct store_page {
    uint32_t rows;
    int64_t total;            /* with query.count */
    bool more;                /* there are rows beyond `last`, or may be */
    struct store_place first; /* of the first row handed out */
    struct store_place last;  /* of the last, or of the last passed over */
};

/* Numbers for /metrics. What another process did to the store is in them after
 * the next write or store_tidy(). */
struct store_stats {
    int64_t views;      /* rows */
    int64_t tail_rows;  /* committed, found by the index in memory */
    int64_t merged_seq; /* the mark */
    int64_t wal_bytes;
    int64_t file_bytes;
    int64_t contained_offset;
};

/*
 * Opens or creates the store and brings it to this version. On success the
 * caller owns *ret and ends it with store_close(), after all readers ended.
 * Errors: RESULT_UNAVAILABLE, RESULT_UNUSABLE, in words; RESULT_MALFORMED for
 * a number of readers outside of 1 to STORE_READERS_MAX.
 */
enum result store_open(const struct store_config *config, struct store **ret,
                       struct fault *fault);

/* NULL is fine. Errors: RESULT_UNAVAILABLE; what was committed stays. */
enum result store_close(struct store *store, struct fault *fault);

/*
 * Stores views[0..count) in one transaction, in order; count is at most
 * STORE_BATCH_MAX. All or none: an error means none of them is stored and all
 * may be given again. Where store_tidy() has not kept up, it does a share of
 * that work: it gets slower, it refuses nothing. One thread.
 * Errors: RESULT_UNAVAILABLE (full, I/O, memory); RESULT_UNUSABLE (damaged, or
 * a failed fsync: only a new start finds out what is on the disk);
 * RESULT_MALFORMED (a view without a video, or too many: a fault of ours).
 */
enum result store_write(struct store *store, struct store_view *views,
                        size_t count, struct fault *fault);

/* The same, and in that transaction `contained` becomes the store's, also
 * where count is 0. */
enum result store_write_contained(struct store *store, struct store_view *views,
                                  size_t count,
                                  const struct store_contained *contained,
                                  struct fault *fault);

/* The writer's thread. */
struct store_contained store_contained(const struct store *store);

/*
 * Does one slice of the work that keeps queries fast (moves views from the
 * index in memory to the one on disk), in a transaction of its own. *ret_more
 * says whether there is more to do now. `quiet` lets it move small tails too.
 * The writer's thread.
 */
enum result store_tidy(struct store *store, bool quiet, bool *ret_more,
                       struct fault *fault);

/*
 * Hands the rows to `row` in order. What they show is one moment of the store,
 * after the call began. Any thread; waits for a free reader, at most 5 s.
 * Errors: RESULT_UNAVAILABLE, RESULT_UNUSABLE; rows may have been handed out.
 * RESULT_MALFORMED for a limit or a skip beyond what is said above.
 */
enum result store_query(struct store *store, const struct store_query *query,
                        void (*row)(void *context, const struct store_row *row),
                        void *context, struct store_page *ret_page,
                        struct fault *fault);

/*
 * A number that is another after each change of what the query would show, and
 * maybe after others; only as long as the process lives. An answer shows that
 * version if the number was the same before the query and after it. False
 * while lists are changing, or where no view can be in the list. Any thread,
 * waits for nobody.
 */
bool store_version(struct store *store, const struct store_query *query,
                   uint64_t *ret);

/* RESULT_NOT_FOUND when no view has that id. */
enum result store_find(struct store *store, const struct uuid *id,
                       void (*row)(void *context, const struct store_row *row),
                       void *context, struct fault *fault);

void store_stats(struct store *store, struct store_stats *ret);

/*
 * Whether the disk has failed a sync: what it holds is not known then, and only
 * a new start finds out. End the process. The writer's thread.
 */
bool store_sync_failed(const struct store *store);

/* How many readers a service of that store has where nobody says. */
unsigned store_readers_default(const char *path);

/* Whether the store of that path is a file, beside which there is room for
 * others; else a server has it. */
bool store_is_in_file(const char *path);

/*
 * An engine may let several services write to one store at the same time; what
 * follows tells them of each other. Any thread, waits for nobody.
 *
 * Whether several can have the store of that path open.
 */
bool store_can_be_shared(const char *path);

/* The path as logs and messages show it: without a password. Cut to fit. */
void store_shown_name(const char *path, char *ret, size_t ret_bytes);

/*
 * Whether this service is the one that does the jobs that a store needs once:
 * the comparison with the stream, scheduled backups. Where the store is ours
 * alone, always; else of all services that have it open at most one leads, and
 * soon after it has ended another one does.
 */
bool store_leads(struct store *store);

/*
 * Reads what others have changed: what is answered from memory to the writer's
 * thread (store_recording(), store_keep_days()) is then as new as this call.
 * The writer's thread. Errors: RESULT_UNAVAILABLE, RESULT_UNUSABLE.
 */
enum result store_refresh(struct store *store, struct fault *fault);

/* How often to look for what other services have committed; 0: there are none,
 * and whatever is committed is committed here. */
int64_t store_shared_poll_ms(const struct store *store);

#endif
