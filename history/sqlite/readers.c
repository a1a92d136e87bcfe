#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "sqlite_parts.h"

enum {
    /* A page takes well under a millisecond: who waited so long would be
     * answered later than anybody wants to know. */
    READER_WAIT_S = 5,
};

/*
 * Entries with their rows, from a place on (exclusive) to a time. One statement
 * for both: to look for each row by another one took twice the time of all the
 * rest. Entries beyond ?5 are passed over before their rows are looked for.
 */
#define LISTED_ROWS(near, far, order)                                          \
    "SELECT l.seq, l.viewed_at_ms, " STORE_ROW_DETAILS " FROM listed AS l"     \
    " CROSS JOIN views AS v ON v.seq = l.seq WHERE l.list = ?1"                \
    " AND (l.viewed_at_ms, l.seq) " near " (?2, ?3)"                           \
    " AND l.viewed_at_ms " far " ?4 AND l.seq <= ?5"                           \
    " ORDER BY l.viewed_at_ms " order ", l.seq " order

/* The place ?4 entries on from a time. One bound, since SQLite compares each
 * bound again at each entry: who asked for less looks at what comes out. */
#define LISTED_JUMP(bound, order)                                              \
    "SELECT viewed_at_ms, seq FROM listed WHERE list = ?1"                     \
    " AND viewed_at_ms " bound " ?2 AND seq <= ?3"                             \
    " ORDER BY viewed_at_ms " order ", seq " order " LIMIT 1 OFFSET ?4"

static enum result reader_prepare(struct store_reader *reader,
                                  struct fault *fault)
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } wanted[] = {
        {&reader->begin, "BEGIN"},
        {&reader->end, "COMMIT"},
        {&reader->mark, "SELECT mark FROM store"},
        {&reader->listed[0], LISTED_ROWS("<", ">=", "DESC")},
        {&reader->listed[1], LISTED_ROWS(">", "<", "ASC")},
        {&reader->jump[0], LISTED_JUMP("<", "DESC")},
        {&reader->jump[1], LISTED_JUMP(">=", "ASC")},
        {&reader->count,
         "SELECT count(*) FROM (SELECT 1 FROM listed WHERE list = ?1"
         " AND viewed_at_ms >= ?2 AND viewed_at_ms < ?3 AND seq <= ?4"
         " LIMIT ?5)"},
        {&reader->row,
         "SELECT " STORE_ROW_COLUMNS " FROM views WHERE seq = ?1"},
        {&reader->find,
         "SELECT " STORE_ROW_COLUMNS " FROM views WHERE id = ?1"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        enum result result = sqlite_db_prepare(reader->db, wanted[i].sql,
                                               wanted[i].statement, fault);
        if (result != RESULT_OK)
            return result;
    }
    return RESULT_OK;
}

static void reader_close(struct store_reader *reader)
{
    sqlite3_stmt *statements[] = {
        reader->begin,     reader->end,     reader->mark,    reader->listed[0],
        reader->listed[1], reader->jump[0], reader->jump[1], reader->count,
        reader->row,       reader->find,
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        sqlite3_finalize(statements[i]);
    /* It has written nothing: there is nothing to lose in closing it. */
    (void)sqlite_db_close(reader->db, NULL);
}

enum result sqlite_store_readers_open(struct store_readers *readers,
                                      const char *path, unsigned count,
                                      struct fault *fault)
{
    if (count == 0 || count > STORE_READERS_MAX)
        return fault_set(fault, RESULT_MALFORMED, "readers are 1 to %d, not %u",
                         STORE_READERS_MAX, count);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&readers->lock, NULL);
    pthread_cond_init(&readers->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    readers->made = true;

    readers->all = calloc(count, sizeof *readers->all);
    if (readers->all == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    readers->count = count;
    for (size_t i = 0; i < count; i++) {
        struct store_reader *reader = &readers->all[i];
        enum result result = sqlite_db_open_readonly(path, &reader->db, fault);
        if (result == RESULT_OK)
            result = reader_prepare(reader, fault);
        if (result != RESULT_OK)
            return result;
        reader->next_free = readers->first_free;
        readers->first_free = reader;
    }
    return RESULT_OK;
}

void sqlite_store_readers_close(struct store_readers *readers)
{
    for (size_t i = 0; i < readers->count; i++)
        reader_close(&readers->all[i]);
    free(readers->all);
    if (readers->made) {
        pthread_cond_destroy(&readers->freed);
        pthread_mutex_destroy(&readers->lock);
    }
    *readers = (struct store_readers){0};
}

enum result sqlite_store_readers_take(struct store_readers *readers,
                                      struct store_reader **ret,
                                      struct fault *fault)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += READER_WAIT_S;
    int error = 0;
    pthread_mutex_lock(&readers->lock);
    while (readers->first_free == NULL && error != ETIMEDOUT)
        error =
            pthread_cond_timedwait(&readers->freed, &readers->lock, &deadline);
    struct store_reader *reader = readers->first_free;
    if (reader != NULL)
        readers->first_free = reader->next_free;
    pthread_mutex_unlock(&readers->lock);
    if (reader == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "all %zu readers were busy for %d s", readers->count,
                         READER_WAIT_S);
    *ret = reader;
    return RESULT_OK;
}

void sqlite_store_readers_give(struct store_readers *readers,
                               struct store_reader *reader)
{
    pthread_mutex_lock(&readers->lock);
    reader->next_free = readers->first_free;
    readers->first_free = reader;
    pthread_cond_signal(&readers->freed);
    pthread_mutex_unlock(&readers->lock);
}
