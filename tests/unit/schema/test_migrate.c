#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "migrate.h"

extern const char schema_history_0001[];
extern const char schema_history_0002[];
extern const char schema_history_0003[];
extern const char schema_history_0004[];

static char folder[64];
static char path[96];
static struct sqlite_db *db;

static int make_file(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/flixtube-migrate-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/test.db", folder);
    return sqlite_db_open(path, &db, NULL) == RESULT_OK ? 0 : -1;
}

static int remove_file(void **state)
{
    (void)state;
    (void)sqlite_db_close(db, NULL);
    const char *const endings[] = {"", "-wal", "-shm", "-lock", "-journal"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)unlink(name);
    }
    return rmdir(folder);
}

static void reopen(void)
{
    assert_int_equal(sqlite_db_close(db, NULL), RESULT_OK);
    assert_int_equal(sqlite_db_open(path, &db, NULL), RESULT_OK);
}

static void run(const char *sql)
{
    struct fault fault = {""};
    if (sqlite_db_run(db, sql, &fault) != RESULT_OK)
        fail_msg("%s: %s", sql, fault.text);
}

static int64_t integer(const char *sql)
{
    int64_t value = -1;
    assert_int_equal(sqlite_db_integer(db, sql, &value, NULL), RESULT_OK);
    return value;
}

static void assert_migrated(enum schema_kind kind)
{
    struct fault fault = {""};
    if (schema_migrate(db, kind, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
}

static void assert_refused(enum schema_kind kind, const char *words)
{
    struct fault fault = {""};
    assert_int_equal(schema_migrate(db, kind, &fault), RESULT_UNUSABLE);
    if (strstr(fault.text, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, fault.text);
}

static void a_new_file_becomes_ours(void **state)
{
    (void)state;
    assert_migrated(SCHEMA_HISTORY);
    assert_int_equal(integer("PRAGMA user_version"),
                     schema_version(SCHEMA_HISTORY));
    assert_int_not_equal(integer("PRAGMA application_id"), 0);
    assert_int_equal(integer("SELECT count(*) FROM views"), 0);
    assert_int_equal(integer("SELECT count(*) FROM store"), 1);
}

static void an_outbox_becomes_one(void **state)
{
    (void)state;
    assert_migrated(SCHEMA_OUTBOX);
    assert_int_equal(integer("PRAGMA user_version"),
                     schema_version(SCHEMA_OUTBOX));
    assert_int_equal(integer("SELECT count(*) FROM outbox"), 0);
}

static void a_second_run_changes_nothing(void **state)
{
    (void)state;
    assert_migrated(SCHEMA_HISTORY);
    run("UPDATE store SET mark = 7");
    reopen();
    int64_t changes = integer("PRAGMA data_version");
    assert_migrated(SCHEMA_HISTORY);
    assert_int_equal(sqlite3_total_changes(sqlite_db_handle(db)), 0);
    assert_int_equal(integer("PRAGMA data_version"), changes);
    assert_int_equal(integer("SELECT mark FROM store"), 7);
}

/* Of views that came before there were traces. */
static void a_file_without_traces_keeps_its_views(void **state)
{
    (void)state;
    static const char *const steps[] = {
        schema_history_0001, schema_history_0002, schema_history_0003,
        schema_history_0004};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        run(steps[i]);
    run("PRAGMA application_id = 0x46747648");
    run("PRAGMA user_version = 4");
    run("INSERT INTO views (seq, id, video_path, viewed_at_ms, received_ms,"
        " rule, flags) VALUES (1, zeroblob(16), 'a', 5, 6, 1, 3)");
    assert_migrated(SCHEMA_HISTORY);
    assert_int_equal(integer("SELECT viewed_at_ms FROM views"
                             " WHERE trace IS NULL"),
                     5);
    assert_int_equal(integer("SELECT count(*) FROM removed WHERE trace = 1"),
                     0);
}

static void the_other_kind_is_refused_and_left_alone(void **state)
{
    (void)state;
    assert_migrated(SCHEMA_OUTBOX);
    assert_refused(SCHEMA_HISTORY, "an outbox, not a viewing history");
    assert_int_equal(
        integer("SELECT count(*) FROM sqlite_schema WHERE name = 'views'"), 0);
}

static void a_newer_version_is_refused_and_left_alone(void **state)
{
    (void)state;
    assert_migrated(SCHEMA_HISTORY);
    char sql[64];
    int newer = schema_version(SCHEMA_HISTORY) + 1;
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d", newer);
    run(sql);
    assert_refused(SCHEMA_HISTORY, "use a newer one");
    assert_int_equal(integer("PRAGMA user_version"), newer);
}

static void a_file_of_ours_without_a_version_is_refused(void **state)
{
    (void)state;
    assert_migrated(SCHEMA_HISTORY);
    run("PRAGMA user_version = 0");
    assert_refused(SCHEMA_HISTORY, "damaged");
    run("PRAGMA user_version = -1");
    assert_refused(SCHEMA_HISTORY, "damaged");
}

/* Byte for byte: not even its journal mode changes. */
static void another_programs_file_is_refused_and_untouched(void **state)
{
    (void)state;
    assert_int_equal(sqlite_db_close(db, NULL), RESULT_OK);
    (void)unlink(path);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other,
                                  "CREATE TABLE theirs (x);"
                                  "INSERT INTO theirs VALUES (1)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    char before[16384];
    char after[16384];
    FILE *file = fopen(path, "rb");
    size_t bytes = fread(before, 1, sizeof before, file);
    (void)fclose(file);

    assert_int_equal(sqlite_db_open(path, &db, NULL), RESULT_OK);
    assert_refused(SCHEMA_HISTORY, "another program's");
    reopen();

    file = fopen(path, "rb");
    assert_int_equal(fread(after, 1, sizeof after, file), bytes);
    (void)fclose(file);
    assert_memory_equal(before, after, bytes);
}

static void
a_copy_of_ours_in_another_journal_mode_is_turned_to_wal(void **state)
{
    (void)state;
    assert_migrated(SCHEMA_HISTORY);
    char copy[128];
    (void)snprintf(copy, sizeof copy, "VACUUM INTO '%s-copy'", path);
    run(copy);
    assert_int_equal(sqlite_db_close(db, NULL), RESULT_OK);
    (void)snprintf(copy, sizeof copy, "%s-copy", path);
    assert_int_equal(rename(copy, path), 0);
    assert_int_equal(sqlite_db_open(path, &db, NULL), RESULT_OK);
    assert_migrated(SCHEMA_HISTORY);
    sqlite3_stmt *statement;
    assert_int_equal(
        sqlite_db_prepare(db, "PRAGMA journal_mode", &statement, NULL),
        RESULT_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "wal");
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

/* The disk is full at each page in turn. */
static void a_migration_that_fails_leaves_the_version_before(void **state)
{
    (void)state;
    enum result result = RESULT_UNAVAILABLE;
    int failures = 0;
    for (int pages = 1; result != RESULT_OK; pages++) {
        char sql[64];
        struct fault fault = {""};
        (void)snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", pages);
        run(sql);
        result = schema_migrate(db, SCHEMA_HISTORY, &fault);
        if (result == RESULT_OK)
            break;
        failures++;
        assert_int_equal(result, RESULT_UNAVAILABLE);
        assert_non_null(strstr(fault.text, "full"));
        assert_int_equal(sqlite3_get_autocommit(sqlite_db_handle(db)), 1);
        int64_t version = integer("PRAGMA user_version");
        assert_true(version < schema_version(SCHEMA_HISTORY));
        assert_int_equal(integer("PRAGMA application_id") != 0, version > 0);
        assert_int_equal(integer("SELECT count(*) FROM sqlite_schema") != 0,
                         version > 0);
    }
    assert_true(failures > 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_becomes_ours),
        TEST(an_outbox_becomes_one),
        TEST(a_second_run_changes_nothing),
        TEST(a_file_without_traces_keeps_its_views),
        TEST(the_other_kind_is_refused_and_left_alone),
        TEST(a_newer_version_is_refused_and_left_alone),
        TEST(a_file_of_ours_without_a_version_is_refused),
        TEST(another_programs_file_is_refused_and_untouched),
        TEST(a_copy_of_ours_in_another_journal_mode_is_turned_to_wal),
        TEST(a_migration_that_fails_leaves_the_version_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
