#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup_folder.h"

static char folder[] = "/tmp/backup-folder-XXXXXX";

static void make(const char *name)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fclose(file);
}

static bool is_there(const char *name)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    char command[PATH_MAX];
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void an_empty_folder_has_no_newest(void **state)
{
    (void)state;
    char path[PATH_MAX];
    int64_t made_s;
    struct fault fault;
    assert_int_equal(backup_folder_newest(folder, path, &made_s, &fault),
                     RESULT_NOT_FOUND);
    assert_int_equal(backup_folder_newest("/nowhere", path, &made_s, &fault),
                     RESULT_UNAVAILABLE);
}

static void only_the_newest_backups_stay_and_what_is_not_one_stays(void **state)
{
    (void)state;
    static const char *const names[] = {
        "history-2026-01-31T12-00-00.123Z.db",
        "history-2025-12-31T12-00-00.123Z.db",
        "history-2026-02-01T00-00-00.000Z.db",
    };
    static const char *const others[] = {
        "history.db",
        "history-old.db",
        "history-2026-02-01T00-00-00.000Z.db.txt",
        "zzz",
    };
    char path[PATH_MAX];
    int64_t made_s;
    struct fault fault;
    for (size_t i = 0; i < 3; i++)
        make(names[i]);
    for (size_t i = 0; i < 4; i++)
        make(others[i]);
    make("history-2026-02-01T00-00-00.000Z.db.partial-x");
    assert_int_equal(backup_folder_newest(folder, path, &made_s, &fault),
                     RESULT_OK);
    assert_non_null(strstr(path, names[2]));
    assert_int_equal(backup_folder_prune(folder, 2, &fault), RESULT_OK);
    assert_true(is_there(names[0]));
    assert_false(is_there(names[1]));
    assert_true(is_there(names[2]));
    for (size_t i = 0; i < 4; i++)
        assert_true(is_there(others[i]));
    assert_false(is_there("history-2026-02-01T00-00-00.000Z.db.partial-x"));
}

static void a_name_is_new_and_later_than_the_one_before(void **state)
{
    (void)state;
    char first[PATH_MAX];
    char second[PATH_MAX];
    struct fault fault;
    assert_int_equal(backup_folder_name(folder, first, &fault), RESULT_OK);
    (void)usleep(2000);
    assert_int_equal(backup_folder_name(folder, second, &fault), RESULT_OK);
    assert_true(strcmp(first, second) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_folder_has_no_newest),
        cmocka_unit_test(
            only_the_newest_backups_stay_and_what_is_not_one_stays),
        cmocka_unit_test(a_name_is_new_and_later_than_the_one_before),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
