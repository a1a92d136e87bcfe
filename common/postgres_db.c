#include "postgres_db.h"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

/* Types by the numbers that PostgreSQL's catalogue gives them for good. */
enum {
    TYPE_BYTEA = 17,
    TYPE_INT8 = 20,
    TYPE_TEXT = 25,
    TYPE_UUID = 2950,
    TYPE_INT8_ARRAY = 1016,
    TYPE_TEXT_ARRAY = 1009,
    TYPE_UUID_ARRAY = 2951,
};

enum {
    STATEMENTS_MAX = 128,
    NAME_BYTES = 16,
    BINARY = 1,
};

struct postgres_db {
    PGconn *connection; /* NULL: lost */
    const char *setup;
    char *url;
    uint64_t connections;
    uint32_t answer_ms;
    int64_t answered_ms; /* monotonic: when it was last heard */
    bool in_transaction;
    const char *statements[STATEMENTS_MAX]; /* prepared, by address */
    size_t statements_count;
};

/* --- the address ---------------------------------------------------------- */

bool postgres_db_takes(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 ||
           strncmp(url, "postgres://", 11) == 0;
}

void postgres_db_name(const char *url, char *ret, size_t ret_bytes)
{
    const char *user = strstr(url, "://");
    user = user != NULL ? user + 3 : url;
    size_t authority = strcspn(user, "/?#");
    const char *at = memrchr(user, '@', authority);
    const char *colon =
        at != NULL ? memchr(user, ':', (size_t)(at - user)) : NULL;
    if (colon == NULL)
        (void)snprintf(ret, ret_bytes, "%s", url);
    else
        (void)snprintf(ret, ret_bytes, "%.*s:***%s", (int)(colon - url), url,
                       at);
    char *query = strstr(ret, "password="); /* the other place for one */
    if (query != NULL)
        *query = '\0';
}

/* --- errors --------------------------------------------------------------- */

/* By the class of the SQLSTATE (PostgreSQL's documentation, appendix A). */
static enum result result_of_state(const char *state)
{
    static const char *const unusable[] = {"3D", "3F", "42", "28", "XX", "0A"};
    if (state == NULL || strcmp(state, "42P05") == 0)
        return RESULT_UNAVAILABLE;
    for (size_t i = 0; i < sizeof unusable / sizeof unusable[0]; i++)
        if (strncmp(state, unusable[i], 2) == 0)
            return RESULT_UNUSABLE;
    return strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0
               ? RESULT_MALFORMED
               : RESULT_UNAVAILABLE;
}

/* libpq's words come with a line end and maybe more lines. */
static enum result say(enum result result, const char *doing, const char *words,
                       struct fault *fault)
{
    int bytes = (int)strcspn(words, "\n");
    return fault_set(fault, result, "%s: %.*s", doing, bytes,
                     bytes > 0 ? words : "no word of why");
}

static void drop(struct postgres_db *db)
{
    PQfinish(db->connection);
    db->connection = NULL;
    db->statements_count = 0;
}

/* The connection's own fault; it is of no use any more. */
static enum result lose(struct postgres_db *db, const char *doing,
                        struct fault *fault)
{
    enum result r =
        say(RESULT_UNAVAILABLE, doing, PQerrorMessage(db->connection), fault);
    drop(db);
    return r;
}

/* --- waiting -------------------------------------------------------------- */

static enum result wait_for(struct postgres_db *db, short events,
                            int64_t until_ms, struct fault *fault)
{
    struct pollfd wait = {.fd = PQsocket(db->connection), .events = events};
    int64_t left_ms = until_ms - clock_monotonic_ms();
    int ready = left_ms > 0 ? poll(&wait, 1, (int)left_ms) : 0;
    if (ready > 0)
        return RESULT_OK;
    if (ready < 0)
        return RESULT_OK; /* interrupted: the caller looks again */
    drop(db);
    return fault_set(fault, RESULT_UNAVAILABLE,
                     "the database did not answer within %u s",
                     db->answer_ms / 1000);
}

static int64_t deadline(const struct postgres_db *db)
{
    return clock_monotonic_ms() + db->answer_ms;
}

static enum result flush(struct postgres_db *db, int64_t until_ms,
                         struct fault *fault)
{
    enum result r = RESULT_OK;
    int left;
    while (r == RESULT_OK && (left = PQflush(db->connection)) != 0) {
        if (left < 0)
            return lose(db, "cannot send", fault);
        r = wait_for(db, POLLIN | POLLOUT, until_ms, fault);
        if (r == RESULT_OK && PQconsumeInput(db->connection) == 0)
            return lose(db, "cannot receive", fault);
    }
    return r;
}

/* The next result; NULL at the end of the statement. */
static enum result next(struct postgres_db *db, int64_t until_ms,
                        PGresult **ret, struct fault *fault)
{
    enum result r = flush(db, until_ms, fault);
    while (r == RESULT_OK && PQisBusy(db->connection) != 0) {
        r = wait_for(db, POLLIN, until_ms, fault);
        if (r == RESULT_OK && PQconsumeInput(db->connection) == 0)
            return lose(db, "cannot receive", fault);
    }
    if (r == RESULT_OK)
        *ret = PQgetResult(db->connection);
    return r;
}

static bool is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
           status == PGRES_COPY_IN;
}

static enum result fault_of(const PGresult *result, const char *doing,
                            struct fault *fault)
{
    const char *words = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    return say(result_of_state(PQresultErrorField(result, PG_DIAG_SQLSTATE)),
               doing, words != NULL ? words : PQresultErrorMessage(result),
               fault);
}

/* After a failover the old server may be there still, as a standby: another
 * connection may find the new one. */
static bool is_read_only(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return state != NULL && strcmp(state, "25006") == 0;
}

/* All results of what was sent; *ret is the last good one. The first error is
 * the one to tell. */
static enum result finish(struct postgres_db *db, const char *doing,
                          PGresult **ret, struct fault *fault)
{
    int64_t until_ms = deadline(db);
    enum result told = RESULT_OK;
    bool read_only = false;
    PGresult *last = NULL;
    for (;;) {
        PGresult *result = NULL;
        enum result r = next(db, until_ms, &result, fault);
        if (r != RESULT_OK) {
            PQclear(last);
            return r;
        }
        if (result == NULL)
            break;
        if (!is_good(result) && told == RESULT_OK)
            told = fault_of(result, doing, fault);
        read_only = read_only || is_read_only(result);
        PQclear(last);
        last = result;
        if (PQresultStatus(result) == PGRES_COPY_IN)
            break;
    }
    if (PQstatus(db->connection) != CONNECTION_OK) {
        PQclear(last);
        return lose(db, doing, told == RESULT_OK ? fault : NULL);
    }
    db->answered_ms = clock_monotonic_ms();
    if (told == RESULT_OK && last == NULL) /* libpq had no memory for it */
        told = fault_set(fault, RESULT_UNAVAILABLE, "%s: no answer", doing);
    if (told == RESULT_OK && ret != NULL)
        *ret = last;
    else
        PQclear(last);
    if (read_only)
        drop(db);
    return told;
}

static enum result send_text(struct postgres_db *db, const char *sql,
                             const char *doing, struct fault *fault)
{
    if (PQsendQuery(db->connection, sql) == 0)
        return lose(db, doing, fault);
    return finish(db, doing, NULL, fault);
}

/* --- connecting ----------------------------------------------------------- */

/* A notice (an index that is there already, say) is for nobody. */
static void pass_over(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

static bool is_connecting(PostgresPollingStatusType status)
{
    return status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING;
}

static enum result await_connection(struct postgres_db *db, struct fault *fault)
{
    int64_t until_ms = clock_monotonic_ms() + POSTGRES_CONNECT_TIMEOUT_S * 1000;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (is_connecting(status)) {
        enum result r =
            wait_for(db, status == PGRES_POLLING_READING ? POLLIN : POLLOUT,
                     until_ms, NULL);
        if (r != RESULT_OK)
            return fault_set(fault, r,
                             "the database took no connection "
                             "within %d s",
                             POSTGRES_CONNECT_TIMEOUT_S);
        status = PQconnectPoll(db->connection);
    }
    return status == PGRES_POLLING_OK ? RESULT_OK
                                      : lose(db, "cannot connect", fault);
}

static enum result connect_to(struct postgres_db *db, struct fault *fault)
{
    char seconds[8];
    (void)snprintf(seconds, sizeof seconds, "%d", POSTGRES_CONNECT_TIMEOUT_S);
    /* What the URL says of these goes before, as it comes later. A peer that
     * is gone without a word is found by the kernel. */
    const char *const words[] = {
        "application_name",
        "connect_timeout",
        "client_encoding",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "dbname",
        NULL,
    };
    const char *const values[] = {"history", seconds, "UTF8",  "10", "5",
                                  "3",       "20000", db->url, NULL};
    db->connection = PQconnectStartParams(words, values, 1);
    if (db->connection == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    (void)PQsetNoticeReceiver(db->connection, pass_over, NULL);
    if (PQstatus(db->connection) == CONNECTION_BAD)
        return lose(db, "cannot connect", fault);
    enum result r = await_connection(db, fault);
    if (r != RESULT_OK)
        return r;
    db->connections++;
    if (PQsetnonblocking(db->connection, 1) != 0)
        return lose(db, "cannot connect", fault);
    return db->setup != NULL ? send_text(db, db->setup, "cannot set up", fault)
                             : RESULT_OK;
}

enum {
    LISTEN_AFTER_MS = 250, /* one that answered just now is there */
};

/* A server that went says so to a connection that nobody listens to: a last
 * message, and the end. */
static void look_for_end(struct postgres_db *db)
{
    struct pollfd look = {.fd = PQsocket(db->connection), .events = POLLIN};
    while (db->connection != NULL && poll(&look, 1, 0) > 0)
        if (PQconsumeInput(db->connection) == 0 ||
            PQstatus(db->connection) != CONNECTION_OK)
            drop(db);
}

/* Inside of a transaction a lost connection stays lost, until its end. */
static enum result ready(struct postgres_db *db, struct fault *fault)
{
    if (db->connection != NULL && !db->in_transaction &&
        clock_monotonic_ms() - db->answered_ms >= LISTEN_AFTER_MS)
        look_for_end(db);
    if (db->connection != NULL)
        return RESULT_OK;
    if (db->in_transaction)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "the connection to the database was lost");
    return connect_to(db, fault);
}

enum result postgres_db_open(const char *url, const char *setup,
                             uint32_t answer_ms, struct postgres_db **ret,
                             struct fault *fault)
{
    char *error = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &error);
    PQconninfoFree(options);
    PQfreemem(error);
    if (options == NULL)
        return fault_set(fault, RESULT_UNUSABLE,
                         "this is no address of a database: write "
                         "postgresql://user@host:port/database");
    struct postgres_db *db = calloc(1, sizeof *db);
    if (db == NULL || (db->url = strdup(url)) == NULL) {
        free(db);
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    db->setup = setup;
    db->answer_ms = answer_ms;
    enum result r = connect_to(db, fault);
    if (r == RESULT_OK)
        *ret = db;
    else
        postgres_db_close(db);
    return r;
}

void postgres_db_close(struct postgres_db *db)
{
    if (db == NULL)
        return;
    PQfinish(db->connection);
    free(db->url);
    free(db);
}

uint64_t postgres_db_connections(const struct postgres_db *db)
{
    return db->connections;
}

/* --- values --------------------------------------------------------------- */

static void put(struct postgres_values *values, uint32_t type, const void *data,
                size_t bytes)
{
    values->types[values->count] = type;
    values->values[values->count] = data;
    values->bytes[values->count] = (int)bytes;
    values->count++;
}

void postgres_integer(struct postgres_values *values, int64_t value)
{
    uint64_t *word = &values->words[values->count];
    *word = htobe64((uint64_t)value);
    put(values, TYPE_INT8, word, sizeof *word);
}

void postgres_text(struct postgres_values *values, const char *text)
{
    put(values, TYPE_TEXT, text, text != NULL ? strlen(text) : 0);
}

void postgres_bytes(struct postgres_values *values, const void *data,
                    size_t bytes)
{
    put(values, TYPE_BYTEA, data, bytes);
}

void postgres_uuid(struct postgres_values *values, const struct uuid *id)
{
    put(values, TYPE_UUID, id != NULL ? id->bytes : NULL, sizeof id->bytes);
}

static void append_32(struct buffer *buffer, uint32_t value)
{
    uint32_t word = htobe32(value);
    buffer_append(buffer, &word, sizeof word);
}

static void append_64(struct buffer *buffer, uint64_t value)
{
    uint64_t word = htobe64(value);
    buffer_append(buffer, &word, sizeof word);
}

/* array_recv(): dimensions, whether there are nulls, the elements' type, how
 * many, the first one's number. */
static void array_begin(struct postgres_array *array, uint32_t type,
                        uint32_t element)
{
    array->type = type;
    array->count = 0;
    buffer_clear(&array->buffer);
    append_32(&array->buffer, 1);
    append_32(&array->buffer, 0);
    append_32(&array->buffer, element);
    append_32(&array->buffer, 0);
    append_32(&array->buffer, 1);
}

enum {
    ARRAY_COUNT_AT = 12,
};

void postgres_array_begin_integers(struct postgres_array *array)
{
    array_begin(array, TYPE_INT8_ARRAY, TYPE_INT8);
}

void postgres_array_begin_texts(struct postgres_array *array)
{
    array_begin(array, TYPE_TEXT_ARRAY, TYPE_TEXT);
}

void postgres_array_begin_uuids(struct postgres_array *array)
{
    array_begin(array, TYPE_UUID_ARRAY, TYPE_UUID);
}

void postgres_array_integer(struct postgres_array *array, int64_t value)
{
    postgres_copy_integer(&array->buffer, value);
    array->count++;
}

void postgres_array_text(struct postgres_array *array, const char *text)
{
    postgres_copy_bytes(&array->buffer, text, strlen(text));
    array->count++;
}

void postgres_array_uuid(struct postgres_array *array, const struct uuid *id)
{
    postgres_copy_bytes(&array->buffer, id->bytes, sizeof id->bytes);
    array->count++;
}

void postgres_array_end(struct postgres_array *array,
                        struct postgres_values *values)
{
    uint32_t count = htobe32(array->count);
    /* Without data it would be null, and an answer about nothing. */
    if (array->buffer.failed)
        values->failed = true;
    else
        memcpy(array->buffer.data + ARRAY_COUNT_AT, &count, sizeof count);
    put(values, array->type, array->buffer.data, array->buffer.bytes);
}

/* --- rows ----------------------------------------------------------------- */

void postgres_rows_done(struct postgres_rows *rows)
{
    PQclear(rows->held);
    *rows = (struct postgres_rows){NULL, 0};
}

bool postgres_is_null(const struct postgres_rows *rows, int row, int column)
{
    return PQgetisnull(rows->held, row, column) != 0;
}

int64_t postgres_integer_at(const struct postgres_rows *rows, int row,
                            int column)
{
    const char *value = PQgetvalue(rows->held, row, column);
    uint64_t word64;
    uint32_t word32;
    uint16_t word16;
    switch (PQgetlength(rows->held, row, column)) {
    case sizeof word64:
        memcpy(&word64, value, sizeof word64);
        return (int64_t)be64toh(word64);
    case sizeof word32:
        memcpy(&word32, value, sizeof word32);
        return (int32_t)be32toh(word32);
    case sizeof word16:
        memcpy(&word16, value, sizeof word16);
        return (int16_t)be16toh(word16);
    default:
        return 0;
    }
}

bool postgres_bool_at(const struct postgres_rows *rows, int row, int column)
{
    return PQgetlength(rows->held, row, column) == 1 &&
           PQgetvalue(rows->held, row, column)[0] != 0;
}

const char *postgres_text_at(const struct postgres_rows *rows, int row,
                             int column, size_t *ret_bytes)
{
    if (ret_bytes != NULL)
        *ret_bytes = (size_t)PQgetlength(rows->held, row, column);
    return PQgetvalue(rows->held, row, column);
}

bool postgres_uuid_at(const struct postgres_rows *rows, int row, int column,
                      struct uuid *ret)
{
    if (PQgetlength(rows->held, row, column) != (int)sizeof ret->bytes)
        return false;
    memcpy(ret->bytes, PQgetvalue(rows->held, row, column), sizeof ret->bytes);
    return true;
}

/* --- statements ----------------------------------------------------------- */

static bool find_statement(const struct postgres_db *db, const char *sql,
                           size_t *ret)
{
    for (size_t i = 0; i < db->statements_count; i++)
        if (db->statements[i] == sql) {
            *ret = i;
            return true;
        }
    return false;
}

static void name_statement(size_t number, char name[NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, "s%zu", number);
}

static enum result prepare(struct postgres_db *db, const char *sql,
                           const struct postgres_values *values,
                           char name[NAME_BYTES], struct fault *fault)
{
    size_t number;
    if (find_statement(db, sql, &number)) {
        name_statement(number, name);
        return RESULT_OK;
    }
    if (db->statements_count == STATEMENTS_MAX)
        return fault_set(fault, RESULT_UNUSABLE,
                         "a connection has at most %d statements",
                         STATEMENTS_MAX);
    name_statement(db->statements_count, name);
    if (PQsendPrepare(db->connection, name, sql, values->count,
                      values->types) == 0)
        return lose(db, "cannot prepare", fault);
    enum result r = finish(db, "cannot prepare", NULL, fault);
    if (r == RESULT_OK)
        db->statements[db->statements_count++] = sql;
    return r;
}

enum result postgres_db_ask(struct postgres_db *db, const char *sql,
                            const struct postgres_values *values,
                            struct postgres_rows *ret, struct fault *fault)
{
    static const int binary[POSTGRES_VALUES_MAX] = {
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const struct postgres_values none = {0};
    char name[NAME_BYTES];
    PGresult *result = NULL;
    if (values == NULL)
        values = &none;
    if (values->failed)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    enum result r = ready(db, fault);
    if (r == RESULT_OK)
        r = prepare(db, sql, values, name, fault);
    if (r != RESULT_OK)
        return r;
    if (PQsendQueryPrepared(db->connection, name, values->count, values->values,
                            values->bytes, binary, BINARY) == 0)
        return lose(db, "cannot ask", fault);
    r = finish(db, "the database", &result, fault);
    if (r == RESULT_OK && ret != NULL)
        *ret = (struct postgres_rows){result, PQntuples(result)};
    else
        PQclear(result);
    return r;
}

enum result postgres_db_run(struct postgres_db *db, const char *sql,
                            struct fault *fault)
{
    enum result r = ready(db, fault);
    return r == RESULT_OK ? send_text(db, sql, "the database", fault) : r;
}

/* --- transactions --------------------------------------------------------- */

enum result postgres_db_begin(struct postgres_db *db, const char *sql,
                              struct fault *fault)
{
    enum result r = postgres_db_run(db, sql, fault);
    /* What came after BEGIN may have failed. */
    db->in_transaction = true;
    if (r != RESULT_OK)
        postgres_db_rollback(db);
    return r;
}

/* A transaction with a failed statement in it answers COMMIT with ROLLBACK and
 * no error. */
enum result postgres_db_commit(struct postgres_db *db, struct fault *fault)
{
    enum result r = ready(db, fault);
    if (r == RESULT_OK &&
        PQtransactionStatus(db->connection) == PQTRANS_INERROR)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "the transaction has failed");
    if (r == RESULT_OK)
        r = send_text(db, "COMMIT", "cannot commit", fault);
    if (r == RESULT_OK)
        db->in_transaction = false;
    return r;
}

void postgres_db_rollback(struct postgres_db *db)
{
    db->in_transaction = false;
    if (db->connection != NULL &&
        PQtransactionStatus(db->connection) != PQTRANS_IDLE &&
        send_text(db, "ROLLBACK", "cannot roll back", NULL) != RESULT_OK &&
        db->connection != NULL)
        drop(db);
}

/* --- COPY ----------------------------------------------------------------- */

void postgres_copy_begin(struct buffer *rows)
{
    static const char signature[11] = "PGCOPY\n\377\r\n"; /* and a NUL */
    buffer_clear(rows);
    buffer_append(rows, signature, sizeof signature);
    append_32(rows, 0); /* flags */
    append_32(rows, 0); /* no extension */
}

static void append_16(struct buffer *buffer, int16_t value)
{
    uint16_t word = htobe16((uint16_t)value);
    buffer_append(buffer, &word, sizeof word);
}

void postgres_copy_row(struct buffer *rows, int16_t values)
{
    append_16(rows, values);
}

void postgres_copy_null(struct buffer *rows)
{
    append_32(rows, UINT32_MAX);
}

void postgres_copy_integer(struct buffer *rows, int64_t value)
{
    append_32(rows, sizeof value);
    append_64(rows, (uint64_t)value);
}

void postgres_copy_small(struct buffer *rows, int16_t value)
{
    append_32(rows, sizeof value);
    append_16(rows, value);
}

void postgres_copy_bytes(struct buffer *rows, const void *data, size_t bytes)
{
    append_32(rows, (uint32_t)bytes);
    buffer_append(rows, data, bytes);
}

void postgres_copy_end(struct buffer *rows)
{
    append_16(rows, -1);
}

/* libpq takes data as long as it has room, which flush() makes. */
static enum result put_data(struct postgres_db *db, const struct buffer *rows,
                            struct fault *fault)
{
    enum { PIECE = 64 * 1024 };
    int64_t until_ms = deadline(db);
    enum result r = RESULT_OK;
    for (size_t at = 0; at < rows->bytes && r == RESULT_OK; at += PIECE) {
        size_t left = rows->bytes - at;
        int bytes = (int)(left < PIECE ? left : PIECE);
        int taken;
        while (r == RESULT_OK &&
               (taken = PQputCopyData(db->connection, rows->data + at,
                                      bytes)) != 1) {
            if (taken < 0)
                return lose(db, "cannot send", fault);
            r = flush(db, until_ms, fault);
        }
        if (r == RESULT_OK)
            r = flush(db, until_ms, fault);
    }
    return r;
}

static enum result end_data(struct postgres_db *db, struct fault *fault)
{
    int64_t until_ms = deadline(db);
    enum result r = RESULT_OK;
    int taken;
    while (r == RESULT_OK &&
           (taken = PQputCopyEnd(db->connection, NULL)) != 1) {
        if (taken < 0)
            return lose(db, "cannot send", fault);
        r = flush(db, until_ms, fault);
    }
    return r;
}

enum result postgres_db_copy(struct postgres_db *db, const char *sql,
                             const struct buffer *rows, struct fault *fault)
{
    if (rows->failed)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    enum result r = postgres_db_run(db, sql, fault);
    if (r == RESULT_OK)
        r = put_data(db, rows, fault);
    if (r == RESULT_OK)
        r = end_data(db, fault);
    return r == RESULT_OK ? finish(db, "cannot copy", NULL, fault) : r;
}
