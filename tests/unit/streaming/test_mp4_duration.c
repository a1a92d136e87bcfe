#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mp4_duration.h"

/* A file as it is built, box by box. */
struct file {
    uint8_t data[64 * 1024];
    size_t bytes;
};

static void put(struct file *file, uint64_t value, size_t bytes)
{
    for (size_t i = bytes; i-- > 0;)
        file->data[file->bytes++] = (uint8_t)(i < 8 ? value >> (8 * i) : 0);
}

static size_t open_box(struct file *file, const char *type)
{
    size_t start = file->bytes;
    put(file, 0, 4);
    memcpy(file->data + file->bytes, type, 4);
    file->bytes += 4;
    return start;
}

static void set_size(struct file *file, size_t start, uint32_t box_bytes)
{
    size_t end = file->bytes;
    file->bytes = start;
    put(file, box_bytes, 4);
    file->bytes = end;
}

static void close_box(struct file *file, size_t start)
{
    set_size(file, start, (uint32_t)(file->bytes - start));
}

static void add_box(struct file *file, const char *type, size_t body_bytes)
{
    size_t start = open_box(file, type);
    put(file, 0, body_bytes);
    close_box(file, start);
}

static void add_mvhd_0(struct file *file, uint32_t per_s, uint32_t ticks)
{
    size_t start = open_box(file, "mvhd");
    put(file, 0, 12);
    put(file, per_s, 4);
    put(file, ticks, 4);
    put(file, 0, 80);
    close_box(file, start);
}

static void add_mvhd_1(struct file *file, uint32_t per_s, uint64_t ticks)
{
    size_t start = open_box(file, "mvhd");
    put(file, 1, 1);
    put(file, 0, 19);
    put(file, per_s, 4);
    put(file, ticks, 8);
    put(file, 0, 80);
    close_box(file, start);
}

static void add_moov_0(struct file *file, uint32_t per_s, uint32_t ticks)
{
    size_t start = open_box(file, "moov");
    add_mvhd_0(file, per_s, ticks);
    close_box(file, start);
}

/* From memory, and from a real file: the two have to agree. */
static int64_t duration_of(const struct file *file)
{
    uint8_t *exact = malloc(file->bytes + 1); /* so that ASan sees its end */
    assert_non_null(exact);
    memcpy(exact, file->data, file->bytes);
    int64_t ms = mp4_duration_of_memory(exact, file->bytes);
    free(exact);

    int descriptor = memfd_create("mp4", MFD_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, file->data, file->bytes), file->bytes);
    assert_int_equal(mp4_duration_of_file(descriptor, file->bytes), ms);
    assert_int_equal(close(descriptor), 0);
    return ms;
}

static void both_versions_are_read(void **state)
{
    (void)state;
    static const struct {
        int version;
        uint32_t per_s;
        uint64_t ticks;
        int64_t ms;
    } rows[] = {
        {0, 1000, 30000, 30000},
        {0, 600, 601, 1001},
        {0, 1, 1, 1000},
        {0, 1000, 0, -1},          /* nothing says nothing */
        {0, 90000, 89, -1},        /* under 1 ms */
        {0, 0, 30000, -1},         /* no ticks in a second */
        {0, 1000, UINT32_MAX, -1}, /* "cannot be determined" */
        {0, 1000000000, UINT32_MAX - 1, 4294},
        {1, 1000, 30000, 30000},
        {1, UINT32_MAX, UINT64_C(30) * UINT32_MAX, 30000},
        {1, UINT32_MAX, UINT64_C(30) * UINT32_MAX + UINT32_MAX - 1, 30999},
        {1, 1000, UINT64_MAX, -1},
        {1, UINT32_MAX, UINT64_MAX, -1},
        {1, 1, 31622399, INT64_C(31622399000)},
        {1, 1, 31622400, -1}, /* longer than any video */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct file file;
        file.bytes = 0;
        add_box(&file, "ftyp", 16);
        size_t moov = open_box(&file, "moov");
        if (rows[i].version == 0)
            add_mvhd_0(&file, rows[i].per_s, (uint32_t)rows[i].ticks);
        else
            add_mvhd_1(&file, rows[i].per_s, rows[i].ticks);
        close_box(&file, moov);
        int64_t ms = duration_of(&file);
        if (ms != rows[i].ms)
            fail_msg("row %zu: %lld", i, (long long)ms);
    }
}

static void moov_may_stand_anywhere_and_mvhd_anywhere_in_it(void **state)
{
    (void)state;
    static struct file file;
    add_box(&file, "ftyp", 24);
    add_box(&file, "free", 0);
    add_box(&file, "mdat", 4000);
    size_t moov = open_box(&file, "moov");
    add_box(&file, "udta", 40);
    add_mvhd_0(&file, 1000, 12345);
    add_box(&file, "trak", 40);
    close_box(&file, moov);
    assert_int_equal(duration_of(&file), 12345);
}

static void a_size_may_have_64_bits(void **state)
{
    (void)state;
    static struct file file;
    size_t mdat = open_box(&file, "mdat");
    put(&file, 16 + 100, 8);
    put(&file, 0, 100);
    set_size(&file, mdat, 1);
    add_moov_0(&file, 1000, 777);
    assert_int_equal(duration_of(&file), 777);
}

static void a_size_of_0_goes_to_the_end(void **state)
{
    (void)state;
    static struct file file;
    size_t moov = open_box(&file, "moov");
    add_mvhd_0(&file, 1000, 777);
    set_size(&file, moov, 0);
    assert_int_equal(duration_of(&file), 777);

    file.bytes = 0;
    (void)open_box(&file, "mdat"); /* swallows the rest */
    add_moov_0(&file, 1000, 777);
    assert_int_equal(duration_of(&file), -1);
}

static void a_moov_is_not_found_inside_of_data(void **state)
{
    (void)state;
    static struct file file;
    size_t mdat = open_box(&file, "mdat");
    add_moov_0(&file, 1000, 5);
    close_box(&file, mdat);
    add_moov_0(&file, 1000, 777);
    assert_int_equal(duration_of(&file), 777);
}

static void a_file_that_is_cut_anywhere_says_nothing(void **state)
{
    (void)state;
    static struct file whole;
    add_box(&whole, "ftyp", 16);
    size_t moov = open_box(&whole, "moov");
    add_mvhd_1(&whole, 1000, 777);
    close_box(&whole, moov);
    assert_int_equal(duration_of(&whole), 777);
    static struct file cut;
    memcpy(cut.data, whole.data, whole.bytes);
    for (cut.bytes = 0; cut.bytes < whole.bytes; cut.bytes++)
        assert_int_equal(duration_of(&cut), -1);
}

static void a_size_that_cannot_be_says_nothing(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {2, 7, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        static struct file file;
        file.bytes = 0;
        size_t start = open_box(&file, "free");
        set_size(&file, start, sizes[i]);
        add_moov_0(&file, 1000, 777);
        assert_int_equal(duration_of(&file), -1);
    }
    static const uint64_t large[] = {0, 1, 15, UINT64_MAX, UINT64_MAX - 15};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        static struct file file;
        file.bytes = 0;
        size_t start = open_box(&file, "free");
        put(&file, large[i], 8);
        set_size(&file, start, 1);
        add_moov_0(&file, 1000, 777);
        assert_int_equal(duration_of(&file), -1);
    }
}

static void a_box_is_no_shorter_than_its_header(void **state)
{
    (void)state;
    static struct file file;
    put(&file, 4, 4); /* a box of 4 bytes, behind which a moov would lie */
    add_moov_0(&file, 1000, 777);
    assert_int_equal(duration_of(&file), -1);
}

static void an_mvhd_of_another_version_or_too_short_says_nothing(void **state)
{
    (void)state;
    static struct file file;
    size_t moov = open_box(&file, "moov");
    size_t mvhd = open_box(&file, "mvhd");
    put(&file, 2, 1);
    put(&file, 0x0101010101010101, 8);
    put(&file, 0, 80);
    close_box(&file, mvhd);
    close_box(&file, moov);
    assert_int_equal(duration_of(&file), -1);

    file.bytes = 0;
    moov = open_box(&file, "moov");
    add_box(&file, "mvhd", 19);
    close_box(&file, moov);
    add_moov_0(&file, 1000, 777); /* not read in its place */
    assert_int_equal(duration_of(&file), -1);
}

static void no_more_than_a_limit_of_boxes_is_walked(void **state)
{
    (void)state;
    static struct file file;
    for (int i = 0; i < MP4_BOXES_MAX - 2; i++)
        add_box(&file, "free", 0);
    add_moov_0(&file, 1000, 777);
    assert_int_equal(duration_of(&file), 777);

    file.bytes = 0;
    for (int i = 0; i < MP4_BOXES_MAX - 1; i++)
        add_box(&file, "free", 0);
    add_moov_0(&file, 1000, 777);
    assert_int_equal(duration_of(&file), -1);
}

static void a_descriptor_that_cannot_be_read_says_nothing(void **state)
{
    (void)state;
    assert_int_equal(mp4_duration_of_file(-1, 1000), -1);
    int descriptor = memfd_create("mp4", MFD_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(mp4_duration_of_file(descriptor, 1000), -1); /* shorter */
    assert_int_equal(mp4_duration_of_file(descriptor, UINT64_MAX), -1);
    assert_int_equal(close(descriptor), 0);
}

static void the_sample_videos_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int64_t ms;
    } rows[] = {
        {FLIXTUBE_VIDEOS "/SampleVideo_1280x720_1mb.mp4", 30000},
        {FLIXTUBE_VIDEOS "/The_harbour_lights_640x360.mp4", 24000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int file = open(rows[i].path, O_RDONLY | O_CLOEXEC);
        assert_true(file >= 0);
        struct stat status;
        assert_int_equal(fstat(file, &status), 0);
        int64_t ms = mp4_duration_of_file(file, (uint64_t)status.st_size);
        assert_in_range(ms, rows[i].ms - 50, rows[i].ms + 50);
        assert_int_equal(close(file), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_versions_are_read),
        cmocka_unit_test(moov_may_stand_anywhere_and_mvhd_anywhere_in_it),
        cmocka_unit_test(a_size_may_have_64_bits),
        cmocka_unit_test(a_size_of_0_goes_to_the_end),
        cmocka_unit_test(a_moov_is_not_found_inside_of_data),
        cmocka_unit_test(a_file_that_is_cut_anywhere_says_nothing),
        cmocka_unit_test(a_size_that_cannot_be_says_nothing),
        cmocka_unit_test(a_box_is_no_shorter_than_its_header),
        cmocka_unit_test(an_mvhd_of_another_version_or_too_short_says_nothing),
        cmocka_unit_test(no_more_than_a_limit_of_boxes_is_walked),
        cmocka_unit_test(a_descriptor_that_cannot_be_read_says_nothing),
        cmocka_unit_test(the_sample_videos_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
