#ifndef FLIXTUBE_COMMON_POSTGRES_DB_H
#define FLIXTUBE_COMMON_POSTGRES_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "result.h"
#include "uuid.h"

/*
 * A connection to PostgreSQL (libpq), with statements prepared on first use and
 * values in binary both ways. Nothing waits for ever: each call has a deadline,
 * after which the connection is given up, as a server that was stopped neither
 * answers nor hangs up. One thread at a time.
 *
 * A connection that was lost is made again by the next call outside of a
 * transaction; who is inside of one gets an error.
 */
struct postgres_db;

enum {
    POSTGRES_CONNECT_TIMEOUT_S = 5,
    POSTGRES_ANSWER_MS = 60 * 1000, /* most statements of ours are short */
    POSTGRES_VALUES_MAX = 20,       /* of one statement */
};

/* Whether the text is the address of a PostgreSQL database, as a URL. Pure. */
bool postgres_db_takes(const char *url);

/* The URL with `***` where it has a password: what logs and messages show. */
void postgres_db_name(const char *url, char *ret, size_t ret_bytes);

/*
 * Connects. `setup` (NULL: none) is run on each new connection, before anything
 * else; it outlives the connection. `answer_ms`: how long an answer may take.
 * On success the caller owns *ret. Errors: RESULT_UNAVAILABLE (no server,
 * refused), RESULT_UNUSABLE (no good URL, no such database or user).
 */
enum result postgres_db_open(const char *url, const char *setup,
                             uint32_t answer_ms, struct postgres_db **ret,
                             struct fault *fault);
void postgres_db_close(struct postgres_db *db); /* NULL is fine */

/* How often a connection was made: another number, and what the session held
 * (a lock, say) is gone. */
uint64_t postgres_db_connections(const struct postgres_db *db);

/* The values of a statement, $1 and on. Zero it before. What is pointed to must
 * stay until the call. */
struct postgres_values {
    int count;
    bool failed; /* there was no memory for an array: nor is it asked */
    uint32_t types[POSTGRES_VALUES_MAX];
    const char *values[POSTGRES_VALUES_MAX];
    int bytes[POSTGRES_VALUES_MAX];
    uint64_t words[POSTGRES_VALUES_MAX]; /* numbers, in network order */
};

void postgres_integer(struct postgres_values *values, int64_t value);
void postgres_text(struct postgres_values *values, const char *text); /* or NULL
                                                                       */
void postgres_bytes(struct postgres_values *values, const void *data,
                    size_t bytes); /* NULL: null */
void postgres_uuid(struct postgres_values *values, const struct uuid *id);

/* An array of one of these types, built by postgres_array_…(): zero it, make
 * its buffer, begin; when all are in it, hand it over. A buffer that failed
 * makes the statement fail. */
struct postgres_array {
    struct buffer buffer;
    uint32_t type;
    uint32_t count;
};

void postgres_array_begin_integers(struct postgres_array *array);
void postgres_array_begin_texts(struct postgres_array *array);
void postgres_array_begin_uuids(struct postgres_array *array);
void postgres_array_integer(struct postgres_array *array, int64_t value);
void postgres_array_text(struct postgres_array *array, const char *text);
void postgres_array_uuid(struct postgres_array *array, const struct uuid *id);
void postgres_array_end(struct postgres_array *array,
                        struct postgres_values *values);

/* Rows of an answer. postgres_rows_done() after; zeroed is fine. */
struct postgres_rows {
    void *held;
    int count;
};

void postgres_rows_done(struct postgres_rows *rows);
bool postgres_is_null(const struct postgres_rows *rows, int row, int column);
/* 0 for null; of a bigint, integer or smallint. */
int64_t postgres_integer_at(const struct postgres_rows *rows, int row,
                            int column);
bool postgres_bool_at(const struct postgres_rows *rows, int row, int column);
/* Of a text or bytea; NUL-terminated; "" for null. The rows'. */
const char *postgres_text_at(const struct postgres_rows *rows, int row,
                             int column, size_t *ret_bytes);
/* False for null. */
bool postgres_uuid_at(const struct postgres_rows *rows, int row, int column,
                      struct uuid *ret);

/*
 * One statement. `sql` outlives the connection: it is prepared when it first
 * comes, and found by its address. *ret (NULL: none are wanted) is the
 * caller's on success. Errors: RESULT_UNAVAILABLE (the connection, a time-out,
 * a deadlock, a full disk, no memory: may be tried again), RESULT_MALFORMED (a
 * constraint or a value), RESULT_UNUSABLE (damaged data, a table or a right
 * that is missing).
 */
enum result postgres_db_ask(struct postgres_db *db, const char *sql,
                            const struct postgres_values *values,
                            struct postgres_rows *ret, struct fault *fault);

/* One or more statements without values, not prepared; *ret has the last
 * one's rows, as text. Errors: likewise. */
enum result postgres_db_run(struct postgres_db *db, const char *sql,
                            struct fault *fault);

/* A transaction; `sql` begins it, and may go on after that. Whatever fails in
 * it has to be followed by a rollback, which cannot fail: a connection that
 * does not do it is given up. */
enum result postgres_db_begin(struct postgres_db *db, const char *sql,
                              struct fault *fault);
/* `sql` for reads, all of one moment. */
#define POSTGRES_DB_SNAPSHOT "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
/* Where the error is RESULT_UNAVAILABLE it may have been done or not. */
enum result postgres_db_commit(struct postgres_db *db, struct fault *fault);
void postgres_db_rollback(struct postgres_db *db);

/*
 * COPY … FROM STDIN (FORMAT binary): `rows` is what goes over the wire, begun
 * with postgres_copy_begin(), each row by its number of values and then the
 * values, and postgres_copy_end().
 */
void postgres_copy_begin(struct buffer *rows);
void postgres_copy_row(struct buffer *rows, int16_t values);
void postgres_copy_null(struct buffer *rows);
void postgres_copy_integer(struct buffer *rows, int64_t value);
void postgres_copy_small(struct buffer *rows, int16_t value);
void postgres_copy_bytes(struct buffer *rows, const void *data, size_t bytes);
void postgres_copy_end(struct buffer *rows);
enum result postgres_db_copy(struct postgres_db *db, const char *sql,
                             const struct buffer *rows, struct fault *fault);

#endif
