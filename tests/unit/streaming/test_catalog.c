#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog.h"
#include "temp_folder.h"

static struct temp_folder folder;

static int make_folder(void **state)
{
    (void)state;
    folder = temp_folder_make();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    temp_folder_done(&folder);
    return 0;
}

static struct catalog *open_catalog(struct catalog_scan *ret_scan)
{
    struct catalog *catalog = NULL;
    struct fault fault = {""};
    if (catalog_open(folder.path, &catalog, ret_scan, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
    return catalog;
}

static bool refresh(struct catalog *catalog)
{
    struct catalog_scan scan;
    struct fault fault = {""};
    if (catalog_refresh(catalog, &scan, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
    return scan.changed;
}

static void assert_ids(struct catalog *catalog, const char *expected)
{
    char ids[256] = "";
    size_t bytes = 0;
    const struct catalog_snapshot *snapshot = catalog_acquire(catalog);
    for (size_t i = 0; i < snapshot->count; i++)
        bytes += (size_t)snprintf(ids + bytes, sizeof ids - bytes, "%s ",
                                  snapshot->videos[i]->id);
    catalog_release(snapshot);
    assert_string_equal(ids, expected);
}

static void a_folder_that_is_missing_is_an_error_in_words(void **state)
{
    (void)state;
    struct catalog *catalog = NULL;
    struct fault fault = {""};
    const char *path = temp_folder_path(&folder, "missing");
    assert_int_equal(catalog_open(path, &catalog, NULL, &fault),
                     RESULT_UNUSABLE);
    assert_null(catalog);
    assert_non_null(strstr(fault.text, path));
    assert_non_null(strstr(fault.text, "No such file"));

    temp_folder_write_text(&folder, "file", "");
    path = temp_folder_path(&folder, "file");
    assert_int_equal(catalog_open(path, &catalog, NULL, &fault),
                     RESULT_UNUSABLE);
    assert_non_null(strstr(fault.text, "Not a directory"));
    catalog_close(NULL);
}

static void an_empty_folder_is_a_catalog_without_videos(void **state)
{
    (void)state;
    struct catalog_scan scan;
    struct catalog *catalog = open_catalog(&scan);
    assert_true(scan.changed);
    assert_int_equal(scan.videos, 0);
    assert_ids(catalog, "");
    assert_null(catalog_take(catalog, NULL));
    assert_null(catalog_take(catalog, "a.mp4"));
    assert_false(refresh(catalog));
    catalog_close(catalog);
}

static void only_its_own_videos_are_listed_in_order(void **state)
{
    (void)state;
    static const char *const names[] = {"b.mp4",  "a.webm",      "B.mp4",
                                        "c.txt",  ".hidden.mp4", "README.md",
                                        "d.part", "\xc3\xa4.mkv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        temp_folder_write_text(&folder, names[i], "x");
    assert_int_equal(mkdirat(folder.file, "below", 0755), 0);
    temp_folder_write_text(&folder, "below/c.mp4", "x");
    struct catalog_scan scan;
    struct catalog *catalog = open_catalog(&scan);
    assert_ids(catalog, "B.mp4 a.webm b.mp4 \xc3\xa4.mkv ");
    assert_int_equal(scan.videos, 4);
    assert_int_equal(scan.skipped, 0);
    assert_string_equal(scan.skipped_why.text, "");
    struct video_file *first = catalog_take(catalog, NULL);
    assert_string_equal(first->id, "B.mp4");
    video_file_release(first);
    catalog_close(catalog);
}

static void what_cannot_be_served_is_left_out_with_a_word(void **state)
{
    (void)state;
    temp_folder_write_text(&folder, "good.mp4", "x");
    assert_int_equal(symlinkat("/etc/passwd", folder.file, "link.mp4"), 0);
    temp_folder_write_text(&folder, "line\nbreak.mp4", "x");
    struct catalog_scan scan;
    struct catalog *catalog = open_catalog(&scan);
    assert_ids(catalog, "good.mp4 ");
    assert_int_equal(scan.skipped, 2);
    assert_string_equal(
        scan.skipped_why.text,
        "the name 'line?break.mp4' is not UTF-8 without control characters");
    assert_false(refresh(catalog)); /* told once, not at each refresh */
    assert_int_equal(unlinkat(folder.file, "link.mp4", 0), 0);
    assert_true(refresh(catalog));
    catalog_close(catalog);
}

static void an_id_is_a_name_and_never_a_path(void **state)
{
    (void)state;
    assert_int_equal(mkdirat(folder.file, "below", 0755), 0);
    temp_folder_write_text(&folder, "below/a.mp4", "x");
    temp_folder_write_text(&folder, "a.mp4", "x");
    struct catalog *catalog = open_catalog(NULL);
    const char *const ids[] = {
        "",
        "./a.mp4",
        "below/a.mp4",
        "below/../a.mp4",
        "/a.mp4",
        "a.mp4/",
        "A.mp4",
        "a.mp",
        "a.mp4 ",
        "..",
        "a.mp4\n",
        "%61.mp4",
        temp_folder_path(&folder, "a.mp4"),
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        assert_null(catalog_take(catalog, ids[i]));
    struct video_file *video = catalog_take(catalog, "a.mp4");
    assert_non_null(video);
    video_file_release(video);
    catalog_close(catalog);
}

static void a_refresh_without_change_keeps_every_mapping(void **state)
{
    (void)state;
    temp_folder_write_text(&folder, "a.mp4", "a");
    temp_folder_write_text(&folder, "b.mp4", "b");
    struct catalog *catalog = open_catalog(NULL);
    struct video_file *before = catalog_take(catalog, "a.mp4");
    assert_false(refresh(catalog));
    temp_folder_write_text(&folder, "c.mp4", "c");
    assert_true(refresh(catalog));
    assert_ids(catalog, "a.mp4 b.mp4 c.mp4 ");
    struct video_file *after = catalog_take(catalog, "a.mp4");
    assert_ptr_equal(before, after);
    video_file_release(before);
    video_file_release(after);
    catalog_close(catalog);
}

/* The first byte, by system calls; 0 where they fail. */
static char content_of(const struct video_file *video)
{
    char c = 0;
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return 0;
    if (write(pipes[1], video->mapped, 1) != 1 || read(pipes[0], &c, 1) != 1)
        c = 0;
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    return c;
}

static void replace(const char *name, const char *text)
{
    temp_folder_write_text(&folder, ".new", text);
    assert_int_equal(renameat(folder.file, ".new", folder.file, name), 0);
}

static void who_holds_a_video_keeps_its_bytes_when_it_is_replaced(void **state)
{
    (void)state;
    replace("a.mp4", "1");
    struct catalog *catalog = open_catalog(NULL);
    const struct catalog_snapshot *snapshot = catalog_acquire(catalog);
    struct video_file *old = catalog_take(catalog, "a.mp4");
    replace("a.mp4", "2");
    assert_true(refresh(catalog));
    struct video_file *new = catalog_take(catalog, "a.mp4");
    assert_ptr_not_equal(old, new);
    assert_string_not_equal(old->etag, new->etag);
    assert_ptr_equal(catalog_find(snapshot, "a.mp4"), old);
    catalog_release(snapshot);
    assert_int_equal(unlinkat(folder.file, "a.mp4", 0), 0);
    assert_true(refresh(catalog));
    assert_null(catalog_take(catalog, "a.mp4"));
    catalog_close(catalog);
    assert_int_equal(content_of(old), '1');
    assert_int_equal(content_of(new), '2');
    video_file_release(old);
    video_file_release(new);
}

static void a_file_that_grows_is_taken_as_it_is_each_time(void **state)
{
    (void)state;
    temp_folder_write_text(&folder, "a.mp4", "1");
    struct catalog *catalog = open_catalog(NULL);
    temp_folder_write_text(&folder, "a.mp4", "12");
    assert_true(refresh(catalog));
    struct video_file *video = catalog_take(catalog, "a.mp4");
    assert_int_equal(video->bytes, 2);
    video_file_release(video);
    catalog_close(catalog);
}

static void a_folder_that_vanishes_keeps_the_last_snapshot(void **state)
{
    (void)state;
    char away[128];
    (void)snprintf(away, sizeof away, "%s-away", folder.path);
    temp_folder_write_text(&folder, "a.mp4", "1");
    struct catalog *catalog = open_catalog(NULL);
    assert_int_equal(rename(folder.path, away), 0);
    struct catalog_scan scan = {.videos = 42};
    struct fault fault = {""};
    assert_int_equal(catalog_refresh(catalog, &scan, &fault), RESULT_UNUSABLE);
    assert_non_null(strstr(fault.text, folder.path));
    assert_int_equal(scan.videos, 42);
    assert_ids(catalog, "a.mp4 ");

    assert_int_equal(mkdir(folder.path, 0755), 0); /* another in its place */
    assert_true(refresh(catalog));
    assert_ids(catalog, "");
    assert_int_equal(rmdir(folder.path), 0);
    assert_int_equal(rename(away, folder.path), 0);
    assert_true(refresh(catalog));
    assert_ids(catalog, "a.mp4 ");
    catalog_close(catalog);
}

static void more_videos_than_the_limit_are_refused(void **state)
{
    (void)state;
    char name[32];
    for (int i = 0; i < CATALOG_VIDEOS_MAX; i++) {
        (void)snprintf(name, sizeof name, "%05d.webm", i);
        int file = openat(folder.file, name, O_WRONLY | O_CREAT, 0644);
        assert_true(file >= 0);
        assert_int_equal(close(file), 0);
    }
    struct catalog_scan scan;
    struct catalog *catalog = open_catalog(&scan);
    assert_int_equal(scan.videos, CATALOG_VIDEOS_MAX);
    struct video_file *video = catalog_take(catalog, "07777.webm");
    assert_string_equal(video->id, "07777.webm");
    video_file_release(video);

    temp_folder_write_text(&folder, "one more.webm", "");
    struct fault fault = {""};
    assert_int_equal(catalog_refresh(catalog, &scan, &fault), RESULT_LIMIT);
    assert_non_null(strstr(fault.text, "10000"));
    video = catalog_take(catalog, "07777.webm"); /* the last ones stay */
    assert_non_null(video);
    video_file_release(video);
    catalog_close(catalog);

    struct catalog *refused = NULL;
    assert_int_equal(catalog_open(folder.path, &refused, NULL, &fault),
                     RESULT_LIMIT);
    assert_null(refused);
}

static void the_sample_videos_are_in_the_catalog(void **state)
{
    (void)state;
    struct catalog *catalog = NULL;
    struct fault fault = {""};
    if (catalog_open(FLIXTUBE_VIDEOS, &catalog, NULL, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
    struct video_file *video =
        catalog_take(catalog, "SampleVideo_1280x720_1mb.mp4");
    assert_non_null(video);
    assert_string_equal(video->title, "SampleVideo 1280x720 1mb");
    assert_string_equal(video->type, "video/mp4");
    assert_in_range(video->bytes, 1055736 * 0.97, 1055736 * 1.03);
    assert_in_range(video->duration_ms, 29950, 30050);
    video_file_release(video);
    catalog_close(catalog);
}

enum {
    READERS = 4,
    REPLACEMENTS = 200,
};

static atomic_bool replacing;

static bool one_read_is_good(struct catalog *catalog)
{
    struct video_file *video = catalog_take(catalog, "a.mp4");
    if (video == NULL)
        return false;
    char content = content_of(video);
    bool good = video->bytes == 1 && content >= '0' && content <= '9';
    video_file_release(video);
    const struct catalog_snapshot *snapshot = catalog_acquire(catalog);
    good = good && catalog_find(snapshot, "b.mp4") != NULL;
    catalog_release(snapshot);
    return good;
}

/* NULL if every read was good. */
static void *read_on(void *argument)
{
    do {
        if (!one_read_is_good(argument))
            return argument;
    } while (atomic_load(&replacing));
    return NULL;
}

static void readers_and_refreshes_do_not_disturb_each_other(void **state)
{
    (void)state;
    replace("a.mp4", "0");
    replace("b.mp4", "0");
    struct catalog *catalog = open_catalog(NULL);
    pthread_t readers[READERS];
    atomic_store(&replacing, true);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, catalog),
                         0);
    for (int i = 0; i < REPLACEMENTS; i++) {
        const char text[2] = {(char)('0' + i % 10), '\0'};
        replace("a.mp4", text);
        (void)refresh(catalog);
    }
    atomic_store(&replacing, false);
    for (size_t i = 0; i < READERS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(readers[i], &failed), 0);
        assert_null(failed);
    }
    catalog_close(catalog);
}

#define IN_FOLDER(test)                                                        \
    cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_folder_that_is_missing_is_an_error_in_words),
        IN_FOLDER(an_empty_folder_is_a_catalog_without_videos),
        IN_FOLDER(only_its_own_videos_are_listed_in_order),
        IN_FOLDER(what_cannot_be_served_is_left_out_with_a_word),
        IN_FOLDER(an_id_is_a_name_and_never_a_path),
        IN_FOLDER(a_refresh_without_change_keeps_every_mapping),
        IN_FOLDER(who_holds_a_video_keeps_its_bytes_when_it_is_replaced),
        IN_FOLDER(a_file_that_grows_is_taken_as_it_is_each_time),
        IN_FOLDER(a_folder_that_vanishes_keeps_the_last_snapshot),
        IN_FOLDER(more_videos_than_the_limit_are_refused),
        cmocka_unit_test(the_sample_videos_are_in_the_catalog),
        IN_FOLDER(readers_and_refreshes_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
