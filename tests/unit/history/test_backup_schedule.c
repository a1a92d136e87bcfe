/* When a backup is made, and by whom. The schedule starts this program again,
 * as it starts `history backup`: main() then makes the file. */
#include "store_fixture.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "backup_schedule.h"
#include "store_engine.h"

enum {
    NOT_LED_MS = 1500, /* longer than a schedule looks again */
    DEADLINE_MS = 10000,
    LOOK_MS = 20,
};

static atomic_bool we_lead;

static bool leads(struct store *store)
{
    (void)store;
    return we_lead;
}

static void pause_ms(int64_t ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&time, NULL);
}

static unsigned backups_in(const char *folder)
{
    unsigned count = 0;
    const struct dirent *entry;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    while ((entry = readdir(entries)) != NULL)
        count += strstr(entry->d_name, ".db") != NULL;
    (void)closedir(entries);
    return count;
}

static void remove_all_in(const char *folder)
{
    char command[FIXTURE_PATH_BYTES + 16];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void who_does_not_lead_makes_none_until_it_does(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {""};
    struct counters counters = {0};
    struct backup_schedule *schedule = NULL;
    char folder[FIXTURE_PATH_BYTES];
    fixture_open(fixture);
    struct store_engine shared = *fixture->store->engine;
    shared.leads = leads;
    fixture->store->engine = &shared;
    we_lead = false;
    (void)snprintf(folder, sizeof folder, "%s/backups", fixture->folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    struct backup_schedule_config config = {.store = fixture->store,
                                            .folder = folder,
                                            .every_s = 3600,
                                            .keep = 2,
                                            .counters = &counters};
    assert_int_equal(backup_schedule_start(&config, &schedule, &fault),
                     RESULT_OK);
    pause_ms(NOT_LED_MS);
    assert_int_equal(backups_in(folder), 0);
    we_lead = true;
    int64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
    while (counters.backups == 0 && clock_monotonic_ms() < end_ms)
        pause_ms(LOOK_MS);
    assert_int_equal(counters.backups, 1);
    assert_int_equal(counters.backups_failed, 0);
    assert_int_equal(backups_in(folder), 1);
    backup_schedule_stop(schedule);
    fixture_close(fixture);
    remove_all_in(folder);
}

static int make_backup(const char *path)
{
    FILE *file = fopen(path, "w");
    return file == NULL || fclose(file) != 0;
}

int main(int argc, char *argv[])
{
    if (argc == 4 && strcmp(argv[1], "backup") == 0)
        return make_backup(argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            who_does_not_lead_makes_none_until_it_does, fixture_make,
            fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
