#include <stdlib.h>
#include <string.h>

#include "sqlite_parts.h"

struct sqlite_log {
    struct store_log base;
    pthread_mutex_t lock; /* guards the statements */
    struct sqlite_db *db;
    sqlite3_stmt *read;
    sqlite3_stmt *end;
    sqlite3_stmt *id;
    sqlite3_stmt *removed;
};

static struct sqlite_log *sqlite_log_of(struct store_log *base)
{
    return (struct sqlite_log *)base;
}

static enum result prepare(struct sqlite_log *log, struct fault *fault)
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } wanted[] = {
        {&log->read, "SELECT " STORE_ROW_COLUMNS " FROM views WHERE seq > ?1 "
                     "ORDER BY seq LIMIT ?2"},
        {&log->end, "SELECT seq, id FROM views ORDER BY seq DESC LIMIT 1"},
        {&log->id, "SELECT seq, id FROM views WHERE seq = ?1"},
        {&log->removed,
         "SELECT place, id FROM removed ORDER BY place DESC LIMIT 1"},
    };
    enum result result = RESULT_OK;
    for (size_t i = 0;
         i < sizeof wanted / sizeof wanted[0] && result == RESULT_OK; i++)
        result = sqlite_db_prepare(log->db, wanted[i].sql, wanted[i].statement,
                                   fault);
    return result;
}

enum result sqlite_store_log_open(const char *path, struct store_log **ret,
                                  struct fault *fault)
{
    struct sqlite_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    pthread_mutex_init(&log->lock, NULL);
    enum result result = sqlite_db_open_readonly(path, &log->db, fault);
    if (result == RESULT_OK)
        result = prepare(log, fault);
    if (result == RESULT_OK)
        *ret = &log->base;
    else
        sqlite_store_log_close(&log->base);
    return result;
}

void sqlite_store_log_close(struct store_log *base)
{
    struct sqlite_log *log = sqlite_log_of(base);
    sqlite3_finalize(log->read);
    sqlite3_finalize(log->end);
    sqlite3_finalize(log->id);
    sqlite3_finalize(log->removed);
    (void)sqlite_db_close(log->db, NULL); /* it has written nothing */
    pthread_mutex_destroy(&log->lock);
    free(log);
}

enum result
sqlite_store_log_read(struct store_log *base, int64_t after, uint32_t limit,
                      bool (*row)(void *context, const struct store_row *row),
                      void *context, int64_t *ret_last, struct fault *fault)
{
    struct sqlite_log *log = sqlite_log_of(base);
    int64_t last = after;
    bool more = true;
    int code = SQLITE_ROW;
    pthread_mutex_lock(&log->lock);
    sqlite3_bind_int64(log->read, 1, after);
    sqlite3_bind_int64(log->read, 2, limit);
    while (more && (code = sqlite3_step(log->read)) == SQLITE_ROW) {
        struct store_row read;
        sqlite_store_row_read(log->read, &read);
        more = row(context, &read);
        last = read.place.seq;
    }
    enum result result =
        code == SQLITE_ROW || code == SQLITE_DONE
            ? RESULT_OK
            : sqlite_db_fault(log->db, "cannot read the log", fault);
    sqlite3_reset(log->read);
    pthread_mutex_unlock(&log->lock);
    if (result == RESULT_OK)
        *ret_last = last;
    return result;
}

/* One step of a statement whose columns are seq and id. The lock is held. */
static enum result look(struct sqlite_log *log, sqlite3_stmt *statement,
                        int64_t *ret_seq, struct uuid *ret_id,
                        struct fault *fault)
{
    enum result result = RESULT_NOT_FOUND;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *ret_seq = sqlite3_column_int64(statement, 0);
        memcpy(ret_id->bytes, sqlite3_column_blob(statement, 1),
               sizeof ret_id->bytes); /* the table checks its length */
        result = RESULT_OK;
    } else if (code != SQLITE_DONE) {
        result = sqlite_db_fault(log->db, "cannot read the log", fault);
    }
    sqlite3_reset(statement);
    return result;
}

enum result sqlite_store_log_end(struct store_log *base, int64_t *ret_seq,
                                 struct uuid *ret_id, struct fault *fault)
{
    struct sqlite_log *log = sqlite_log_of(base);
    pthread_mutex_lock(&log->lock);
    enum result result = look(log, log->end, ret_seq, ret_id, fault);
    pthread_mutex_unlock(&log->lock);
    if (result != RESULT_NOT_FOUND)
        return result;
    *ret_seq = 0;
    *ret_id = (struct uuid){0};
    return RESULT_OK;
}

enum result sqlite_store_log_id(struct store_log *base, int64_t seq,
                                struct uuid *ret_id, struct fault *fault)
{
    struct sqlite_log *log = sqlite_log_of(base);
    int64_t found;
    pthread_mutex_lock(&log->lock);
    sqlite3_bind_int64(log->id, 1, seq);
    enum result result = look(log, log->id, &found, ret_id, fault);
    pthread_mutex_unlock(&log->lock);
    return result;
}

enum result sqlite_store_log_reach(struct store_log *base, int64_t *ret_seq,
                                   struct fault *fault)
{
    struct sqlite_log *log = sqlite_log_of(base);
    struct uuid id;
    int64_t end = 0;
    int64_t removed = 0;
    pthread_mutex_lock(&log->lock);
    enum result r = look(log, log->end, &end, &id, fault);
    if (r == RESULT_OK || r == RESULT_NOT_FOUND)
        r = look(log, log->removed, &removed, &id, fault);
    pthread_mutex_unlock(&log->lock);
    if (r != RESULT_OK && r != RESULT_NOT_FOUND)
        return r;
    *ret_seq = end > removed ? end : removed;
    return RESULT_OK;
}

/* Who erases or removes is in this process, and says so. */
enum result sqlite_store_log_rules_version(struct store_log *base,
                                           uint64_t *ret, struct fault *fault)
{
    (void)base;
    (void)fault;
    *ret = 0;
    return RESULT_OK;
}
