#include "removed_set.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "decimal.h"
#include "durable_file.h"

enum {
    LINE_BYTES_MAX = 160, /* two signs, 64 digits, two numbers, the end */
    CAPACITY_MIN = 16,
    HEX_BYTES = 16, /* of an id and of a user */
};

void removed_set_done(struct removed_set *set)
{
    free(set->views);
    *set = (struct removed_set){0};
}

bool removed_set_add(struct removed_set *set, const struct removed_view *view)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity > 0 ? set->capacity * 2 : CAPACITY_MIN;
        void *grown = reallocarray(set->views, capacity, sizeof *set->views);
        if (grown == NULL)
            return false;
        set->views = grown;
        set->capacity = capacity;
    }
    set->views[set->count++] = *view;
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(((const struct removed_view *)a)->id.bytes,
                  ((const struct removed_view *)b)->id.bytes, HEX_BYTES);
}

void removed_set_sort(struct removed_set *set)
{
    size_t kept = 0;
    if (set->count > 0)
        qsort(set->views, set->count, sizeof *set->views, compare_ids);
    for (size_t i = 0; i < set->count; i++)
        if (kept == 0 ||
            compare_ids(&set->views[kept - 1], &set->views[i]) != 0)
            set->views[kept++] = set->views[i];
    set->count = kept;
}

bool removed_set_has(const struct removed_set *set, const struct uuid *id)
{
    struct removed_view wanted = {.id = *id};
    return set->count > 0 && bsearch(&wanted, set->views, set->count,
                                     sizeof *set->views, compare_ids) != NULL;
}

/* --- a line --------------------------------------------------------------- */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool take_hex(const char **line, uint8_t bytes[HEX_BYTES])
{
    for (size_t i = 0; i < HEX_BYTES; i++, *line += 2) {
        int high = hex_value((*line)[0]);
        int low = high < 0 ? -1 : hex_value((*line)[1]);
        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool take_user(const char **line, struct removed_view *view)
{
    view->user_given = **line != '-';
    if (view->user_given)
        return take_hex(line, view->user.hash);
    ++*line;
    return true;
}

static bool take(const char **line, const char *text)
{
    size_t bytes = strlen(text);
    bool is_there = strncmp(*line, text, bytes) == 0;
    *line += is_there ? bytes : 0;
    return is_there;
}

static bool read_line(const char *line, struct removed_view *ret,
                      bool *ret_undone)
{
    struct removed_view view = {.removed_ms = 0};
    *ret_undone = line[0] == '-';
    bool good = take(&line, *ret_undone ? "- " : "+ ") &&
                take_hex(&line, view.id.bytes);
    if (good && !*ret_undone)
        good = take(&line, " ") && take_user(&line, &view) &&
               take(&line, " ") && decimal_take(&line, &view.removed_ms) &&
               decimal_take(&line, &view.ahead_ms); /* takes what follows */
    else if (good)
        good = take(&line, "\n");
    *ret = view;
    return good && *line == '\0';
}

static char *put_hex(char *to, const uint8_t bytes[HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < HEX_BYTES; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    *to = '\0';
    return to;
}

static size_t write_line(char line[LINE_BYTES_MAX],
                         const struct removed_view *view, bool undone)
{
    char id[2 * HEX_BYTES + 1];
    char user[2 * HEX_BYTES + 1] = "-";
    (void)put_hex(id, view->id.bytes);
    if (view->user_given)
        (void)put_hex(user, view->user.hash);
    int bytes = undone ? snprintf(line, LINE_BYTES_MAX, "- %s\n", id)
                       : snprintf(line, LINE_BYTES_MAX,
                                  "+ %s %s %" PRId64 " %" PRId64 "\n", id, user,
                                  view->removed_ms, view->ahead_ms);
    return (size_t)bytes;
}

/* --- the file ------------------------------------------------------------- */

struct line {
    struct removed_view view;
    size_t number;
    bool undone;
};

struct lines {
    struct line *lines;
    size_t count;
    size_t capacity;
};

static void lines_done(struct lines *lines)
{
    free(lines->lines);
}

static bool lines_add(struct lines *lines, const struct line *line)
{
    if (lines->count == lines->capacity) {
        size_t capacity =
            lines->capacity > 0 ? lines->capacity * 2 : CAPACITY_MIN;
        void *grown =
            reallocarray(lines->lines, capacity, sizeof *lines->lines);
        if (grown == NULL)
            return false;
        lines->lines = grown;
        lines->capacity = capacity;
    }
    lines->lines[lines->count] = *line;
    lines->lines[lines->count].number = lines->count;
    lines->count++;
    return true;
}

static int compare_lines(const void *a, const void *b)
{
    const struct line *one = a;
    const struct line *other = b;
    int order = compare_ids(&one->view, &other->view);
    if (order != 0)
        return order;
    return one->number < other->number ? -1 : one->number > other->number;
}

static enum result read_lines(FILE *file, const char *path, struct lines *lines,
                              bool *ret_tidy, struct fault *fault)
{
    char text[LINE_BYTES_MAX];
    while (fgets(text, sizeof text, file) != NULL) {
        struct line line;
        if (strchr(text, '\n') == NULL && feof(file)) {
            *ret_tidy = false;
            break;
        }
        if (!read_line(text, &line.view, &line.undone))
            return fault_set(fault, RESULT_UNUSABLE,
                             "%s is no list of removed views", path);
        if (line.undone)
            *ret_tidy = false;
        if (!lines_add(lines, &line))
            return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    return ferror(file) ? fault_set(fault, RESULT_UNAVAILABLE,
                                    "cannot read %s: %s", path, strerror(errno))
                        : RESULT_OK;
}

/* The last line of each id says how it is. */
static bool reduce(struct lines *lines, struct removed_set *set)
{
    if (lines->count > 0)
        qsort(lines->lines, lines->count, sizeof *lines->lines, compare_lines);
    for (size_t i = 0; i < lines->count; i++) {
        const struct line *line = &lines->lines[i];
        bool is_last = i + 1 == lines->count ||
                       compare_ids(&line->view, &line[1].view) != 0;
        if (is_last && !line->undone && !removed_set_add(set, &line->view))
            return false;
    }
    removed_set_sort(set);
    return true;
}

enum result removed_set_read(struct removed_set *set, const char *path,
                             bool *ret_tidy, struct fault *fault)
{
    CLEANUP(lines_done) struct lines lines = {0};
    FILE *file = fopen(path, "re");
    if (file == NULL && errno == ENOENT)
        return RESULT_OK;
    if (file == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot read %s: %s", path,
                         strerror(errno));
    enum result r = read_lines(file, path, &lines, ret_tidy, fault);
    (void)fclose(file); /* nothing was written */
    if (r == RESULT_OK && !reduce(&lines, set))
        r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    return r;
}

static bool write_lines(FILE *file, const void *context)
{
    const struct removed_set *set = context;
    for (size_t i = 0; i < set->count; i++) {
        char line[LINE_BYTES_MAX];
        size_t bytes = write_line(line, &set->views[i], false);
        (void)fwrite(line, 1, bytes, file);
    }
    return !ferror(file);
}

enum result removed_set_write(const struct removed_set *set, const char *path,
                              struct fault *fault)
{
    return durable_file_write(path, write_lines, set, fault);
}

static bool append(int file, const char *line, size_t bytes)
{
    struct stat before;
    if (fstat(file, &before) != 0)
        return false;
    bool written = write(file, line, bytes) == (ssize_t)bytes;
    if (written && fdatasync(file) == 0)
        return true;
    int error = errno;
    /* So that the next line begins a line; a file where that fails as well is
     * found to be no list, and said to be. */
    if (ftruncate(file, before.st_size) != 0)
        error = errno;
    errno = error;
    return false;
}

enum result removed_set_append(const char *path,
                               const struct removed_view *view, bool undone,
                               struct fault *fault)
{
    char line[LINE_BYTES_MAX];
    size_t bytes = write_line(line, view, undone);
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC,
                    S_IRUSR | S_IWUSR);
    bool done = file >= 0 && append(file, line, bytes);
    int error = errno;
    if (file >= 0)
        (void)close(file); /* it is on disk, or is told not to be */
    return done ? RESULT_OK
                : fault_set(fault, RESULT_UNAVAILABLE, "cannot write %s: %s",
                            path, strerror(error));
}
