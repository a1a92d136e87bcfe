/* What a look at real files sees, and what a swap does to real programs. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "snapshot.h"
#include "swap.h"

static char folder[] = "/tmp/reload_files_XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/reload_files_XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : chdir(folder);
}

static int remove_one(const char *path, const struct stat *status, int kind,
                      struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

static int leave_folder(void **state)
{
    (void)state;
    if (chdir("/") != 0)
        return -1;
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    assert_int_equal(close(file), 0);
}

static struct snapshot look(const char *ignore)
{
    static const char *const paths[] = {"src", "top.txt"};
    const struct snapshot_scope scope = {paths, 2, &ignore, ignore != NULL};
    struct snapshot snapshot = {0};
    struct reason reason;

    if (!snapshot_take(&scope, &snapshot, &reason))
        fail_msg("%s", reason.text);
    return snapshot;
}

/* Looks before and after `change`: how many files differ, and which first. */
static size_t differences(void (*change)(void), char path[256])
{
    struct snapshot before = look(NULL);
    struct snapshot after;
    const char *first = NULL;
    size_t count;

    change();
    after = look(NULL);
    count = snapshot_differences(&before, &after, &first);
    snprintf(path, 256, "%s", first == NULL ? "" : first);
    snapshot_done(&before);
    snapshot_done(&after);
    return count;
}

static void make_tree(void)
{
    assert_int_equal(mkdir("src", 0755), 0);
    assert_int_equal(mkdir("src/deep", 0755), 0);
    write_file("src/a.c", "a", 0644);
    write_file("src/deep/b.h", "b", 0644);
    write_file("top.txt", "top", 0644);
}

static void change_nothing(void)
{
}

static void add_a_file(void)
{
    write_file("src/deep/new.c", "n", 0644);
}

static void remove_a_file(void)
{
    assert_int_equal(unlink("src/a.c"), 0);
}

static void rename_a_file(void)
{
    assert_int_equal(rename("src/deep/b.h", "src/deep/c.h"), 0);
}

/* The same text, size and time: only the inode tells. */
static void rename_save(void)
{
    struct stat status;

    assert_int_equal(stat("src/a.c", &status), 0);
    write_file("src/.a.c.swp", "a", 0644);
    const struct timespec times[2] = {status.st_atim, status.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, "src/.a.c.swp", times, 0), 0);
    assert_int_equal(rename("src/.a.c.swp", "src/a.c"), 0);
}

/* Only the nanoseconds of the time differ. */
static void touch_by_a_nanosecond(void)
{
    struct stat status;

    assert_int_equal(stat("top.txt", &status), 0);
    status.st_mtim.tv_nsec ^= 1;
    const struct timespec times[2] = {status.st_atim, status.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, "top.txt", times, 0), 0);
}

static void make_editor_files(void)
{
    write_file("src/.hidden", "x", 0644);
    write_file("src/a.c~", "x", 0644);
    write_file("src/#a.c#", "x", 0644);
    assert_int_equal(mkdir("src/.git", 0755), 0);
    write_file("src/.git/index", "x", 0644);
}

static void remove_everything(void)
{
    assert_int_equal(unlink("src/deep/b.h"), 0);
    assert_int_equal(rmdir("src/deep"), 0);
    assert_int_equal(unlink("src/a.c"), 0);
    assert_int_equal(rmdir("src"), 0);
    assert_int_equal(unlink("top.txt"), 0);
}

static void each_kind_of_change_is_seen(void **state)
{
    static const struct {
        void (*change)(void);
        size_t count;
        const char *path;
    } rows[] = {
        {change_nothing, 0, ""},       {add_a_file, 1, "src/deep/new.c"},
        {remove_a_file, 1, "src/a.c"}, {rename_a_file, 2, "src/deep/b.h"},
        {rename_save, 1, "src/a.c"},   {touch_by_a_nanosecond, 1, "top.txt"},
        {make_editor_files, 0, ""},    {remove_everything, 3, "src/a.c"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[256];

        if (i > 0)
            assert_int_equal(enter_folder(state), 0);
        make_tree();
        assert_int_equal(differences(rows[i].change, path), rows[i].count);
        assert_string_equal(path, rows[i].path);
        if (i + 1 < sizeof rows / sizeof rows[0])
            assert_int_equal(leave_folder(state), 0);
    }
}

static void ignored_names_are_passed_over_with_all_below(void **state)
{
    struct snapshot snapshot;

    (void)state;
    make_tree();
    snapshot = look("de*");
    assert_int_equal(snapshot.count, 2);
    snapshot_done(&snapshot);
}

static void
a_link_to_a_file_is_seen_and_one_to_a_folder_is_not_followed(void **state)
{
    struct snapshot snapshot;

    (void)state;
    make_tree();
    assert_int_equal(symlink("../top.txt", "src/link.c"), 0);
    assert_int_equal(symlink("..", "src/loop"), 0);
    assert_int_equal(symlink("nowhere", "src/dangling"), 0);
    snapshot = look(NULL);
    assert_int_equal(snapshot.count, 4);
    snapshot_done(&snapshot);
}

static void folders_deeper_than_the_limit_are_refused(void **state)
{
    static const char *const paths[] = {"."};
    const struct snapshot_scope scope = {paths, 1, NULL, 0};
    struct snapshot snapshot = {.count = 77};
    struct reason reason;

    (void)state;
    for (int i = 0; i <= SNAPSHOT_DEPTH_MAX; i++) {
        assert_int_equal(mkdir("d", 0755), 0);
        assert_int_equal(chdir("d"), 0);
    }
    assert_int_equal(chdir(folder), 0);
    assert_false(snapshot_take(&scope, &snapshot, &reason));
    assert_non_null(strstr(reason.text, "deeper than 32"));
    assert_int_equal(snapshot.count, 77); /* untouched on failure */
}

static void more_files_than_the_limit_are_refused(void **state)
{
    static const char *const paths[] = {"."};
    const struct snapshot_scope scope = {paths, 1, NULL, 0};
    struct snapshot snapshot;
    struct reason reason;

    (void)state;
    for (int i = 0; i <= SNAPSHOT_FILES_MAX; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d", i);
        /* Links to one file: quick to make. */
        if (i == 0)
            write_file(name, "", 0644);
        else
            assert_int_equal(link("0", name), 0);
    }
    assert_false(snapshot_take(&scope, &snapshot, &reason));
    assert_non_null(strstr(reason.text, "more than 20000 files"));
    assert_int_equal(unlink("0"), 0);
    assert_true(snapshot_take(&scope, &snapshot, &reason));
    assert_int_equal(snapshot.count, SNAPSHOT_FILES_MAX);
    snapshot_done(&snapshot);
}

static void read_text(const char *path, char text[256])
{
    int file = open(path, O_RDONLY);
    ssize_t bytes = read(file, text, 255);

    assert_true(bytes >= 0);
    text[bytes] = '\0';
    close(file);
}

static void a_swap_tells_a_new_program_from_the_same(void **state)
{
    char copy[SWAP_PATH_BYTES];
    char text[256];
    struct reason reason;
    struct stat status;
    bool changed;

    (void)state;
    assert_true(swap_path("program", copy, &reason));
    assert_string_equal(copy, "program.running");
    write_file("program", "one", 0755);
    assert_true(swap_take("program", copy, &changed, &reason));
    assert_true(changed);
    assert_true(swap_take("program", copy, &changed, &reason));
    assert_false(changed);
    write_file("program", "two", 0755);
    assert_true(swap_take("program", copy, &changed, &reason));
    assert_true(changed);
    write_file("program", "two and more", 0755);
    assert_true(swap_take("program", copy, &changed, &reason));
    assert_true(changed);
    read_text(copy, text);
    assert_string_equal(text, "two and more");
    assert_int_equal(stat(copy, &status), 0);
    assert_int_equal(status.st_mode & 0111, 0111);
}

static void a_swap_of_a_large_program_compares_all_of_it(void **state)
{
    enum { LARGE_BYTES = 3 * 65536 };
    static char content[LARGE_BYTES];
    struct reason reason;
    bool changed;
    int file = open("program", O_RDWR | O_CREAT, 0755);

    (void)state;
    assert_true(file >= 0);
    memset(content, 'x', sizeof content);
    /* A whole number of blocks, so that the end falls on a block's end. */
    assert_int_equal(write(file, content, LARGE_BYTES), LARGE_BYTES);
    assert_true(swap_take("program", "copy", &changed, &reason));
    assert_true(swap_take("program", "copy", &changed, &reason));
    assert_false(changed);
    assert_int_equal(pwrite(file, "y", 1, LARGE_BYTES - 1), 1);
    assert_true(swap_take("program", "copy", &changed, &reason));
    assert_true(changed);
    assert_int_equal(ftruncate(file, LARGE_BYTES - 65536), 0);
    assert_true(swap_take("program", "copy", &changed, &reason));
    assert_true(changed);
    close(file);
}

static void a_failed_swap_leaves_the_copy_as_it_was(void **state)
{
    char text[256];
    struct reason reason;
    bool changed = false;

    (void)state;
    write_file("copy", "old", 0755);
    assert_false(swap_take("missing", "copy", &changed, &reason));
    assert_non_null(strstr(reason.text, "'missing'"));
    write_file("not_a_program", "text", 0644);
    assert_false(swap_take("not_a_program", "copy", &changed, &reason));
    assert_false(swap_take(".", "copy", &changed, &reason));
    write_file("program", "new", 0755);
    assert_int_equal(mkdir("copy.next", 0755), 0); /* no place to write */
    assert_false(swap_take("program", "copy", &changed, &reason));
    assert_false(changed);
    read_text("copy", text);
    assert_string_equal(text, "old");
}

#define IN_FOLDER(test)                                                        \
    cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(each_kind_of_change_is_seen),
        IN_FOLDER(ignored_names_are_passed_over_with_all_below),
        IN_FOLDER(a_link_to_a_file_is_seen_and_one_to_a_folder_is_not_followed),
        IN_FOLDER(folders_deeper_than_the_limit_are_refused),
        IN_FOLDER(more_files_than_the_limit_are_refused),
        IN_FOLDER(a_swap_tells_a_new_program_from_the_same),
        IN_FOLDER(a_swap_of_a_large_program_compares_all_of_it),
        IN_FOLDER(a_failed_swap_leaves_the_copy_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
