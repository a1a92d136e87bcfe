#ifndef FLIXTUBE_HISTORY_SQLITE_PARTS_H
#define FLIXTUBE_HISTORY_SQLITE_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "cleanup.h"
#include "erased_set.h"
#include "keep_days.h"
#include "list_changes.h"
#include "removed_set.h"
#include "siphash.h"
#include "sqlite_db.h"
#include "sqlite_store.h"
#include "tail.h"

/*
 * What the files of this engine share; nobody else includes this.
 *
 * `views` is a log in order of arrival. A view is in up to four lists: all
 * views, its user's, its video's, its user's of that video; a list is ordered
 * by (viewed_at_ms, seq). The entries of views up to `mark` are in the table
 * `listed`, those of later views in the tail, in memory, and at start the tail
 * is built again from the log. So writing appends and never waits for an
 * index, and the index on disk is filled in sorted runs, in slices.
 *
 * A query takes the tail first and its read transaction second. So every
 * entry of the tail has its row there, and what left the tail before is in
 * `listed`. What it shows is the log up to the tail's last seq, exactly:
 * entries of `listed` beyond that seq are passed over, and an entry that is in
 * both (its merge is under way, or done since) counts once.
 */

struct store_reader {
    struct sqlite_db *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *end;
    sqlite3_stmt *mark;
    sqlite3_stmt *listed[2]; /* newest first, oldest first */
    sqlite3_stmt *jump[2];
    sqlite3_stmt *count;
    sqlite3_stmt *row;
    sqlite3_stmt *find;
    struct store_reader *next_free;
};

struct store_readers {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    bool made; /* lock and freed are */
    struct store_reader *all;
    size_t count;
    struct store_reader *first_free;
};

enum {
    STORE_VIDEOS_NOTED = 16384, /* 128 KiB */
};

enum store_expiry_phase {
    STORE_EXPIRY_WAIT,
    STORE_EXPIRY_MERGE,
    STORE_EXPIRY_NEXT_RULE,
    STORE_EXPIRY_DELETE,
    STORE_EXPIRY_VIDEOS,
};

struct store_expiry {
    struct keep_days keep;
    int64_t next_ms; /* monotonic: when the next round begins */
    enum store_expiry_phase phase;
    int64_t merge_seq; /* views up to here are to be in `listed` first */
    bool any_rule;     /* user_id and rule_ms are a rule's */
    char user_id[VIEWED_USER_BYTES_MAX + 1]; /* "": everybody */
    int64_t rule_ms;
    struct store_place after;
    bool has_deleted; /* in this round */
    char after_video[VIEWED_VIDEO_BYTES_MAX + 1];
};

struct sqlite_store {
    struct store base;
    char *path;
    char *wal_path;

    /* The writer's thread alone. */
    struct sqlite_db *db;
    sqlite3_stmt *begin;
    sqlite3_stmt *commit;
    sqlite3_stmt *rollback;
    sqlite3_stmt *insert_view;
    sqlite3_stmt *insert_views; /* STORE_VIEWS_AT_ONCE */
    sqlite3_stmt *delete_views; /* beyond a seq */
    sqlite3_stmt *add_views;
    sqlite3_stmt *note_video;
    sqlite3_stmt *insert_listed;
    sqlite3_stmt *insert_listed_many; /* STORE_ENTRIES_AT_ONCE */
    sqlite3_stmt *move_mark;
    sqlite3_stmt *set_contained;
    struct siphash_key list_key;
    int64_t last_seq;
    struct store_contained contained;
    struct erased_set erased;
    sqlite3_stmt *find_removed;
    uint8_t *removed_bits; /* removed.c; NULL while nothing is removed */
    int64_t removed_count;
    bool restoring;        /* what is inserted was removed */
    int64_t restorable_ms; /* the oldest's removed_ms; INT64_MAX: none is */
    struct store_expiry expiry;
    size_t merged; /* entries of the frozen run that are in `listed` */
    /* Lists of videos that are in `videos` for sure; 0: none. */
    int64_t videos_noted[STORE_VIDEOS_NOTED];
    int wal_pages;
    int wal_pages_held; /* when a reader stopped a checkpoint; 0: none */
    struct tail_entry *entries; /* room for a batch */

    /* Any thread. */
    struct tail *tail;
    struct store_readers readers;
    _Atomic int64_t views;
    _Atomic int64_t mark;
    _Atomic int64_t shown_seq;    /* last_seq, for store_stats() */
    _Atomic int64_t shown_offset; /* contained.offset, likewise */
    /* Whatever makes a query answer otherwise raises it: see there. */
    struct list_changes changes;
};

static inline struct sqlite_store *sqlite_store_of(struct store *base)
{
    return (struct sqlite_store *)base;
}

static inline const struct sqlite_store *
sqlite_store_of_const(const struct store *base)
{
    return (const struct sqlite_store *)base;
}

enum {
    STORE_ENTRIES_MAX = STORE_BATCH_MAX * TAIL_LISTS_MAX,
    STORE_ENTRIES_AT_ONCE = 32, /* of one INSERT: a third less work */
    STORE_VIEWS_AT_ONCE = 16,   /* of one INSERT: see write.c */
};

/*
 * SQLite's last error on the writer's connection, in words. RESULT_UNUSABLE
 * after a failed fsync, too: what the disk then holds is not known, and only
 * a new start finds out.
 */
enum result sqlite_store_fault(struct sqlite_store *store, const char *doing,
                               struct fault *fault);

/* One step of a statement without rows, then reset. */
enum result sqlite_store_step(struct sqlite_store *store,
                              sqlite3_stmt *statement, const char *doing,
                              struct fault *fault);

/* The file's own key, under which lists are hashed. */
enum result sqlite_store_read_key(struct sqlite_db *db, struct siphash_key *ret,
                                  struct fault *fault);

/* A write transaction. sqlite_store_rollback() is right after any failure,
 * whether or not SQLite has rolled back by itself. */
enum result sqlite_store_begin(struct sqlite_store *store, struct fault *fault);
enum result sqlite_store_commit(struct sqlite_store *store,
                                struct fault *fault);
void sqlite_store_rollback(struct sqlite_store *store);

/* The entries of one view; returns how many. */
size_t sqlite_store_entries(const struct siphash_key *key, const char *user_id,
                            const char *video_id, struct store_place place,
                            struct tail_entry entries[TAIL_LISTS_MAX]);

/* videos.c: that there is such a video, in the transaction that is open;
 * after one that failed what was noted is to be forgotten. */
enum result sqlite_store_note_video(struct sqlite_store *store,
                                    const char *video_id, int64_t list,
                                    struct fault *fault);
void sqlite_store_forget_noted_videos(struct sqlite_store *store);

/* Forgets the names that no view is of any more, some of those behind `after`,
 * which it moves on; "" to begin. A transaction of its own; a step of an
 * erasure. */
enum result
sqlite_store_videos_forget_step(struct sqlite_store *store,
                                char after[VIEWED_VIDEO_BYTES_MAX + 1],
                                bool *ret_more, struct fault *fault);

/* The same for one name. */
enum result sqlite_store_forget_video(struct sqlite_store *store,
                                      const char *video_id,
                                      struct fault *fault);

/* Views that are committed and not merged. */
int64_t sqlite_store_tail_views(const struct sqlite_store *store);

/*
 * merge.c: what the writer owes to the merge when store_tidy() does not
 * keep up. sqlite_store_merge_prepare() comes before a batch's transaction;
 * sqlite_store_merge_owed() inserts into that transaction, and *ret_merged
 * becomes store->merged when it is committed.
 */
enum result sqlite_store_merge_prepare(struct sqlite_store *store,
                                       struct fault *fault);
enum result sqlite_store_merge_owed(struct sqlite_store *store, size_t added,
                                    size_t *ret_merged, struct fault *fault);

/* One slice of a merge, however little there is to merge; there must be some.
 */
enum result sqlite_store_merge_step(struct sqlite_store *store,
                                    struct fault *fault);

/* removed.c */
enum result sqlite_store_removed_open(struct sqlite_store *store,
                                      struct fault *fault);
void sqlite_store_removed_close(struct sqlite_store *store);
/* Only where store->removed_bits are. */
enum result sqlite_store_removed_has(struct sqlite_store *store,
                                     const struct uuid *id, bool *ret,
                                     struct fault *fault);
/* Forgets what a user removed; raises *until_ms to the latest view of it. In
 * the transaction that is open, and after its commit. */
enum result sqlite_store_removed_latest(struct sqlite_store *store,
                                        const struct erased_user *user,
                                        int64_t *until_ms, struct fault *fault);
enum result sqlite_store_removed_erase(struct sqlite_store *store,
                                       const struct erased_user *user,
                                       struct fault *fault);
/* The id's row goes. In the transaction that is open. */
enum result sqlite_store_removed_drop(struct sqlite_store *store,
                                      const struct uuid *id,
                                      struct fault *fault);
bool sqlite_store_removed_due(const struct sqlite_store *store);
enum result sqlite_store_removed_forget(struct sqlite_store *store,
                                        struct fault *fault);

/* write.c: puts a removed view back: the row of `removed` goes, the view
 * comes, as a new one of the log. */
enum result sqlite_store_write_restored(struct sqlite_store *store,
                                        struct store_view *view,
                                        struct fault *fault);

/* The same as store_write(), for an import that notes what was new. */
enum result sqlite_store_write_imported(struct sqlite_store *store,
                                        const char *import,
                                        struct store_view *views, size_t count,
                                        struct fault *fault);

/* import.c: that these places are the import's. In the transaction that
 * is open. */
enum result sqlite_store_import_note(struct sqlite_store *store,
                                     const char *name, int64_t first_seq,
                                     int64_t last_seq, struct fault *fault);

/* delete.c: deletes the row and its entries in `listed`. In the
 * transaction that is open. */
enum result sqlite_store_delete_view(struct sqlite_store *store, int64_t seq,
                                     const struct tail_entry *entries,
                                     size_t count, struct fault *fault);

/* The same for several. */
struct store_deleted {
    int64_t seq;
    struct tail_entry entries[TAIL_LISTS_MAX];
    size_t count;
};

enum result sqlite_store_delete_views(struct sqlite_store *store,
                                      const struct store_deleted *views,
                                      size_t count, struct fault *fault);

/* Views of a list, oldest first. */
struct store_deletion {
    int64_t list;
    const char *user_id;      /* whose it is; NULL: everybody's */
    int64_t until_ms;         /* inclusive */
    struct store_place after; /* moves on */
    int64_t views;            /* how many went; grows */
};

/* Deletes some, in a transaction of its own, of those whose entries are in
 * `listed`; *ret_more: there may be more. */
enum result sqlite_store_delete_some(struct sqlite_store *store,
                                     struct store_deletion *deletion,
                                     bool *ret_more, struct fault *fault);

/* expire.c */
enum result sqlite_store_expiry_open(struct sqlite_store *store,
                                     struct fault *fault);
void sqlite_store_expiry_close(struct sqlite_store *store);
bool sqlite_store_expired(const struct sqlite_store *store,
                          const struct viewed *viewed, int64_t received_ms);
bool sqlite_store_expiry_due(const struct sqlite_store *store);
enum result sqlite_store_expire_step(struct sqlite_store *store,
                                     struct fault *fault);
/* An erased user's days go: in the transaction that is open, and after its
 * commit. */
enum result sqlite_store_forget_keep_days(struct sqlite_store *store,
                                          const struct erased_user *user,
                                          struct fault *fault);
void sqlite_store_forgot_keep_days(struct sqlite_store *store,
                                   const struct erased_user *user);

/* paused.c: adds a file's pauses. */
enum result sqlite_store_paused_rows(struct sqlite_db *db,
                                     struct erased_set *set,
                                     struct fault *fault);
/* In the transaction that is open. */
enum result sqlite_store_write_pause(struct sqlite_store *store,
                                     const struct erased_entry *entry,
                                     struct fault *fault);

/* The tail becomes empty. */
enum result sqlite_store_merge_all(struct sqlite_store *store,
                                   struct fault *fault);

/* removed.c: adds what a file has. */
enum result sqlite_store_removed_rows(struct sqlite_db *db,
                                      struct removed_set *set,
                                      struct fault *fault);

/* erase.c: adds a file's tombstones. */
enum result sqlite_store_erased_rows(struct sqlite_db *db,
                                     struct erased_set *set,
                                     struct fault *fault);

/* checkpoint.c */
/* Writes all of the WAL back and cuts it; false while a reader needs it. */
enum result sqlite_store_cut_wal(struct sqlite_store *store, bool *ret_cut,
                                 struct fault *fault);
void sqlite_store_checkpoint_watch(struct sqlite_store *store);
bool sqlite_store_checkpoint_due(const struct sqlite_store *store);
bool sqlite_store_checkpoint_overdue(const struct sqlite_store *store);
enum result sqlite_store_checkpoint(struct sqlite_store *store,
                                    struct fault *fault);

/* readers.c */
enum result sqlite_store_readers_open(struct store_readers *readers,
                                      const char *path, unsigned count,
                                      struct fault *fault);
void sqlite_store_readers_close(struct store_readers *readers);

/* Waits for a free one; the caller gives it back. */
enum result sqlite_store_readers_take(struct store_readers *readers,
                                      struct store_reader **ret,
                                      struct fault *fault);
void sqlite_store_readers_give(struct store_readers *readers,
                               struct store_reader *reader);

/* row.c: the columns that sqlite_store_row_read() reads, in its order. */
enum {
    STORE_ROW_COLUMNS_COUNT = 13,
};
#define STORE_ROW_COLUMNS "seq, viewed_at_ms, " STORE_ROW_DETAILS
#define STORE_ROW_DETAILS /* what `views` alone has */                         \
    "id, flags, user_id, video_id, video_path, received_ms, position_ms, "     \
    "duration_ms, session_id, rule, trace"

enum store_flag { /* of views.flags; stored, never renumber */
                  STORE_FLAG_ID_GIVEN = 1,
                  STORE_FLAG_TIME_GIVEN = 2,
                  STORE_FLAG_RESTORED = 4, /* after a removal */
};

/* The texts are the statement's, until its next step or reset. */
void sqlite_store_row_read(sqlite3_stmt *statement, struct store_row *ret);

#endif
