#ifndef FLIXTUBE_HISTORY_POSTGRES_PARTS_H
#define FLIXTUBE_HISTORY_POSTGRES_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "cleanup.h"
#include "erased_set.h"
#include "keep_days.h"
#include "postgres_db.h"
#include "postgres_store.h"

/*
 * What this engine's own files share; nobody else includes this.
 *
 * Any number of processes write to one database, each by one connection. What
 * keeps them right is in the database:
 *
 *   - `ids` has every id once, so a batch first claims its ids there, in their
 *     order (two batches never wait for each other in a circle), and then
 *     copies the views whose ids were new.
 *   - Who refuses views (tombstones, pauses, days to keep) takes the rules'
 *     lock for itself while he writes them down, and each batch shares it. So a
 *     batch is before the rule, and what it stored is found and deleted, or
 *     after, and knows it.
 *   - Places are given out before their transaction ends, so a later one may
 *     show first. Who follows the log goes no further than settled_place().
 *   - What is to be done once (expiry, the comparison with the stream) is done
 *     by whose session holds the leader's lock.
 *   - A process that stands still (stopped, swapped out, cut off) holds nobody
 *     up for long: the server ends a session that is idle, in a transaction
 *     (open.c) or not, and the others end one that stands still in a COPY
 *     (tidy.c).
 */

struct postgres_reader {
    struct postgres_db *db; /* NULL: not connected yet */
    struct postgres_reader *next_free;
};

struct postgres_readers {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    bool made; /* lock and freed are */
    const char *url;
    struct postgres_reader *all;
    size_t count;
    struct postgres_reader *first_free;
};

enum {
    POSTGRES_PAGES = 32,                /* kinds of pages: query.c */
    POSTGRES_SQL_MAX = 640,             /* bytes of a page's statement */
    POSTGRES_BODY_BYTES_MAX = 16 << 20, /* of a batch: 4096 views of 2 KiB are
                                           half of it */
};

enum postgres_expiry_phase {
    POSTGRES_EXPIRY_WAIT,
    POSTGRES_EXPIRY_NEXT_RULE,
    POSTGRES_EXPIRY_DELETE,
};

struct postgres_expiry {
    enum postgres_expiry_phase phase;
    int64_t next_ms; /* monotonic: when the next round begins */
    bool any_rule;   /* user_id and rule_ms are a rule's */
    char user_id[VIEWED_USER_BYTES_MAX + 1]; /* "": everybody */
    int64_t rule_ms;
};

/* An erasure whose service may be gone. */
struct postgres_left {
    int64_t next_ms; /* monotonic: when to look */
    bool going_on;
    char user_id[VIEWED_USER_BYTES_MAX + 1]; /* "": none at the last look */
    int64_t until_ms;
};

/* What a batch is sorted by. */
struct postgres_claim {
    struct uuid id;
    uint32_t at; /* in the batch */
};

struct postgres_store {
    struct store base;
    char *url;

    /* The writer's thread alone. */
    struct postgres_db *db;
    int part; /* of `counts` */
    bool rules_read;
    int64_t rules_version;
    struct erased_set erased;
    struct keep_days keep;
    int64_t removed_count;
    int64_t gone_version;
    struct store_contained contained;
    struct postgres_expiry expiry;
    struct postgres_left left;
    uint64_t led_by; /* the connection that holds the leader's lock; 0: none */
    int64_t next_ask_ms;           /* monotonic, all: when it asks to lead, */
    int64_t next_end_ms;           /* ends who stands still, */
    int64_t next_look_ms;          /* asks for the tables' size */
    struct postgres_claim *claims; /* room for a batch */
    struct postgres_array arrays[3];
    struct buffer rows;

    /* Any thread. */
    struct postgres_readers readers;
    char pages[POSTGRES_PAGES][POSTGRES_SQL_MAX];
    _Atomic int64_t views;
    _Atomic int64_t shown_offset;
    _Atomic int64_t shown_place;
    _Atomic int64_t bytes;
    _Atomic bool leads;
    pthread_mutex_t drilled_lock;
    char drilled[STORE_DRILLED_BYTES]; /* "": there was no drill */
};

static inline struct postgres_store *postgres_store_of(struct store *base)
{
    return (struct postgres_store *)base;
}

static inline const struct postgres_store *
postgres_const_store_of(const struct store *base)
{
    return (const struct postgres_store *)base;
}

/* --- state.c -------------------------------------------------------------- */

/*
 * A transaction of the writer, with the state as it then is: the rules are read
 * again where they are others. POSTGRES_WRITE for views, which shares the
 * rules' lock and may take places; POSTGRES_RULE to change the rules: it has
 * the lock alone.
 */
enum postgres_purpose {
    POSTGRES_WRITE,
    POSTGRES_RULE,
};
enum result postgres_begin(struct postgres_store *store,
                           enum postgres_purpose purpose, struct fault *fault);

/* Commits where `r` is RESULT_OK, else rolls back. After a rule has changed or
 * views have gone, what is in memory is as old as before: read it by
 * postgres_refresh(). */
enum result postgres_end(struct postgres_store *store, enum result r,
                         struct fault *fault);

/* Reads the state outside of a transaction. */
enum result postgres_refresh(struct postgres_store *store, struct fault *fault);

/* In the transaction that is open: everybody is to read the rules again; views
 * have gone. */
enum result postgres_raise_rules(struct postgres_store *store,
                                 struct fault *fault);
enum result postgres_raise_gone(struct postgres_store *store,
                                struct fault *fault);

/* In the transaction that is open: so many rows more or less. */
enum result postgres_count(struct postgres_store *store, int64_t views,
                           struct fault *fault);

/* One statement of the writer without rows. */
enum result postgres_do(struct postgres_store *store, const char *sql,
                        const struct postgres_values *values,
                        struct fault *fault);

/* --- rules.c: adds what the database has -----------------------------------
 */

enum result postgres_read_refused(struct postgres_db *db,
                                  struct erased_set *set, struct fault *fault);
enum result postgres_read_keep(struct postgres_db *db, struct keep_days *keep,
                               struct fault *fault);
/* In the transaction that is open. */
enum result postgres_write_pause(struct postgres_store *store,
                                 const struct erased_entry *entry,
                                 struct fault *fault);

/* --- drilled.c -------------------------------------------------------------
 */

/* What postgres_store_drilled() tells from then on. */
void postgres_show_drilled(struct postgres_store *store, const char *line);

/* --- delete.c --------------------------------------------------------------
 */

/* Deletes some views, a user's (NULL: everybody's) up to that time, in a
 * transaction of its own; *ret_more: there may be more. *views grows. */
enum result postgres_delete_some(struct postgres_store *store,
                                 const char *user_id, int64_t until_ms,
                                 int64_t *views, bool *ret_more,
                                 struct fault *fault);

/* --- tidy.c ----------------------------------------------------------------
 */

/* What is due, of what is asked now and then: to lead, and whether another one
 * stands still. Cheap where nothing is. Outside of a transaction. */
enum result postgres_look_around(struct postgres_store *store,
                                 struct fault *fault);

/* --- removed.c, expire.c, erase.c: a step of what the leader does ----------
 */

enum result postgres_forget_removed(struct postgres_store *store,
                                    bool *ret_more, struct fault *fault);
enum result postgres_expire(struct postgres_store *store, bool *ret_more,
                            struct fault *fault);
/* Goes on with an erasure that another service has begun and, as it seems, not
 * lived to end. */
enum result postgres_end_erasures(struct postgres_store *store, bool *ret_more,
                                  struct fault *fault);
/* A round begins at once. */
void postgres_expire_now(struct postgres_store *store);
enum result postgres_read_removals(struct postgres_db *db,
                                   struct removed_set *set,
                                   struct fault *fault);

/* --- row.c -----------------------------------------------------------------
 */

enum {
    POSTGRES_ROW_COLUMNS_COUNT = 13,
};
#define POSTGRES_ROW_COLUMNS                                                   \
    "seq, viewed_at_ms, id, flags, user_id, video_id, video_path, "            \
    "received_ms, position_ms, duration_ms, session_id, rule, trace"

enum postgres_flag { /* of views.flags; stored, never renumber */
                     POSTGRES_FLAG_ID_GIVEN = 1,
                     POSTGRES_FLAG_TIME_GIVEN = 2,
                     POSTGRES_FLAG_RESTORED = 4, /* after a removal */
};

/* The texts are the rows'. */
void postgres_row_read(const struct postgres_rows *rows, int row,
                       struct store_row *ret);

/* --- query.c ---------------------------------------------------------------
 */

void postgres_write_pages(struct postgres_store *store);

/* Of a view by its id, $1. */
extern const char postgres_find_sql[];

/* --- readers.c -------------------------------------------------------------
 */

enum result postgres_readers_open(struct postgres_readers *readers,
                                  const char *url, unsigned count,
                                  struct fault *fault);
void postgres_readers_close(struct postgres_readers *readers);

/* Waits for a free one, at most 5 s; the caller gives it back. */
enum result postgres_readers_take(struct postgres_readers *readers,
                                  struct postgres_reader **ret,
                                  struct fault *fault);
void postgres_readers_give(struct postgres_readers *readers,
                           struct postgres_reader *reader);

/* What a connection for reading is set up with. */
extern const char postgres_reader_setup[];

#endif
