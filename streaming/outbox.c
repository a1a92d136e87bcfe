#include "outbox.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "batcher.h"
#include "buffer.h"
#include "cleanup.h"
#include "clock.h"
#include "condition.h"
#include "migrate.h"
#include "outbox_statements.h"
#include "sqlite_db.h"

enum {
    BATCH_MAX = 1024,
    QUEUE_MAX = 16 * 1024, /* more at once: RESULT_LIMIT */
    LINGER_MS = 2,         /* of viewers who report at the same time */
    IDLE_MS = 10 * 1000,   /* between looks for sessions to forget, and tries */
    /* Confirmed and not removed yet. More waits for the next start, and is
     * then published again, which its id makes harmless. */
    REMOVALS_MAX = 64 * 1024,
};

struct outbox {
    struct outbox_config config;
    struct sqlite_db *writer;
    struct outbox_statements statements;
    struct batcher *batcher;
    struct condition condition;
    _Atomic int64_t depth;
    bool is_lost; /* the writer's thread's */

    pthread_mutex_t reader_lock; /* guards the read-only connection */
    struct sqlite_db *reader;
    sqlite3_stmt *read;
    sqlite3_stmt *recall;
    sqlite3_stmt *oldest;

    pthread_mutex_t removals_lock;
    int64_t *removals;
    size_t removals_count;
    bool removal_submitted;
    struct batch_item removal; /* "work off `removals`" */
};

enum kind {
    KIND_ACCEPT,
    KIND_TOUCH,
    KIND_REMOVE,
};

/* What the batcher carries; its item comes first. The removal item is the
 * outbox's own, and is told apart by its address. */
struct write {
    struct batch_item item;
    enum kind kind;
    const struct viewed *viewed; /* ACCEPT */
    const char *body;
    size_t body_bytes;
    char viewer[UUID_TEXT_BYTES]; /* TOUCH */
    char video[VIEWED_VIDEO_BYTES_MAX + 1];
    int64_t now_ms;
};

/* --- the writer's thread ---------------------------------------------------
 */

/* What a batch changes, once it is committed. */
struct change {
    size_t confirmed; /* of `removals` */
    int64_t depth;    /* rows more, or less */
};

static int64_t rows_changed(struct outbox *outbox)
{
    return sqlite3_changes(sqlite_db_handle(outbox->writer));
}

static enum result remove_confirmed(struct outbox *outbox,
                                    struct change *change, struct fault *fault)
{
    pthread_mutex_lock(&outbox->removals_lock);
    size_t count = outbox->removals_count;
    pthread_mutex_unlock(&outbox->removals_lock);
    /* Only this thread takes from the front; others append behind it. */
    for (size_t i = 0; i < count; i++) {
        enum result r =
            outbox_remove_row(&outbox->statements, outbox->removals[i], fault);
        if (r != RESULT_OK)
            return r;
        change->depth -= rows_changed(outbox);
    }
    change->confirmed = count;
    return RESULT_OK;
}

static void forget_removed(struct outbox *outbox, size_t count)
{
    pthread_mutex_lock(&outbox->removals_lock);
    outbox->removals_count -= count;
    memmove(outbox->removals, outbox->removals + count,
            outbox->removals_count * sizeof *outbox->removals);
    pthread_mutex_unlock(&outbox->removals_lock);
}

static enum result write_one(struct outbox *outbox, struct batch_item *item,
                             struct change *change, struct fault *fault)
{
    struct outbox_statements *s = &outbox->statements;
    if (item == &outbox->removal)
        return remove_confirmed(outbox, change, fault);
    struct write *write = (struct write *)item;
    if (write->kind == KIND_TOUCH)
        return outbox_touch_session(s, write->viewer, write->video,
                                    write->now_ms, fault);
    enum result r = outbox_add(s, write->viewed, write->now_ms, write->body,
                               write->body_bytes, fault);
    change->depth += r == RESULT_OK ? rows_changed(outbox) : 0;
    if (r == RESULT_OK)
        r = outbox_remember(s, write->viewed, write->now_ms, fault);
    return r;
}

static size_t count_accepted(struct outbox *outbox, struct batch_item **items,
                             size_t count)
{
    size_t accepted = 0;
    for (size_t i = 0; i < count; i++)
        if (items[i] != &outbox->removal &&
            ((struct write *)items[i])->kind == KIND_ACCEPT)
            accepted++;
    return accepted;
}

/* Remembers how the last write went. */
static void note(struct outbox *outbox, enum result result,
                 const struct fault *fault)
{
    (void)condition_set(&outbox->condition, result == RESULT_OK, fault->text);
    if (outbox->is_lost || !sqlite_db_sync_failed(outbox->writer))
        return;
    outbox->is_lost = true;
    if (outbox->config.lost != NULL)
        outbox->config.lost(outbox->config.lost_context, fault->text);
}

/* SQLite may have rolled back by itself, as when the disk is full; and without
 * memory this fails too, so it comes again before the next batch. */
static void roll_back(struct outbox *outbox)
{
    if (sqlite3_get_autocommit(sqlite_db_handle(outbox->writer)) == 0)
        (void)sqlite_db_run(outbox->writer, "ROLLBACK", NULL);
}

static enum result write_batch(struct outbox *outbox, struct batch_item **items,
                               size_t count, struct change *change,
                               struct fault *fault)
{
    if (outbox->is_lost)
        return fault_set(fault, RESULT_UNAVAILABLE, "a sync has failed");
    roll_back(outbox);
    enum result r = sqlite_db_run(outbox->writer, "BEGIN IMMEDIATE", fault);
    for (size_t i = 0; r == RESULT_OK && i < count; i++)
        r = write_one(outbox, items[i], change, fault);
    if (r == RESULT_OK)
        r = sqlite_db_run(outbox->writer, "COMMIT", fault);
    if (r != RESULT_OK)
        roll_back(outbox);
    return r;
}

static void apply(void *context, struct batch_item **items, size_t count)
{
    struct outbox *outbox = context;
    struct fault fault = {0};
    struct change change = {0};
    size_t accepted = count_accepted(outbox, items, count);
    enum result r = write_batch(outbox, items, count, &change, &fault);
    note(outbox, r, &fault);
    for (size_t i = 0; i < count; i++)
        items[i]->result = r == RESULT_OK ? RESULT_OK : RESULT_UNAVAILABLE;
    if (r != RESULT_OK)
        return;
    forget_removed(outbox, change.confirmed);
    outbox->depth += change.depth;
    if (accepted > 0 && outbox->config.accepted != NULL)
        outbox->config.accepted(outbox->config.accepted_context);
}

static void submit_removal(struct outbox *outbox);

/* Writes and takes back, in one transaction: who sees that nothing can be
 * accepted may send nothing that would show that it can again. */
static void try_to_work(struct outbox *outbox)
{
    struct fault fault = {0};
    struct sqlite_db *db = outbox->writer;
    enum result r =
        sqlite_db_run(db,
                      "BEGIN IMMEDIATE;"
                      "INSERT INTO counted VALUES ('', '', zeroblob(16), 0);"
                      "DELETE FROM counted WHERE viewer = '' AND video = '';"
                      "COMMIT",
                      &fault);
    if (r != RESULT_OK)
        roll_back(outbox);
    note(outbox, r, &fault);
    if (r != RESULT_OK)
        return;
    pthread_mutex_lock(&outbox->removals_lock);
    submit_removal(outbox);
    pthread_mutex_unlock(&outbox->removals_lock);
}

/* The batcher's idle work. */
static bool tidy(void *context)
{
    struct outbox *outbox = context;
    bool more = false;
    if (outbox->is_lost)
        return false;
    int64_t before_ms = clock_now_ms() - outbox->config.recall_ms;
    /* A failure shows itself at the next acceptance, where it matters. */
    struct fault fault = {0};
    (void)outbox_forget(&outbox->statements, before_ms, &more, &fault);
    if (sqlite_db_sync_failed(outbox->writer))
        note(outbox, RESULT_UNUSABLE, &fault);
    else if (!condition_works(&outbox->condition, NULL))
        try_to_work(outbox);
    return more;
}

/* --- life -------------------------------------------------------------------
 */

static enum result open_writer(struct outbox *outbox, struct fault *fault)
{
    enum result r = sqlite_db_open(outbox->config.path, &outbox->writer, fault);
    if (r == RESULT_OK)
        r = schema_migrate(outbox->writer, SCHEMA_OUTBOX, fault);
    if (r == RESULT_OK)
        r = outbox_statements_prepare(&outbox->statements, outbox->writer,
                                      fault);
    int64_t depth = 0;
    if (r == RESULT_OK)
        r = sqlite_db_integer(outbox->writer, "SELECT count(*) FROM outbox",
                              &depth, fault);
    outbox->depth = depth;
    return r;
}

static enum result open_reader(struct outbox *outbox, struct fault *fault)
{
    enum result r =
        sqlite_db_open_readonly(outbox->config.path, &outbox->reader, fault);
    if (r == RESULT_OK)
        r = sqlite_db_prepare(outbox->reader,
                              "SELECT seq, id, viewed_at_ms, body FROM outbox"
                              " WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                              &outbox->read, fault);
    if (r == RESULT_OK)
        r = sqlite_db_prepare(outbox->reader,
                              "SELECT session_id FROM counted"
                              " WHERE viewer = ?1 AND video = ?2"
                              " AND active_ms > ?3",
                              &outbox->recall, fault);
    if (r == RESULT_OK)
        r = sqlite_db_prepare(
            outbox->reader,
            "SELECT accepted_ms FROM outbox ORDER BY seq LIMIT 1",
            &outbox->oldest, fault);
    return r;
}

static enum result start_batcher(struct outbox *outbox, struct fault *fault)
{
    struct batcher_config config = {
        .apply = apply,
        .idle = tidy,
        .context = outbox,
        .batch_max = BATCH_MAX,
        .queue_max = QUEUE_MAX,
        .linger_ms = LINGER_MS,
        .idle_ms = IDLE_MS,
    };
    return batcher_start(&config, &outbox->batcher, fault);
}

enum result outbox_open(const struct outbox_config *config, struct outbox **ret,
                        struct fault *fault)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);
    if (outbox == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    outbox->config = *config;
    pthread_mutex_init(&outbox->reader_lock, NULL);
    pthread_mutex_init(&outbox->removals_lock, NULL);
    condition_init(&outbox->condition, true, "");
    outbox->removals = calloc(REMOVALS_MAX, sizeof *outbox->removals);
    enum result r = outbox->removals != NULL
                        ? RESULT_OK
                        : fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    if (r == RESULT_OK)
        r = open_writer(outbox, fault);
    if (r == RESULT_OK)
        r = open_reader(outbox, fault);
    if (r == RESULT_OK)
        r = start_batcher(outbox, fault);
    if (r != RESULT_OK) {
        (void)outbox_close(outbox, NULL);
        return r;
    }
    *ret = outbox;
    return RESULT_OK;
}

enum result outbox_close(struct outbox *outbox, struct fault *fault)
{
    if (outbox == NULL)
        return RESULT_OK;
    batcher_stop(outbox->batcher);
    (void)sqlite3_finalize(outbox->read);
    (void)sqlite3_finalize(outbox->recall);
    (void)sqlite3_finalize(outbox->oldest);
    outbox_statements_done(&outbox->statements);
    enum result read_closed = sqlite_db_close(outbox->reader, fault);
    enum result write_closed = sqlite_db_close(outbox->writer, fault);
    pthread_mutex_destroy(&outbox->reader_lock);
    pthread_mutex_destroy(&outbox->removals_lock);
    condition_done(&outbox->condition);
    free(outbox->removals);
    free(outbox);
    return write_closed != RESULT_OK ? write_closed : read_closed;
}

void outbox_on_accepted(struct outbox *outbox, void (*accepted)(void *context),
                        void *context)
{
    outbox->config.accepted_context = context;
    outbox->config.accepted = accepted;
}

/* --- any thread
 * --------------------------------------------------------------- */

enum result outbox_accept(struct outbox *outbox, const struct viewed *viewed)
{
    CLEANUP(buffer_done)
    struct buffer body = buffer_make(OUTBOX_BODY_BYTES_MAX);
    viewed_encode(viewed, &body);
    if (body.failed)
        return RESULT_UNAVAILABLE;
    struct write write = {
        .kind = KIND_ACCEPT,
        .viewed = viewed,
        .body = body.data,
        .body_bytes = body.bytes,
        .now_ms = clock_now_ms(),
    };
    return batcher_submit_and_wait(outbox->batcher, &write.item);
}

static void touch_settled(struct batch_item *item)
{
    free(item);
}

void outbox_touch(struct outbox *outbox, const struct uuid *viewer,
                  const char *video, int64_t now_ms)
{
    struct write *write = calloc(1, sizeof *write);
    if (write == NULL)
        return; /* the next touch says it as well */
    write->kind = KIND_TOUCH;
    write->item.settled = touch_settled;
    write->now_ms = now_ms;
    uuid_format(viewer, write->viewer);
    strncpy(write->video, video, sizeof write->video - 1);
    if (batcher_submit(outbox->batcher, &write->item, 1) != RESULT_OK)
        free(write);
}

enum result outbox_recall(void *context, const struct uuid *viewer,
                          const char *video, int64_t now_ms,
                          struct uuid *ret_session, struct fault *fault)
{
    struct outbox *outbox = context;
    char viewer_text[UUID_TEXT_BYTES];
    uuid_format(viewer, viewer_text);
    pthread_mutex_lock(&outbox->reader_lock);
    sqlite3_stmt *recall = outbox->recall;
    (void)sqlite3_bind_text(recall, 1, viewer_text, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(recall, 2, video, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(recall, 3, now_ms - outbox->config.recall_ms);
    int code = sqlite3_step(recall);
    enum result r = RESULT_NOT_FOUND;
    if (code == SQLITE_ROW) {
        memcpy(ret_session->bytes, sqlite3_column_blob(recall, 0),
               sizeof ret_session->bytes);
        r = RESULT_OK;
    } else if (code != SQLITE_DONE) {
        r = sqlite_db_fault(outbox->reader, "cannot look a session up", fault);
    }
    (void)sqlite3_reset(recall);
    pthread_mutex_unlock(&outbox->reader_lock);
    return r;
}

static void read_row(sqlite3_stmt *read, struct outbox_row *row)
{
    row->seq = sqlite3_column_int64(read, 0);
    memcpy(row->id.bytes, sqlite3_column_blob(read, 1), sizeof row->id.bytes);
    row->viewed_at_ms = sqlite3_column_int64(read, 2);
    size_t bytes = (size_t)sqlite3_column_bytes(read, 3);
    assert(bytes <= sizeof row->body); /* outbox_accept() keeps to it */
    row->body_bytes = bytes;
    if (bytes > 0)
        memcpy(row->body, sqlite3_column_blob(read, 3), bytes);
}

enum result outbox_read(struct outbox *outbox, int64_t after,
                        struct outbox_row *rows, size_t count,
                        size_t *ret_count, struct fault *fault)
{
    size_t got = 0;
    pthread_mutex_lock(&outbox->reader_lock);
    (void)sqlite3_bind_int64(outbox->read, 1, after);
    (void)sqlite3_bind_int64(outbox->read, 2, (int64_t)count);
    int code = SQLITE_DONE;
    while (got < count && (code = sqlite3_step(outbox->read)) == SQLITE_ROW)
        read_row(outbox->read, &rows[got++]);
    enum result r =
        code == SQLITE_ROW || code == SQLITE_DONE
            ? RESULT_OK
            : sqlite_db_fault(outbox->reader, "cannot read the outbox", fault);
    (void)sqlite3_reset(outbox->read);
    pthread_mutex_unlock(&outbox->reader_lock);
    if (r == RESULT_OK)
        *ret_count = got;
    return r;
}

static void removal_settled(struct batch_item *item);

/* Under removals_lock. */
static void submit_removal(struct outbox *outbox)
{
    if (outbox->removal_submitted || outbox->removals_count == 0)
        return;
    outbox->removal.settled = removal_settled;
    outbox->removal_submitted =
        batcher_submit(outbox->batcher, &outbox->removal, 1) == RESULT_OK;
}

static void removal_settled(struct batch_item *item)
{
    struct outbox *outbox =
        (struct outbox *)((char *)item - offsetof(struct outbox, removal));
    pthread_mutex_lock(&outbox->removals_lock);
    outbox->removal_submitted = false;
    /* After a failure the next call tries again, not a loop here. */
    if (item->result == RESULT_OK)
        submit_removal(outbox);
    pthread_mutex_unlock(&outbox->removals_lock);
}

void outbox_remove(struct outbox *outbox, const int64_t *seqs, size_t count)
{
    pthread_mutex_lock(&outbox->removals_lock);
    size_t room = REMOVALS_MAX - outbox->removals_count;
    size_t kept = count < room ? count : room;
    if (kept > 0)
        memcpy(outbox->removals + outbox->removals_count, seqs,
               kept * sizeof *seqs);
    outbox->removals_count += kept;
    submit_removal(outbox);
    pthread_mutex_unlock(&outbox->removals_lock);
}

bool outbox_works(struct outbox *outbox, struct fault *ret_why)
{
    return condition_works(&outbox->condition, ret_why);
}

void outbox_stats(struct outbox *outbox, struct outbox_stats *ret)
{
    pthread_mutex_lock(&outbox->reader_lock);
    int64_t oldest_ms = 0;
    if (sqlite3_step(outbox->oldest) == SQLITE_ROW)
        oldest_ms = sqlite3_column_int64(outbox->oldest, 0);
    (void)sqlite3_reset(outbox->oldest);
    pthread_mutex_unlock(&outbox->reader_lock);
    *ret =
        (struct outbox_stats){.depth = outbox->depth, .oldest_ms = oldest_ms};
}
