#include "sqlite_db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cleanup.h"

enum {
    /* Some 40 MB of WAL a checkpoint: measured twice as fast as the default
     * of 1000, since pages that change often are written back once. */
    CHECKPOINT_PAGES = 10000,
};

struct sqlite_db {
    sqlite3 *handle;
    int lock_file; /* -1: a reader */
    char *visited; /* path of a file that had no WAL, or NULL */
    bool sync_failed;
};

static const char writer_settings[] =
    "PRAGMA synchronous = FULL;"
    "PRAGMA cell_size_check = ON;"
    /* The writer must see an I/O error as a result, not as a signal. */
    "PRAGMA mmap_size = 0;"
    /* 64 MiB: what a WAL that a large transaction blew up is cut back to. */
    "PRAGMA journal_size_limit = 67108864;";

/* Without cell_size_check: of a mapped file each page is looked through at
 * each access, which took half of a query's time. The writer's check stays. */
static const char reader_settings[] =
    "PRAGMA query_only = ON;"
    /* 1 GiB: a reader that dies of a bad disk is no loss of data. */
    "PRAGMA mmap_size = 1073741824;";

/* Counting every allocation under one lock makes readers wait for each
 * other, and nobody asks for the counts. */
static void configure_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static pthread_once_t library_configured = PTHREAD_ONCE_INIT;

static bool is_failed_sync(int code)
{
    return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

static enum result kind_of(int code)
{
    if (is_failed_sync(code))
        return RESULT_UNUSABLE;
    switch (code & 0xff) {
    case SQLITE_OK:
        return RESULT_OK;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return RESULT_UNUSABLE;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return RESULT_MALFORMED;
    default:
        return RESULT_UNAVAILABLE;
    }
}

/* The system's word where the failure was the system's. */
static const char *system_word(sqlite3 *handle, int code)
{
    int primary = code & 0xff;
    int error = sqlite3_system_errno(handle);
    bool of_system = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN ||
                     primary == SQLITE_FULL;
    return of_system && error != 0 ? strerror(error) : "";
}

enum result sqlite_db_fault(struct sqlite_db *db, const char *doing,
                            struct fault *fault)
{
    int code = sqlite3_extended_errcode(db->handle);
    const char *word = system_word(db->handle, code);
    db->sync_failed = db->sync_failed || is_failed_sync(code);
    enum result result = kind_of(code);
    /* Called because something failed: without a code it is still no success.
     */
    if (result == RESULT_OK)
        result = RESULT_UNAVAILABLE;
    return fault_set(fault, result, "%s: %s%s%s", doing,
                     sqlite3_errmsg(db->handle), word[0] != '\0' ? ": " : "",
                     word);
}

bool sqlite_db_sync_failed(const struct sqlite_db *db)
{
    return db->sync_failed;
}

sqlite3 *sqlite_db_handle(struct sqlite_db *db)
{
    return db->handle;
}

enum result sqlite_db_run(struct sqlite_db *db, const char *sql,
                          struct fault *fault)
{
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_db_fault(db, "cannot run SQL", fault);
    return RESULT_OK;
}

enum result sqlite_db_prepare(struct sqlite_db *db, const char *sql,
                              sqlite3_stmt **ret, struct fault *fault)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
                           &statement, NULL) != SQLITE_OK)
        return sqlite_db_fault(db, "cannot prepare SQL", fault);
    *ret = statement;
    return RESULT_OK;
}

static void statement_done(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

enum result sqlite_db_integer(struct sqlite_db *db, const char *sql,
                              int64_t *ret, struct fault *fault)
{
    CLEANUP(statement_done) sqlite3_stmt *statement = NULL;
    enum result result = sqlite_db_prepare(db, sql, &statement, fault);
    if (result != RESULT_OK)
        return result;
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        *ret = sqlite3_column_int64(statement, 0);
        return RESULT_OK;
    case SQLITE_DONE:
        return fault_set(fault, RESULT_NOT_FOUND, "no row");
    default:
        return sqlite_db_fault(db, "cannot read", fault);
    }
}

static enum result check_path(const char *path, struct fault *fault)
{
    if (path[0] == '\0' || strcmp(path, ":memory:") == 0)
        return fault_set(fault, RESULT_UNUSABLE,
                         "a database must be a file, not \"%s\"", path);
    if (strncmp(path, "file:", 5) == 0)
        return fault_set(fault, RESULT_UNUSABLE,
                         "a database is named by its path, not by a URI: %s",
                         path);
    return RESULT_OK;
}

/* The lock stands beside the file itself, whatever link led to it. The file
 * is never removed: a third process could lock the new one of that name. */
static enum result take_lock(const char *path, int *ret_file,
                             struct fault *fault)
{
    char whole[PATH_MAX];
    char lock_path[PATH_MAX + 8];
    if (realpath(path, whole) == NULL) {
        if (errno != ENOENT || strlen(path) >= sizeof whole)
            return fault_set(fault, RESULT_UNAVAILABLE, "cannot open %s: %s",
                             path, strerror(errno));
        strcpy(whole, path); /* it is about to be made */
    }
    (void)snprintf(lock_path, sizeof lock_path, "%s-lock", whole);
    int file = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot open %s: %s",
                         lock_path, strerror(errno));
    if (flock(file, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        (void)close(file);
        if (error == EWOULDBLOCK)
            return fault_set(fault, RESULT_UNAVAILABLE,
                             "%s is in use by another process", path);
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot lock %s: %s",
                         lock_path, strerror(error));
    }
    *ret_file = file;
    return RESULT_OK;
}

/* The last connection that may write removes the WAL; SQLite itself sees to
 * it that it is the last one. */
static void leave_as_found(const char *path)
{
    sqlite3 *handle = NULL;
    if (sqlite3_open_v2(path, &handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK)
        (void)sqlite3_exec(handle, "SELECT count(*) FROM sqlite_schema", NULL,
                           NULL, NULL);
    (void)sqlite3_close(handle);
}

static void release(struct sqlite_db *db)
{
    if (db->sync_failed)
        (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
                                (int *)NULL);
    int code = sqlite3_close(db->handle);
    assert(code != SQLITE_BUSY); /* a statement was not finalized */
    (void)code;
    if (db->lock_file >= 0)
        (void)close(db->lock_file); /* and with it the lock */
    if (db->visited != NULL)
        leave_as_found(db->visited);
    free(db->visited);
    free(db);
}

static enum result configure(sqlite3 *handle)
{
    static const int settings[][2] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0}, /* "text" is a name and nothing else */
        {SQLITE_DBCONFIG_DQS_DML, 0},
    };
    if (sqlite3_busy_timeout(handle, SQLITE_DB_BUSY_TIMEOUT_MS) != SQLITE_OK)
        return RESULT_UNAVAILABLE;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (sqlite3_db_config(handle, settings[i][0], settings[i][1],
                              (int *)NULL) != SQLITE_OK)
            return RESULT_UNAVAILABLE;
    }
    return RESULT_OK;
}

static enum result open_handle(struct sqlite_db *db, const char *path,
                               int flags, struct fault *fault)
{
    (void)pthread_once(&library_configured, configure_library);
    int code = sqlite3_open_v2(
        path, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
        NULL);
    if (db->handle == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    if (code != SQLITE_OK || configure(db->handle) != RESULT_OK)
        return sqlite_db_fault(db, "SQLite", fault);
    return RESULT_OK;
}

/* A reader in mid-query is no fault: the WAL stays. */
static enum result write_back(struct sqlite_db *db, int mode,
                              struct fault *fault)
{
    int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, mode, NULL, NULL);
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY ||
        (code & 0xff) == SQLITE_LOCKED)
        return RESULT_OK;
    return sqlite_db_fault(db, "cannot write back the WAL", fault);
}

enum result sqlite_db_wal(struct sqlite_db *db, struct fault *fault)
{
    CLEANUP(statement_done) sqlite3_stmt *statement = NULL;
    enum result result =
        sqlite_db_prepare(db, "PRAGMA journal_mode = WAL", &statement, fault);
    if (result != RESULT_OK)
        return result;
    if (sqlite3_step(statement) != SQLITE_ROW)
        return sqlite_db_fault(db, "cannot turn to WAL", fault);
    const char *mode = (const char *)sqlite3_column_text(statement, 0);
    if (mode == NULL || strcmp(mode, "wal") != 0)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "the file system does not carry a WAL (mode %s)",
                         mode != NULL ? mode : "unknown");
    sqlite3_reset(statement);
    return write_back(db, SQLITE_CHECKPOINT_PASSIVE, fault);
}

/* Reading the schema is what shows whether the file is a database at all. */
static enum result count_tables(struct sqlite_db *db, int64_t *ret,
                                struct fault *fault)
{
    return sqlite_db_integer(db, "SELECT count(*) FROM sqlite_schema", ret,
                             fault);
}

static enum result set_up_writer(struct sqlite_db *db, struct fault *fault)
{
    enum result result = sqlite_db_run(db, writer_settings, fault);
    if (result != RESULT_OK)
        return result;
    if (sqlite3_wal_autocheckpoint(db->handle, CHECKPOINT_PAGES) != SQLITE_OK)
        return sqlite_db_fault(db, "cannot set the checkpoint", fault);
    int64_t tables;
    result = count_tables(db, &tables, fault);
    return result == RESULT_OK && tables == 0 ? sqlite_db_wal(db, fault)
                                              : result;
}

static enum result set_up_reader(struct sqlite_db *db, struct fault *fault)
{
    int64_t tables;
    enum result result = sqlite_db_run(db, reader_settings, fault);
    return result == RESULT_OK ? count_tables(db, &tables, fault) : result;
}

static enum result open_any(const char *path, bool writer, int lock_file,
                            struct sqlite_db **ret, struct fault *fault)
{
    struct sqlite_db *db = calloc(1, sizeof *db);
    if (db == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot open %s: no memory",
                         path);
    db->lock_file = -1; /* the caller's until it is all done */
    struct fault why = {""};
    int flags = writer ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                       : SQLITE_OPEN_READONLY;
    enum result result = open_handle(db, path, flags, &why);
    if (result == RESULT_OK)
        result = writer ? set_up_writer(db, &why) : set_up_reader(db, &why);
    if (result != RESULT_OK) {
        release(db);
        return fault_set(fault, result, "cannot open %s: %s", path, why.text);
    }
    db->lock_file = lock_file;
    *ret = db;
    return RESULT_OK;
}

enum result sqlite_db_open(const char *path, struct sqlite_db **ret,
                           struct fault *fault)
{
    int lock_file;
    enum result result = check_path(path, fault);
    if (result == RESULT_OK)
        result = take_lock(path, &lock_file, fault);
    if (result != RESULT_OK)
        return result;
    result = open_any(path, true, lock_file, ret, fault);
    if (result != RESULT_OK)
        (void)close(lock_file);
    return result;
}

enum result sqlite_db_lock(const char *path, int *ret, struct fault *fault)
{
    enum result result = check_path(path, fault);
    return result == RESULT_OK ? take_lock(path, ret, fault) : result;
}

enum result sqlite_db_open_readonly(const char *path, struct sqlite_db **ret,
                                    struct fault *fault)
{
    enum result result = check_path(path, fault);
    return result == RESULT_OK ? open_any(path, false, -1, ret, fault) : result;
}

enum result sqlite_db_open_visitor(const char *path, struct sqlite_db **ret,
                                   struct fault *fault)
{
    char wal[PATH_MAX];
    int bytes = snprintf(wal, sizeof wal, "%s-wal", path);
    bool was_closed = bytes < (int)sizeof wal && access(wal, F_OK) != 0;
    struct sqlite_db *db = NULL;
    enum result result = sqlite_db_open_readonly(path, &db, fault);
    if (result != RESULT_OK)
        return result;
    if (was_closed)
        db->visited = strdup(path); /* NULL: it stays, which harms nobody */
    *ret = db;
    return RESULT_OK;
}

enum result sqlite_db_close(struct sqlite_db *db, struct fault *fault)
{
    if (db == NULL)
        return RESULT_OK;
    enum result result = RESULT_OK;
    if (db->lock_file >= 0 && !db->sync_failed)
        result = write_back(db, SQLITE_CHECKPOINT_TRUNCATE, fault);
    release(db);
    return result;
}
