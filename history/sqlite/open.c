
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "migrate.h"
#include "sqlite_parts.h"

/* The writer's page cache, in KiB: a slice of the merge fits, so that its
 * pages are written once. Four times as much drained a queue no faster, and
 * took the process over the 48 MB that it is to stay under. */
/* What is deleted is overwritten, and so is what a page that is split leaves
 * behind: who is erased later may be in it. (Debian's SQLite does it anyway.)
 */
static const char writer_settings[] = "PRAGMA cache_size = -8192;"
                                      "PRAGMA secure_delete = ON";

enum result sqlite_store_fault(struct sqlite_store *store, const char *doing,
                               struct fault *fault)
{
    return sqlite_db_fault(store->db, doing, fault);
}

bool sqlite_store_sync_failed(const struct store *base)
{
    const struct sqlite_store *store = sqlite_store_of_const(base);
    return sqlite_db_sync_failed(store->db);
}

enum result sqlite_store_step(struct sqlite_store *store,
                              sqlite3_stmt *statement, const char *doing,
                              struct fault *fault)
{
    enum result result = RESULT_OK;
    if (sqlite3_step(statement) != SQLITE_DONE)
        result = sqlite_store_fault(store, doing, fault);
    sqlite3_reset(statement); /* says again what the step said */
    return result;
}

enum result sqlite_store_begin(struct sqlite_store *store, struct fault *fault)
{
    return sqlite_store_step(store, store->begin, "cannot begin", fault);
}

enum result sqlite_store_commit(struct sqlite_store *store, struct fault *fault)
{
    return sqlite_store_step(store, store->commit, "cannot commit", fault);
}

void sqlite_store_rollback(struct sqlite_store *store)
{
    /* A full disk, say, makes SQLite roll back by itself. A rollback that
     * fails leaves nothing behind either: the next begin tells. */
    if (sqlite3_get_autocommit(sqlite_db_handle(store->db)) == 0)
        (void)sqlite_store_step(store, store->rollback, "cannot roll back",
                                NULL);
}

#define ENTRY_X8                                                               \
    "(?, ?, ?), (?, ?, ?), (?, ?, ?), (?, ?, ?), "                             \
    "(?, ?, ?), (?, ?, ?), (?, ?, ?), (?, ?, ?)"

_Static_assert(STORE_ENTRIES_AT_ONCE == 32, "as many as the statement has");

#define INSERT_VIEWS                                                           \
    "INSERT INTO views (seq, id, user_id, video_id, video_path,"               \
    " viewed_at_ms, received_ms, position_ms, duration_ms, session_id,"        \
    " rule, flags, trace) VALUES "
#define VIEW         "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define VIEW_X4      VIEW ", " VIEW ", " VIEW ", " VIEW
#define UNLESS_KNOWN " ON CONFLICT (id) DO NOTHING"

_Static_assert(STORE_VIEWS_AT_ONCE == 16, "as many as the statement has");

static enum result prepare(struct sqlite_store *store, struct fault *fault)
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } wanted[] = {
        {&store->begin, "BEGIN IMMEDIATE"},
        {&store->commit, "COMMIT"},
        {&store->rollback, "ROLLBACK"},
        {&store->insert_view, INSERT_VIEWS VIEW UNLESS_KNOWN},
        {&store->insert_views, INSERT_VIEWS VIEW_X4 ", " VIEW_X4 ", " VIEW_X4
                                                    ", " VIEW_X4 UNLESS_KNOWN},
        {&store->delete_views, "DELETE FROM views WHERE seq > ?1"},
        {&store->note_video,
         "INSERT INTO videos (id) VALUES (?1) ON CONFLICT DO NOTHING"},
        {&store->add_views, "UPDATE store SET views = views + ?1"},
        {&store->insert_listed,
         "INSERT INTO listed (list, viewed_at_ms, seq) VALUES (?, ?, ?)"
         " ON CONFLICT DO NOTHING"},
        {&store->insert_listed_many,
         "INSERT INTO listed (list, viewed_at_ms, seq) VALUES " ENTRY_X8
         ", " ENTRY_X8 ", " ENTRY_X8 ", " ENTRY_X8 " ON CONFLICT DO NOTHING"},
        {&store->move_mark, "UPDATE store SET mark = ?1"},
        {&store->set_contained,
         "UPDATE store SET stream_offset = ?1, stream_hash = ?2"},
        {&store->find_removed, "SELECT 1 FROM removed WHERE id = ?1"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        enum result result = sqlite_db_prepare(store->db, wanted[i].sql,
                                               wanted[i].statement, fault);
        if (result != RESULT_OK)
            return result;
    }
    return RESULT_OK;
}

/* Little-endian on every machine: a file may move to another. */
static uint64_t read_word(const uint8_t bytes[8])
{
    uint64_t word = 0;
    for (int i = 0; i < 8; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

enum result sqlite_store_read_key(struct sqlite_db *db, struct siphash_key *ret,
                                  struct fault *fault)
{
    sqlite3_stmt *statement = NULL;
    enum result result =
        sqlite_db_prepare(db, "SELECT hash_key FROM store", &statement, fault);
    if (result != RESULT_OK)
        return result;
    int code = sqlite3_step(statement);
    const uint8_t *bytes =
        code == SQLITE_ROW ? sqlite3_column_blob(statement, 0) : NULL;
    if (bytes == NULL || sqlite3_column_bytes(statement, 0) != (int)sizeof *ret)
        result = code == SQLITE_ROW || code == SQLITE_DONE
                     ? fault_set(fault, RESULT_UNUSABLE,
                                 "the file has no row in table store")
                     : sqlite_db_fault(db, "cannot read", fault);
    else
        *ret = (struct siphash_key){read_word(bytes), read_word(bytes + 8)};
    sqlite3_finalize(statement);
    return result;
}

static enum result read_contained(struct sqlite_store *store,
                                  struct fault *fault)
{
    enum result result =
        sqlite_db_integer(store->db, "SELECT stream_offset FROM store",
                          &store->contained.offset, fault);
    if (result == RESULT_OK)
        result = sqlite_db_integer(store->db, "SELECT stream_hash FROM store",
                                   &store->contained.hash, fault);
    return result;
}

static enum result read_state(struct sqlite_store *store, struct fault *fault)
{
    int64_t views = 0;
    int64_t mark = 0;
    enum result result =
        sqlite_store_read_key(store->db, &store->list_key, fault);
    if (result == RESULT_OK)
        result = sqlite_db_integer(store->db, "SELECT views FROM store", &views,
                                   fault);
    if (result == RESULT_OK)
        result = sqlite_db_integer(store->db, "SELECT mark FROM store", &mark,
                                   fault);
    if (result == RESULT_OK)
        result = sqlite_db_integer(store->db,
                                   "SELECT coalesce(max(seq), 0) FROM views",
                                   &store->last_seq, fault);
    if (result == RESULT_OK)
        result = read_contained(store, fault);
    if (result == RESULT_OK)
        result = sqlite_store_erased_rows(store->db, &store->erased, fault);
    if (result == RESULT_OK)
        result = sqlite_store_paused_rows(store->db, &store->erased, fault);
    if (result == RESULT_OK)
        result = sqlite_store_removed_open(store, fault);
    if (result == RESULT_OK)
        result = sqlite_store_expiry_open(store, fault);
    if (result != RESULT_OK)
        return result;
    /* A new view must be beyond the mark, whatever was deleted. */
    if (store->last_seq < mark)
        store->last_seq = mark;
    atomic_init(&store->views, views);
    atomic_init(&store->mark, mark);
    atomic_init(&store->shown_seq, store->last_seq);
    atomic_init(&store->shown_offset, store->contained.offset);
    return RESULT_OK;
}

static enum result add_entries(struct sqlite_store *store, size_t count,
                               struct fault *fault)
{
    if (!tail_stage_add(store->tail, store->entries, count, store->last_seq))
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    tail_publish(store->tail);
    return RESULT_OK;
}

/* The tail is what was not merged when the file was last closed or left. */
static enum result fill_tail(struct sqlite_store *store, sqlite3_stmt *unmerged,
                             struct fault *fault)
{
    size_t count = 0;
    int code;
    sqlite3_bind_int64(unmerged, 1, atomic_load(&store->mark));
    while ((code = sqlite3_step(unmerged)) == SQLITE_ROW) {
        struct store_row row;
        sqlite_store_row_read(unmerged, &row);
        count +=
            sqlite_store_entries(&store->list_key, row.user_id, row.video_id,
                                 row.place, store->entries + count);
        if (count + TAIL_LISTS_MAX <= STORE_ENTRIES_MAX)
            continue;
        enum result result = add_entries(store, count, fault);
        if (result != RESULT_OK)
            return result;
        count = 0;
    }
    if (code != SQLITE_DONE)
        return sqlite_store_fault(store, "cannot read the log", fault);
    return add_entries(store, count, fault);
}

static enum result build_tail(struct sqlite_store *store, struct fault *fault)
{
    store->entries = calloc(STORE_ENTRIES_MAX, sizeof *store->entries);
    if (store->entries == NULL || !tail_make(store->last_seq, &store->tail))
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    sqlite3_stmt *unmerged = NULL;
    enum result result = sqlite_db_prepare(
        store->db,
        "SELECT " STORE_ROW_COLUMNS " FROM views WHERE seq > ?1 ORDER BY seq",
        &unmerged, fault);
    if (result == RESULT_OK)
        result = fill_tail(store, unmerged, fault);
    sqlite3_finalize(unmerged);
    return result;
}

static enum result open_parts(struct sqlite_store *store,
                              const struct store_config *config,
                              struct fault *fault)
{
    store->path = strdup(config->path);
    if (store->path == NULL ||
        asprintf(&store->wal_path, "%s-wal", config->path) < 0) {
        store->wal_path = NULL;
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    enum result result = sqlite_db_open(config->path, &store->db, fault);
    if (result == RESULT_OK)
        result = schema_migrate(store->db, SCHEMA_HISTORY, fault);
    if (result == RESULT_OK)
        result = sqlite_db_run(store->db, writer_settings, fault);
    if (result == RESULT_OK)
        result = prepare(store, fault);
    if (result == RESULT_OK)
        result = read_state(store, fault);
    if (result == RESULT_OK)
        result = build_tail(store, fault);
    if (result == RESULT_OK)
        result = sqlite_store_readers_open(&store->readers, config->path,
                                           config->readers, fault);
    if (result == RESULT_OK)
        sqlite_store_checkpoint_watch(store);
    return result;
}

enum result sqlite_store_open(const struct store_config *config,
                              struct store **ret, struct fault *fault)
{
    struct sqlite_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    enum result result = open_parts(store, config, fault);
    if (result == RESULT_OK)
        *ret = &store->base;
    else
        (void)sqlite_store_close(&store->base,
                                 NULL); /* the first fault is the one to tell */
    return result;
}

enum result sqlite_store_close(struct store *base, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    sqlite_store_readers_close(&store->readers);
    sqlite3_stmt *statements[] = {
        store->begin,         store->commit,
        store->rollback,      store->insert_view,
        store->insert_views,  store->delete_views,
        store->note_video,    store->add_views,
        store->insert_listed, store->insert_listed_many,
        store->move_mark,     store->set_contained,
        store->find_removed,
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        sqlite3_finalize(statements[i]);
    enum result result = sqlite_db_close(store->db, fault);
    tail_free(store->tail);
    erased_set_done(&store->erased);
    sqlite_store_removed_close(store);
    sqlite_store_expiry_close(store);
    free(store->entries);
    free(store->wal_path);
    free(store->path);
    free(store);
    return result;
}

static int64_t file_bytes(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (int64_t)status.st_size : 0;
}

void sqlite_store_stats(struct store *base, struct store_stats *ret)
{
    struct sqlite_store *store = sqlite_store_of(base);
    int64_t mark = atomic_load(&store->mark);
    int64_t last_seq = atomic_load(&store->shown_seq);
    ret->views = atomic_load(&store->views);
    ret->tail_rows = last_seq > mark ? last_seq - mark : 0;
    ret->merged_seq = mark;
    ret->contained_offset = atomic_load(&store->shown_offset);
    ret->wal_bytes = file_bytes(store->wal_path);
    ret->file_bytes = file_bytes(store->path);
}

struct store_contained sqlite_store_contained(const struct store *base)
{
    const struct sqlite_store *store = sqlite_store_of_const(base);
    return store->contained;
}

/* A lock keeps others out. */
/* A page takes a core for some 20 us and waits for nothing. */
unsigned sqlite_store_readers_default(const char *path)
{
    (void)path;
    return 4;
}

bool sqlite_store_is_in_file(const char *path)
{
    (void)path;
    return true;
}

bool sqlite_store_can_be_shared(const char *path)
{
    (void)path;
    return false;
}

void sqlite_store_shown_name(const char *path, char *ret, size_t ret_bytes)
{
    (void)snprintf(ret, ret_bytes, "%s", path);
}

/* Nobody else changes it. */
enum result sqlite_store_refresh(struct store *base, struct fault *fault)
{
    (void)base;
    (void)fault;
    return RESULT_OK;
}

bool sqlite_store_leads(struct store *base)
{
    (void)base;
    return true;
}

int64_t sqlite_store_shared_poll_ms(const struct store *base)
{
    (void)base;
    return 0;
}
