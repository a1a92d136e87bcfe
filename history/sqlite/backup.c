#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "durable_file.h"
#include "sqlite_db.h"
#include "sqlite_store.h"

static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static bool beside(const char *path, const char *suffix, char ret[PATH_MAX])
{
    return snprintf(ret, PATH_MAX, "%s%s", path, suffix) < PATH_MAX;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat of_a;
    struct stat of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 &&
           of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

static bool is_part_of(const char *store_path, const char *file)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char part[PATH_MAX];
        if (beside(store_path, suffixes[i], part) && is_same_file(part, file))
            return true;
    }
    return false;
}

static void drop_temp(const char *temp)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char part[PATH_MAX];
        if (beside(temp, suffixes[i], part))
            (void)unlink(part);
    }
}

static enum result copy_fault(sqlite3 *to, struct fault *fault)
{
    return fault_set(fault, RESULT_UNAVAILABLE, "cannot write the copy: %s",
                     to != NULL ? sqlite3_errmsg(to) : "no memory");
}

static enum result open_copy(const char *temp, const char *sql, sqlite3 **ret,
                             struct fault *fault)
{
    *ret = NULL;
    if (sqlite3_open_v2(temp, ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK &&
        sqlite3_exec(*ret, sql, NULL, NULL, NULL) == SQLITE_OK)
        return RESULT_OK;
    enum result result = copy_fault(*ret, fault);
    (void)sqlite3_close(*ret);
    *ret = NULL;
    return result;
}

static enum result copy_pages(struct sqlite_db *from, const char *temp,
                              struct fault *fault)
{
    sqlite3 *to;
    /* What a crash leaves of a temporary file is of no use to anybody. */
    enum result result =
        open_copy(temp, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF",
                  &to, fault);
    if (result != RESULT_OK)
        return result;
    sqlite3_backup *backup =
        sqlite3_backup_init(to, "main", sqlite_db_handle(from), "main");
    int code = backup != NULL ? sqlite3_backup_step(backup, -1) : SQLITE_ERROR;
    (void)sqlite3_backup_finish(backup); /* says again what the step said */
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
        result = fault_set(fault, RESULT_UNUSABLE, "%s", sqlite3_errstr(code));
    else if (backup == NULL)
        result = copy_fault(to, fault);
    else if (code != SQLITE_DONE)
        result = fault_set(fault, RESULT_UNAVAILABLE, "cannot copy: %s",
                           sqlite3_errstr(code));
    (void)sqlite3_close(to);
    return result;
}

/* A store says in its header that it has a WAL; one file is easier to keep. */
static enum result make_single(const char *temp, struct fault *fault)
{
    sqlite3 *copy;
    enum result result = open_copy(temp,
                                   "SELECT count(*) FROM sqlite_schema;"
                                   "PRAGMA journal_mode = DELETE",
                                   &copy, fault);
    (void)sqlite3_close(copy);
    return result;
}

/* Errors: also RESULT_UNUSABLE, when what was copied is no good store. */
static enum result copy_and_verify(const char *from_path, const char *temp,
                                   struct store_report *ret,
                                   struct fault *fault)
{
    struct sqlite_db *from = NULL;
    struct store_report report;
    enum result result = sqlite_db_open_visitor(from_path, &from, fault);
    if (result == RESULT_OK)
        result = copy_pages(from, temp, fault);
    (void)sqlite_db_close(from, NULL);
    if (result == RESULT_OK)
        result = make_single(temp, fault);
    if (result == RESULT_OK)
        result = sqlite_store_verify(temp, &report, fault);
    if (result == RESULT_OK && report.problem[0] != '\0')
        result = fault_set(fault, RESULT_UNUSABLE, "%s is not good: %.200s",
                           from_path, report.problem);
    if (result == RESULT_OK)
        *ret = report;
    return result;
}

static enum result check_target(const char *store_path, const char *file,
                                bool replace, struct fault *fault)
{
    char wal[PATH_MAX];
    if (is_part_of(store_path, file))
        return fault_set(fault, RESULT_MALFORMED, "%s is the store itself",
                         file);
    if (beside(file, "-wal", wal) && exists(wal))
        return fault_set(fault, RESULT_MALFORMED,
                         "%s is a store in use: beside it is %s", file, wal);
    if (!replace && exists(file))
        return fault_set(fault, RESULT_MALFORMED,
                         "%s is there already; --force replaces it", file);
    return RESULT_OK;
}

static enum result check_source(const char *path, struct fault *fault)
{
    if (access(path, R_OK) == 0)
        return RESULT_OK;
    return fault_set(fault,
                     errno == ENOENT ? RESULT_NOT_FOUND : RESULT_UNAVAILABLE,
                     "cannot open %s: %s", path, strerror(errno));
}

enum result sqlite_store_backup(const char *store_path, const char *file,
                                bool replace, struct store_report *ret,
                                struct fault *fault)
{
    char temp[PATH_MAX];
    struct store_report report;
    enum result result = check_source(store_path, fault);
    if (result == RESULT_OK)
        result = check_target(store_path, file, replace, fault);
    if (result == RESULT_OK)
        result = durable_file_make(file, temp, fault);
    if (result != RESULT_OK)
        return result;
    result = copy_and_verify(store_path, temp, &report, fault);
    if (result == RESULT_OK)
        result = durable_file_move(temp, file, replace, fault);
    if (result == RESULT_OK)
        *ret = report;
    else
        drop_temp(temp);
    return result;
}

/* Who owned the store, and who may read it, stays so. */
static enum result keep_owner(const char *store_path, const char *temp,
                              struct fault *fault)
{
    struct stat status;
    if (stat(store_path, &status) != 0)
        return RESULT_OK; /* there is none */
    if (chmod(temp, status.st_mode & 07777) == 0 &&
        (geteuid() != 0 || chown(temp, status.st_uid, status.st_gid) == 0))
        return RESULT_OK;
    return fault_set(fault, RESULT_UNAVAILABLE,
                     "cannot give the copy the store's owner: %s",
                     strerror(errno));
}

static enum result move_aside(const char *store_path, const char *suffix,
                              const char *aside, struct fault *fault)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    if (!beside(store_path, suffix, from) || !beside(aside, suffix, to))
        return fault_set(fault, RESULT_UNAVAILABLE, "the path is too long");
    return exists(from) ? durable_file_move(from, to, false, fault) : RESULT_OK;
}

/*
 * The file before its WAL: were the power to fail in between, the name would
 * have no file, and a WAL alone is dropped by SQLite. The other way round the
 * old file would stand there without the views in its WAL.
 */
static enum result set_aside(const char *store_path, char ret_aside[PATH_MAX],
                             struct fault *fault)
{
    char now[CLOCK_TEXT_BYTES];
    char shm[PATH_MAX];
    clock_format(clock_now_ms(), now);
    bool there = exists(store_path);
    if (snprintf(ret_aside, PATH_MAX, "%s.replaced-%s", store_path, now) >=
            PATH_MAX ||
        !beside(store_path, "-shm", shm))
        return fault_set(fault, RESULT_UNAVAILABLE, "the path is too long");
    enum result result = move_aside(store_path, "", ret_aside, fault);
    if (result == RESULT_OK)
        result = move_aside(store_path, "-wal", ret_aside, fault);
    if (result == RESULT_OK && unlink(shm) != 0 && errno != ENOENT)
        result = fault_set(fault, RESULT_UNAVAILABLE, "cannot remove %s: %s",
                           shm, strerror(errno));
    if (!there)
        ret_aside[0] = '\0';
    return result;
}

/* The lock is held. */
static enum result replace_store(const char *file, const char *store_path,
                                 char ret_aside[PATH_MAX],
                                 struct store_report *ret, struct fault *fault)
{
    char temp[PATH_MAX];
    enum result result = durable_file_make(store_path, temp, fault);
    if (result != RESULT_OK)
        return result;
    result = copy_and_verify(file, temp, ret, fault);
    if (result == RESULT_OK)
        result = keep_owner(store_path, temp, fault);
    if (result == RESULT_OK)
        result = set_aside(store_path, ret_aside, fault);
    if (result == RESULT_OK)
        result = durable_file_move(temp, store_path, false, fault);
    if (result != RESULT_OK)
        drop_temp(temp);
    return result;
}

enum result sqlite_store_restore(const char *file, const char *store_path,
                                 bool replace, char ret_aside[PATH_MAX],
                                 struct store_report *ret, struct fault *fault)
{
    char whole[PATH_MAX];
    int lock = -1;
    ret_aside[0] = '\0';
    if (realpath(store_path, whole) == NULL) {
        if (errno != ENOENT || strlen(store_path) >= sizeof whole)
            return fault_set(fault, RESULT_UNAVAILABLE, "cannot open %s: %s",
                             store_path, strerror(errno));
        strcpy(whole, store_path);
    }
    enum result result = check_source(file, fault);
    if (result == RESULT_OK && is_part_of(whole, file))
        result =
            fault_set(fault, RESULT_MALFORMED, "%s is the store itself", file);
    if (result == RESULT_OK && !replace && exists(whole))
        result = fault_set(fault, RESULT_MALFORMED,
                           "%s is there already; --force sets it aside", whole);
    if (result != RESULT_OK)
        return result;
    if (sqlite_db_lock(whole, &lock, fault) != RESULT_OK)
        return RESULT_LIMIT;
    result = replace_store(file, whole, ret_aside, ret, fault);
    (void)close(lock);
    return result;
}
