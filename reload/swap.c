#include "swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char copy_suffix[] = ".running";
static const char next_suffix[] = ".next"; /* the copy while it is written */

enum {
    BLOCK_BYTES = 64 * 1024, /* on the stack, twice */
};

bool swap_path(const char *program, char path[SWAP_PATH_BYTES],
               struct reason *reason)
{
    size_t bytes = strlen(program);

    if (bytes + sizeof copy_suffix + sizeof next_suffix > SWAP_PATH_BYTES)
        return reason_set(reason, "a program's path of more than %d bytes",
                          SWAP_PATH_BYTES - 16);
    memcpy(path, program, bytes);
    memcpy(path + bytes, copy_suffix, sizeof copy_suffix);
    return true;
}

/* As many bytes as there are, up to a block; -1 on an error. */
static ssize_t read_block(int file, char block[BLOCK_BYTES])
{
    size_t bytes = 0;

    while (bytes < BLOCK_BYTES) {
        ssize_t some = read(file, block + bytes, BLOCK_BYTES - bytes);

        if (some < 0 && errno == EINTR)
            continue;
        if (some < 0)
            return -1;
        if (some == 0)
            break;
        bytes += (size_t)some;
    }
    return (ssize_t)bytes;
}

static bool write_block(int file, const char *block, size_t bytes)
{
    while (bytes > 0) {
        ssize_t some = write(file, block, bytes);

        if (some < 0 && errno == EINTR)
            continue;
        if (some < 0)
            return false;
        block += some;
        bytes -= (size_t)some;
    }
    return true;
}

static bool same_content(int left, int right)
{
    char left_block[BLOCK_BYTES];
    char right_block[BLOCK_BYTES];

    for (;;) {
        ssize_t left_bytes = read_block(left, left_block);
        ssize_t right_bytes = read_block(right, right_block);

        if (left_bytes < 0 || left_bytes != right_bytes ||
            memcmp(left_block, right_block, (size_t)left_bytes) != 0)
            return false;
        if (left_bytes < BLOCK_BYTES)
            return true;
    }
}

static bool copy_into(int from, int to)
{
    char block[BLOCK_BYTES];

    for (;;) {
        ssize_t bytes = read_block(from, block);

        if (bytes < 0 || !write_block(to, block, (size_t)bytes))
            return false;
        if (bytes < BLOCK_BYTES)
            return true;
    }
}

static bool is_same(int program, const char *copy)
{
    int file = open(copy, O_RDONLY | O_CLOEXEC);
    bool same;

    if (file < 0)
        return false;
    same = same_content(program, file);
    close(file);
    return same && lseek(program, 0, SEEK_SET) == 0;
}

static bool replace(int program, const char *copy, struct reason *reason)
{
    char next[SWAP_PATH_BYTES + sizeof next_suffix];
    bool good;
    int file;

    snprintf(next, sizeof next, "%s%s", copy, next_suffix);
    file = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (file < 0)
        return reason_set(reason, "cannot write '%s': %s", next,
                          strerror(errno));
    good = lseek(program, 0, SEEK_SET) == 0 && copy_into(program, file);
    /* Closed before it runs: a file open for writing cannot be executed. */
    good = close(file) == 0 && good;
    good = good && rename(next, copy) == 0;
    if (!good) {
        reason_set(reason, "cannot copy to '%s': %s", copy, strerror(errno));
        unlink(next);
    }
    return good;
}

bool swap_take(const char *program, const char *copy, bool *ret_changed,
               struct reason *reason)
{
    int file = open(program, O_RDONLY | O_CLOEXEC);
    struct stat status;
    bool good = true;
    bool same;

    if (file < 0)
        return reason_set(reason, "the build made no '%s': %s", program,
                          strerror(errno));
    if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode) ||
        (status.st_mode & 0111) == 0) {
        close(file);
        return reason_set(reason, "'%s' is no program", program);
    }
    same = is_same(file, copy);
    if (!same)
        good = replace(file, copy, reason);
    close(file);
    if (good)
        *ret_changed = !same;
    return good;
}
