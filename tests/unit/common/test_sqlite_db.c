#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite_db.h"

static char folder[64];
static char path[96];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/flixtube-sqlite-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/test.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    const char *const endings[] = {"",      "-wal",     "-shm",
                                   "-lock", "-journal", ".link"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)unlink(name);
    }
    return rmdir(folder);
}

static struct sqlite_db *open_writer(void)
{
    struct sqlite_db *db = NULL;
    struct fault fault = {""};
    if (sqlite_db_open(path, &db, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
    return db;
}

static struct sqlite_db *open_reader(void)
{
    struct sqlite_db *db = NULL;
    struct fault fault = {""};
    if (sqlite_db_open_readonly(path, &db, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
    return db;
}

static void run(struct sqlite_db *db, const char *sql)
{
    struct fault fault = {""};
    if (sqlite_db_run(db, sql, &fault) != RESULT_OK)
        fail_msg("%s: %s", sql, fault.text);
}

static int64_t integer(struct sqlite_db *db, const char *sql)
{
    int64_t value = -1;
    struct fault fault = {""};
    if (sqlite_db_integer(db, sql, &value, &fault) != RESULT_OK)
        fail_msg("%s: %s", sql, fault.text);
    return value;
}

static void close_db(struct sqlite_db *db)
{
    assert_int_equal(sqlite_db_close(db, NULL), RESULT_OK);
}

static off_t file_bytes(const char *ending)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s%s", path, ending);
    struct stat status;
    return stat(name, &status) == 0 ? status.st_size : -1;
}

static void write_file(const char *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void a_writer_is_set_up_to_lose_nothing(void **state)
{
    (void)state;
    struct sqlite_db *db = open_writer();
    run(db, "CREATE TABLE t (x INTEGER) STRICT");
    assert_true(file_bytes("-wal") > 0);
    assert_int_equal(integer(db, "PRAGMA synchronous"), 2);
    assert_int_equal(integer(db, "PRAGMA mmap_size"), 0);
    assert_int_equal(integer(db, "PRAGMA cell_size_check"), 1);
    assert_int_equal(integer(db, "PRAGMA trusted_schema"), 0);
    assert_int_equal(integer(db, "PRAGMA wal_autocheckpoint"), 10000);
    assert_int_equal(integer(db, "PRAGMA journal_size_limit"), 67108864);
    assert_int_equal(integer(db, "PRAGMA busy_timeout"), 5000);
    int defensive = 0;
    sqlite3_db_config(sqlite_db_handle(db), SQLITE_DBCONFIG_DEFENSIVE, -1,
                      &defensive);
    assert_int_equal(defensive, 1);
    close_db(db);
}

static void a_second_writer_is_refused_until_the_first_closes(void **state)
{
    (void)state;
    struct sqlite_db *first = open_writer();
    struct sqlite_db *second = NULL;
    struct fault fault = {""};
    assert_int_equal(sqlite_db_open(path, &second, &fault), RESULT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "in use by another process"));
    assert_null(second);
    close_db(first);
    close_db(open_writer());
}

static void another_name_of_the_file_is_the_same_file(void **state)
{
    (void)state;
    char link_path[128];
    (void)snprintf(link_path, sizeof link_path, "%s.link", path);
    struct sqlite_db *first = open_writer();
    assert_int_equal(symlink("test.db", link_path), 0);
    struct sqlite_db *second = NULL;
    assert_int_equal(sqlite_db_open(link_path, &second, NULL),
                     RESULT_UNAVAILABLE);
    close_db(first);
}

/* The child is killed with its rows in the WAL and its lock held. */
static void a_killed_writer_leaves_its_commits_and_no_lock(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sqlite_db *db = NULL;
        if (sqlite_db_open(path, &db, NULL) == RESULT_OK &&
            sqlite_db_run(db,
                          "CREATE TABLE t (x INTEGER) STRICT;"
                          "INSERT INTO t VALUES (1), (2), (3);"
                          "BEGIN; INSERT INTO t VALUES (4);",
                          NULL) == RESULT_OK)
            (void)raise(SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_true(file_bytes("-wal") > 0);
    struct sqlite_db *db = open_writer();
    assert_int_equal(integer(db, "SELECT count(*) FROM t"), 3);
    close_db(db);
}

static void closing_writes_the_wal_back(void **state)
{
    (void)state;
    struct sqlite_db *db = open_writer();
    run(db, "CREATE TABLE t (x INTEGER) STRICT; INSERT INTO t VALUES (1)");
    assert_true(file_bytes("-wal") > 0);
    close_db(db);
    assert_int_equal(file_bytes("-wal"), -1);
    struct sqlite_db *reader = open_reader();
    assert_int_equal(integer(reader, "SELECT x FROM t"), 1);
    close_db(reader);
}

static void a_writer_closes_under_a_reader(void **state)
{
    (void)state;
    struct sqlite_db *db = open_writer();
    run(db, "CREATE TABLE t (x INTEGER) STRICT; INSERT INTO t VALUES (1)");
    struct sqlite_db *reader = open_reader();
    run(reader, "BEGIN");
    assert_int_equal(integer(reader, "SELECT x FROM t"), 1);
    run(db, "INSERT INTO t VALUES (2)");
    /* The wait for the reader would be the busy timeout's. */
    sqlite3_busy_timeout(sqlite_db_handle(db), 1);
    close_db(db);
    run(reader, "COMMIT");
    assert_int_equal(integer(reader, "SELECT count(*) FROM t"), 2);
    close_db(reader);
}

static void a_reader_sees_commits_and_cannot_write(void **state)
{
    (void)state;
    struct sqlite_db *db = open_writer();
    run(db, "CREATE TABLE t (x INTEGER) STRICT");
    struct sqlite_db *reader = open_reader();
    run(db, "INSERT INTO t VALUES (1)");
    assert_int_equal(integer(reader, "SELECT count(*) FROM t"), 1);
    assert_int_equal(sqlite_db_run(reader, "INSERT INTO t VALUES (2)", NULL),
                     RESULT_UNAVAILABLE);
    assert_int_equal(sqlite_db_run(reader,
                                   "PRAGMA query_only = OFF;"
                                   "INSERT INTO t VALUES (2)",
                                   NULL),
                     RESULT_UNAVAILABLE);
    close_db(reader);
    close_db(db);
}

static void a_reader_makes_no_file(void **state)
{
    (void)state;
    struct sqlite_db *db = NULL;
    struct fault fault = {""};
    assert_int_equal(sqlite_db_open_readonly(path, &db, &fault),
                     RESULT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, path));
    assert_int_equal(file_bytes(""), -1);
    assert_int_equal(file_bytes("-lock"), -1);
}

static void a_file_that_is_no_database_is_said_to_be_none(void **state)
{
    (void)state;
    char text[5000];
    memset(text, 'x', sizeof text);
    write_file(text, sizeof text);
    struct sqlite_db *db = NULL;
    struct fault fault = {""};
    assert_int_equal(sqlite_db_open(path, &db, &fault), RESULT_UNUSABLE);
    assert_non_null(strstr(fault.text, path));
    assert_non_null(strstr(fault.text, "file is not a database"));
    assert_int_equal(sqlite_db_open_readonly(path, &db, &fault),
                     RESULT_UNUSABLE);
    assert_int_equal(file_bytes(""), sizeof text);
    /* And the lock was given back. */
    assert_int_equal(sqlite_db_open(path, &db, &fault), RESULT_UNUSABLE);
}

static void a_damaged_schema_is_unusable(void **state)
{
    (void)state;
    struct sqlite_db *db = open_writer();
    run(db, "CREATE TABLE t (x INTEGER) STRICT");
    close_db(db);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    char damage[200];
    memset(damage, 0xff, sizeof damage);
    assert_int_equal(pwrite(file, damage, sizeof damage, 4096 - 200), 200);
    assert_int_equal(pwrite(file, damage, 20, 100), 20);
    (void)close(file);
    assert_int_equal(sqlite_db_open(path, &db, NULL), RESULT_UNUSABLE);
}

static void only_a_path_of_a_file_is_taken(void **state)
{
    (void)state;
    const char *const paths[] = {"", ":memory:", "file:x.db",
                                 "file:x?mode=memory"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct sqlite_db *db = NULL;
        assert_int_equal(sqlite_db_open(paths[i], &db, NULL), RESULT_UNUSABLE);
        assert_int_equal(sqlite_db_open_readonly(paths[i], &db, NULL),
                         RESULT_UNUSABLE);
    }
}

static void a_path_into_nowhere_is_unavailable(void **state)
{
    (void)state;
    struct sqlite_db *db = NULL;
    struct fault fault = {""};
    assert_int_equal(sqlite_db_open("/nowhere/at/all.db", &db, &fault),
                     RESULT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "No such file or directory"));
    assert_int_equal(sqlite_db_open(folder, &db, &fault), RESULT_UNAVAILABLE);
    char lock_path[80];
    (void)snprintf(lock_path, sizeof lock_path, "%s-lock", folder);
    (void)unlink(lock_path);
}

static void a_filled_file_keeps_its_journal_mode_until_it_is_ours(void **state)
{
    (void)state;
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(other, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    struct sqlite_db *db = open_writer();
    assert_int_equal(file_bytes("-wal"), -1);
    close_db(db);

    db = open_writer();
    assert_int_equal(sqlite_db_wal(db, NULL), RESULT_OK);
    run(db, "INSERT INTO t VALUES (1)");
    assert_true(file_bytes("-wal") > 0);
    close_db(db);
}

static void faults_say_what_the_caller_can_do(void **state)
{
    (void)state;
    struct sqlite_db *db = open_writer();
    struct fault fault = {""};
    run(db, "CREATE TABLE t (x INTEGER NOT NULL CHECK (x > 0)) STRICT");
    assert_int_equal(sqlite_db_run(db, "INSERT INTO t VALUES (0)", &fault),
                     RESULT_MALFORMED);
    assert_non_null(strstr(fault.text, "CHECK"));
    assert_int_equal(sqlite_db_run(db, "INSERT INTO t VALUES ('a')", &fault),
                     RESULT_MALFORMED);
    assert_int_equal(sqlite_db_run(db, "SELEC", &fault), RESULT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "syntax error"));
    int64_t value = 42;
    assert_int_equal(
        sqlite_db_integer(db, "SELECT x FROM t WHERE x = 9", &value, &fault),
        RESULT_NOT_FOUND);
    assert_int_equal(value, 42);
    run(db, "PRAGMA max_page_count = 3");
    assert_int_equal(sqlite_db_run(db,
                                   "INSERT INTO t SELECT 1 FROM (WITH RECURSIVE"
                                   " n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                                   " FROM n LIMIT 100000) SELECT i FROM n)",
                                   &fault),
                     RESULT_UNAVAILABLE);
    assert_non_null(strstr(fault.text, "full"));
    close_db(db);
}

static void a_text_in_double_quotes_is_no_string(void **state)
{
    (void)state;
    struct sqlite_db *db = open_writer();
    assert_int_equal(sqlite_db_run(db, "SELECT \"text\"", NULL),
                     RESULT_UNAVAILABLE);
    close_db(db);
}

static void a_kept_statement_is_the_callers(void **state)
{
    (void)state;
    struct sqlite_db *db = open_writer();
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite_db_prepare(db, "SELECT ?1 + 1", &statement, NULL),
                     RESULT_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sqlite3_bind_int(statement, 1, i), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(statement, 0), i + 1);
        assert_int_equal(sqlite3_reset(statement), SQLITE_OK);
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    close_db(db);
    close_db(NULL);
}

int main(void)
{
#define TEST(name)                                                             \
    cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(a_writer_is_set_up_to_lose_nothing),
        TEST(a_second_writer_is_refused_until_the_first_closes),
        TEST(another_name_of_the_file_is_the_same_file),
        TEST(a_killed_writer_leaves_its_commits_and_no_lock),
        TEST(closing_writes_the_wal_back),
        TEST(a_writer_closes_under_a_reader),
        TEST(a_reader_sees_commits_and_cannot_write),
        TEST(a_reader_makes_no_file),
        TEST(a_file_that_is_no_database_is_said_to_be_none),
        TEST(a_damaged_schema_is_unusable),
        TEST(only_a_path_of_a_file_is_taken),
        TEST(a_path_into_nowhere_is_unavailable),
        TEST(a_filled_file_keeps_its_journal_mode_until_it_is_ours),
        TEST(faults_say_what_the_caller_can_do),
        TEST(a_text_in_double_quotes_is_no_string),
        TEST(a_kept_statement_is_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
