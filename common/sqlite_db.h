#ifndef FLIXTUBE_COMMON_SQLITE_DB_H
#define FLIXTUBE_COMMON_SQLITE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "result.h"

/*
 * SQLite, opened the one way that loses nothing. A file has one read-write
 * connection in one process, which also checkpoints; all others are read-only.
 */

enum {
    /* Only a recovery after a kill or another program's short lock is waited
     * for; longer than this is a fault to report. */
    SQLITE_DB_BUSY_TIMEOUT_MS = 5000,
};

/*
 * Opens or creates the file: WAL, synchronous FULL, defensive, untrusted
 * schema, an exclusive lock file beside it (`path`-lock) so that a second
 * process, or a second call in this one, is refused. On success the caller
 * owns *ret, ends it with sqlite_db_close(), and uses it from one thread at a
 * time. A file that has tables keeps its journal mode: whoever has seen that
 * it is ours calls sqlite_db_wal(), as schema_migrate() does.
 * Errors: RESULT_UNAVAILABLE (cannot be opened, locked by another process),
 * RESULT_UNUSABLE (not a database, or damaged; no path of a file: "",
 * ":memory:", "file:…").
 */
struct sqlite_db;
enum result sqlite_db_open(const char *path, struct sqlite_db **ret,
                           struct fault *fault);

/*
 * The lock of sqlite_db_open() alone, for who replaces the file: it may be
 * missing or damaged. close(*ret) gives it back. Errors: RESULT_UNAVAILABLE.
 */
enum result sqlite_db_lock(const char *path, int *ret, struct fault *fault);

/*
 * Turns the file to WAL. Where it is so already, writes back what an earlier
 * run has left there: after a failed sync that may be in the system's memory
 * alone, and a sync that is asked for again says nothing. A writer's.
 */
enum result sqlite_db_wal(struct sqlite_db *db, struct fault *fault);

/* The same file, read-only and without the lock; it must exist. */
enum result sqlite_db_open_readonly(const char *path, struct sqlite_db **ret,
                                    struct fault *fault);

/*
 * The same for a file that nobody may have open: SQLite makes a WAL beside it
 * even to read, and sqlite_db_close() removes again what was not there before,
 * as far as it may write there and nobody else has opened the file since.
 */
enum result sqlite_db_open_visitor(const char *path, struct sqlite_db **ret,
                                   struct fault *fault);

/*
 * Checkpoints (a writer's) and closes; after a failed sync it writes nothing
 * more. All statements must be finalized. NULL is fine. Errors:
 * RESULT_UNAVAILABLE when the close failed; the file is whole all the same, its
 * WAL is read at the next open.
 */
enum result sqlite_db_close(struct sqlite_db *db, struct fault *fault);

sqlite3 *sqlite_db_handle(struct sqlite_db *db);

/* One or more statements without parameters or rows. */
enum result sqlite_db_run(struct sqlite_db *db, const char *sql,
                          struct fault *fault);

/* A statement to keep; the caller finalizes it (sqlite3_finalize). */
enum result sqlite_db_prepare(struct sqlite_db *db, const char *sql,
                              sqlite3_stmt **ret, struct fault *fault);

/* The first column of the first row. RESULT_NOT_FOUND without a row. *ret
 * changes only on success. */
enum result sqlite_db_integer(struct sqlite_db *db, const char *sql,
                              int64_t *ret, struct fault *fault);

/*
 * Turns SQLite's last error into ours with its words. RESULT_UNUSABLE for
 * CORRUPT and NOTADB and for a failed sync, RESULT_MALFORMED for CONSTRAINT,
 * MISMATCH and TOOBIG, else RESULT_UNAVAILABLE (full, I/O, busy, no memory).
 */
enum result sqlite_db_fault(struct sqlite_db *db, const char *doing,
                            struct fault *fault);

/*
 * Whether sqlite_db_fault() has seen a failed sync. What the disk then holds
 * is not known, and the system forgets what it could not write: the process
 * must end, and its next start finds out. Write no more until then.
 */
bool sqlite_db_sync_failed(const struct sqlite_db *db);

#endif
