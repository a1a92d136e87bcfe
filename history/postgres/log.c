#include <stdlib.h>

#include "postgres_parts.h"
#include "store_log.h"

struct postgres_log {
    struct store_log base;
    pthread_mutex_t lock; /* guards the connection */
    struct postgres_db *db;
};

static struct postgres_log *log_of(struct store_log *base)
{
    return (struct postgres_log *)base;
}

enum result postgres_store_log_open(const char *path, struct store_log **ret,
                                    struct fault *fault)
{
    struct postgres_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    pthread_mutex_init(&log->lock, NULL);
    enum result r = postgres_db_open(path, postgres_reader_setup,
                                     POSTGRES_ANSWER_MS, &log->db, fault);
    if (r == RESULT_OK)
        *ret = &log->base;
    else
        postgres_store_log_close(&log->base);
    return r;
}

void postgres_store_log_close(struct store_log *base)
{
    struct postgres_log *log = log_of(base);
    if (log == NULL)
        return;
    postgres_db_close(log->db);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

/* The lock is held. */
static enum result read_settled(struct postgres_log *log, int64_t *ret,
                                struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r =
        postgres_db_ask(log->db, "SELECT settled_place()", NULL, &rows, fault);
    if (r == RESULT_OK)
        *ret = postgres_integer_at(&rows, 0, 0);
    return r;
}

/* Two statements, in this order: see settled_place(). The lock is held. */
static enum result ask_rows(struct postgres_log *log, int64_t after,
                            uint32_t limit, struct postgres_rows *ret,
                            struct fault *fault)
{
    struct postgres_values values = {0};
    int64_t end = 0;
    enum result r = read_settled(log, &end, fault);
    if (r != RESULT_OK)
        return r;
    postgres_integer(&values, after);
    postgres_integer(&values, end);
    postgres_integer(&values, limit);
    return postgres_db_ask(log->db,
                           "SELECT " POSTGRES_ROW_COLUMNS " FROM views"
                           " WHERE seq > $1 AND seq <= $2"
                           " ORDER BY seq LIMIT $3",
                           &values, ret, fault);
}

enum result
postgres_store_log_read(struct store_log *base, int64_t after, uint32_t limit,
                        bool (*row)(void *context, const struct store_row *row),
                        void *context, int64_t *ret_last, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_log *log = log_of(base);
    int64_t last = after;
    bool more = true;
    pthread_mutex_lock(&log->lock);
    enum result r = ask_rows(log, after, limit, &rows, fault);
    pthread_mutex_unlock(&log->lock);
    for (int i = 0; i < rows.count && more; i++) {
        struct store_row read;
        postgres_row_read(&rows, i, &read);
        more = row(context, &read);
        last = read.place.seq;
    }
    if (r == RESULT_OK)
        *ret_last = last;
    return r;
}

enum result postgres_store_log_end(struct store_log *base, int64_t *ret_seq,
                                   struct uuid *ret_id, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_log *log = log_of(base);
    struct postgres_values values = {0};
    int64_t end = 0;
    pthread_mutex_lock(&log->lock);
    enum result r = read_settled(log, &end, fault);
    postgres_integer(&values, end);
    if (r == RESULT_OK)
        r = postgres_db_ask(log->db,
                            "SELECT seq, id FROM views WHERE seq <= $1"
                            " ORDER BY seq DESC LIMIT 1",
                            &values, &rows, fault);
    pthread_mutex_unlock(&log->lock);
    if (r != RESULT_OK)
        return r;
    *ret_seq = 0;
    *ret_id = (struct uuid){{0}};
    if (rows.count > 0) {
        *ret_seq = postgres_integer_at(&rows, 0, 0);
        (void)postgres_uuid_at(&rows, 0, 1, ret_id);
    }
    return RESULT_OK;
}

enum result postgres_store_log_id(struct store_log *base, int64_t seq,
                                  struct uuid *ret_id, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_log *log = log_of(base);
    struct postgres_values values = {0};
    postgres_integer(&values, seq);
    pthread_mutex_lock(&log->lock);
    enum result r = postgres_db_ask(
        log->db, "SELECT id FROM views WHERE seq = $1", &values, &rows, fault);
    pthread_mutex_unlock(&log->lock);
    if (r == RESULT_OK &&
        (rows.count == 0 || !postgres_uuid_at(&rows, 0, 0, ret_id)))
        return RESULT_NOT_FOUND;
    return r;
}

/* One integer. */
static enum result ask_one(struct postgres_log *log, const char *sql,
                           int64_t *ret, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    pthread_mutex_lock(&log->lock);
    enum result r = postgres_db_ask(log->db, sql, NULL, &rows, fault);
    pthread_mutex_unlock(&log->lock);
    if (r == RESULT_OK)
        *ret = postgres_integer_at(&rows, 0, 0);
    return r;
}

/* Both only grow, so their sum tells as well as the two. */
enum result postgres_store_log_rules_version(struct store_log *base,
                                             uint64_t *ret, struct fault *fault)
{
    int64_t version = 0;
    enum result r =
        ask_one(log_of(base), "SELECT rules_version + gone_version FROM store",
                &version, fault);
    if (r == RESULT_OK)
        *ret = (uint64_t)version;
    return r;
}

/* Not settled_place(): what it says may be less for a moment, when a writer was
 * slow to announce himself, and a place that was shown is a place. */
enum result postgres_store_log_reach(struct store_log *base, int64_t *ret_seq,
                                     struct fault *fault)
{
    return ask_one(log_of(base), "SELECT last_value FROM places", ret_seq,
                   fault);
}
