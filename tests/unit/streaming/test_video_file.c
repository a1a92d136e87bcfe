#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temp_folder.h"
#include "video_file.h"

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

static struct video_file *open_good(const char *name)
{
    struct video_file *video = NULL;
    struct fault fault = {""};
    if (video_file_open(folder.file, name, &video, &fault) != RESULT_OK)
        fail_msg("%s", fault.text);
    return video;
}

/* Its bytes, by the way that a reply takes: system calls only. */
static void assert_content(const struct video_file *video, const char *expected)
{
    char read_back[256];
    size_t bytes = strlen(expected);
    assert_int_equal(video->bytes, bytes);
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(write(pipes[1], video->mapped, bytes), bytes);
    assert_int_equal(read(pipes[0], read_back, sizeof read_back), bytes);
    assert_memory_equal(read_back, expected, bytes);
    assert_int_equal(close(pipes[0]), 0);
    assert_int_equal(close(pipes[1]), 0);
}

static void a_video_says_what_its_file_is(void **state)
{
    (void)state;
    temp_folder_write_text(&folder, "My-first_video.2.WebM", "content");
    const struct timespec times[2] = {{784111777, 5}, {784111777, 5}};
    assert_int_equal(utimensat(folder.file, "My-first_video.2.WebM", times, 0),
                     0);
    struct video_file *video = open_good("My-first_video.2.WebM");
    assert_string_equal(video->id, "My-first_video.2.WebM");
    assert_string_equal(video->title, "My first video.2");
    assert_string_equal(video->type, "video/webm");
    assert_int_equal(video->modified_s, 784111777);
    assert_int_equal(video->duration_ms, -1);
    assert_int_equal(video->file, -1);
    assert_content(video, "content");
    video_file_release(video);
}

static void an_empty_file_is_neither_mapped_nor_open(void **state)
{
    (void)state;
    temp_folder_write_text(&folder, "empty.mp4", "");
    struct video_file *video = open_good("empty.mp4");
    assert_int_equal(video->bytes, 0);
    assert_null(video->mapped);
    assert_int_equal(video->file, -1);
    assert_int_equal(video->duration_ms, -1);
    video_file_release(video);
}

static void set_time(const char *name, time_t s, long ns)
{
    const struct timespec times[2] = {{s, ns}, {s, ns}};
    assert_int_equal(utimensat(folder.file, name, times, 0), 0);
}

static void the_etag_changes_with_size_time_and_file(void **state)
{
    (void)state;
    char etags[5][VIDEO_ETAG_BYTES];
    for (int i = 0; i < 5; i++) {
        temp_folder_write_text(&folder, "a.mp4", i == 1 ? "longer" : "same");
        set_time("a.mp4", i == 2 ? 1001 : 1000, i == 3 ? 1 : 0);
        if (i == 4) { /* another file with the same size and time */
            temp_folder_write_text(&folder, "b.mp4", "same");
            set_time("b.mp4", 1000, 0);
            assert_int_equal(
                renameat(folder.file, "b.mp4", folder.file, "a.mp4"), 0);
        }
        struct video_file *video = open_good("a.mp4");
        size_t bytes = strlen(video->etag);
        assert_true(bytes > 2 && video->etag[0] == '"' &&
                    video->etag[bytes - 1] == '"');
        assert_null(memchr(video->etag + 1, '"', bytes - 2));
        memcpy(etags[i], video->etag, sizeof etags[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(etags[i], etags[j]);
        video_file_release(video);
    }
    set_time("a.mp4", INT64_C(9223372035), 999999999); /* the longest text */
    struct video_file *video = open_good("a.mp4");
    assert_true(strlen(video->etag) < VIDEO_ETAG_BYTES);
    video_file_release(video);
}

static void a_version_is_known_until_the_file_changes(void **state)
{
    (void)state;
    struct stat status;
    temp_folder_write_text(&folder, "a.mp4", "one");
    set_time("a.mp4", 1000, 0);
    struct video_file *video = open_good("a.mp4");
    assert_int_equal(fstatat(folder.file, "a.mp4", &status, 0), 0);
    assert_true(video_file_is_version(video, &status));
    set_time("a.mp4", 1000, 1);
    assert_int_equal(fstatat(folder.file, "a.mp4", &status, 0), 0);
    assert_false(video_file_is_version(video, &status));
    video_file_release(video);
}

static void what_is_no_regular_file_is_refused(void **state)
{
    (void)state;
    temp_folder_write_text(&folder, "good.mp4", "x");
    assert_int_equal(symlinkat("good.mp4", folder.file, "link.mp4"), 0);
    assert_int_equal(symlinkat("/etc/passwd", folder.file, "out.mp4"), 0);
    assert_int_equal(mkdirat(folder.file, "folder.mp4", 0755), 0);
    assert_int_equal(mkfifoat(folder.file, "pipe.mp4", 0644), 0);
    static const char *const names[] = {"link.mp4", "out.mp4", "folder.mp4",
                                        "pipe.mp4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct video_file *video = NULL;
        struct fault fault = {""};
        assert_int_equal(video_file_open(folder.file, names[i], &video, &fault),
                         RESULT_UNUSABLE);
        assert_null(video);
        assert_non_null(strstr(fault.text, names[i]));
    }
}

static void a_file_that_is_gone_is_not_found(void **state)
{
    (void)state;
    struct video_file *video = NULL;
    struct fault fault;
    assert_int_equal(video_file_open(folder.file, "gone.mp4", &video, &fault),
                     RESULT_NOT_FOUND);
}

static void
a_name_that_cannot_be_an_id_is_refused_in_printable_words(void **state)
{
    (void)state;
    char too_long[VIDEO_NAME_BYTES_MAX + 6];
    memset(too_long, 'a', sizeof too_long);
    memcpy(too_long + sizeof too_long - 5, ".mp4", 5);
    const char *const names[] = {
        "a\nb.mp4",     "\x01.mp4",         "a\x7f.mp4",
        "\xc2\x85.mp4", "\xff.mp4",         "cut\xc3.mp4",
        "a.txt",        "\xed\xa0\x80.mp4", too_long,
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct video_file *video = NULL;
        struct fault fault = {""};
        assert_int_equal(video_file_open(folder.file, names[i], &video, &fault),
                         RESULT_MALFORMED);
        for (const char *c = fault.text; *c != '\0'; c++)
            if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e)
                fail_msg("name %zu is shown raw", i);
    }
}

static void a_long_name_in_any_script_is_an_id(void **state)
{
    (void)state;
    char name[VIDEO_NAME_BYTES_MAX + 1];
    memset(name, 'a', sizeof name);
    memcpy(name + sizeof name - 5, ".mp4", 5);
    static const char *const names[] = {"\xc3\xa4\xe6\x98\xa0\xf0\x9f\x8e\xac"
                                        ".mp4",
                                        "a b&c=%2f+?.mp4"};
    for (size_t i = 0; i < 3; i++) {
        const char *one = i == 2 ? name : names[i];
        temp_folder_write_text(&folder, one, "x");
        struct video_file *video = open_good(one);
        assert_string_equal(video->id, one);
        video_file_release(video);
    }
}

static void cutting_a_mapped_file_fails_a_system_call_and_no_more(void **state)
{
    (void)state;
    static char content[3 * 65536];
    temp_folder_write(&folder, "a.mp4", content, sizeof content);
    struct video_file *video = open_good("a.mp4");
    temp_folder_write_text(&folder, "a.mp4", "");
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(write(pipes[1], video->mapped, 100), -1);
    assert_int_equal(errno, EFAULT);
    assert_int_equal(close(pipes[0]), 0);
    assert_int_equal(close(pipes[1]), 0);
    video_file_release(video);
}

/* A file that is larger than the address space, with all of it a hole. */
static void what_cannot_be_mapped_stays_open(void **state)
{
    (void)state;
    char path[] = "/dev/shm/flixtube-test-XXXXXX";
    if (mkdtemp(path) == NULL)
        skip();
    int shared = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(shared >= 0);
    int file = openat(shared, "huge.webm", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    bool possible = ftruncate(file, INT64_C(1) << 60) == 0;
    if (possible) {
        assert_int_equal(pwrite(file, "end", 3, (INT64_C(1) << 60) - 3), 3);
        struct video_file *video = NULL;
        assert_int_equal(video_file_open(shared, "huge.webm", &video, NULL),
                         RESULT_OK);
        assert_null(video->mapped);
        assert_true(video->file >= 0);
        char end[3];
        assert_int_equal(pread(video->file, end, 3, (off_t)video->bytes - 3),
                         3);
        assert_memory_equal(end, "end", 3);
        int descriptor = video->file;
        video_file_release(video);
        assert_int_equal(fcntl(descriptor, F_GETFD), -1); /* closed */
    }
    assert_int_equal(close(file), 0);
    assert_int_equal(unlinkat(shared, "huge.webm", 0), 0);
    assert_int_equal(close(shared), 0);
    assert_int_equal(rmdir(path), 0);
    if (!possible)
        skip();
}

static int is_mapped(const void *place)
{
    return msync((void *)(uintptr_t)place, 1, MS_ASYNC) == 0;
}

static void the_last_reference_unmaps(void **state)
{
    (void)state;
    temp_folder_write_text(&folder, "a.mp4", "content");
    struct video_file *video = open_good("a.mp4");
    const void *mapped = video->mapped;
    assert_ptr_equal(video_file_hold(video), video);
    video_file_release(video);
    assert_true(is_mapped(mapped));
    assert_content(video, "content");
    video_file_release(video);
    assert_false(is_mapped(mapped));
    video_file_release(NULL);
}

#define IN_FOLDER(test)                                                        \
    cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_video_says_what_its_file_is),
        IN_FOLDER(an_empty_file_is_neither_mapped_nor_open),
        IN_FOLDER(the_etag_changes_with_size_time_and_file),
        IN_FOLDER(a_version_is_known_until_the_file_changes),
        IN_FOLDER(what_is_no_regular_file_is_refused),
        IN_FOLDER(a_file_that_is_gone_is_not_found),
        IN_FOLDER(a_name_that_cannot_be_an_id_is_refused_in_printable_words),
        IN_FOLDER(a_long_name_in_any_script_is_an_id),
        IN_FOLDER(cutting_a_mapped_file_fails_a_system_call_and_no_more),
        cmocka_unit_test(what_cannot_be_mapped_stays_open),
        IN_FOLDER(the_last_reference_unmaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
