#include "env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

enum {
    NAME_BYTES_MAX = 128, /* ours are under 40 */
};

static const char *value_of(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static enum result copy_text(const char *name, const char *text, size_t bytes,
                             char *value, size_t value_bytes,
                             struct fault *fault)
{
    size_t limit = value_bytes <= ENV_VALUE_BYTES_MAX ? value_bytes - 1
                                                      : ENV_VALUE_BYTES_MAX;
    if (bytes > limit)
        return fault_set(fault, RESULT_MALFORMED, "%s is longer than %zu bytes",
                         name, limit);
    memcpy(value, text, bytes);
    value[bytes] = '\0';
    return RESULT_OK;
}

static void close_descriptor(const int *descriptor)
{
    if (*descriptor >= 0)
        (void)close(*descriptor); /* was only read */
}

static enum result read_whole(int file, char *text, size_t text_bytes,
                              size_t *ret_bytes)
{
    size_t bytes = 0;
    while (bytes < text_bytes) {
        ssize_t got = read(file, text + bytes, text_bytes - bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return RESULT_UNAVAILABLE;
        if (got == 0)
            break;
        bytes += (size_t)got;
    }
    *ret_bytes = bytes;
    return RESULT_OK;
}

static enum result text_from_file(const char *name, const char *path,
                                  char *value, size_t value_bytes,
                                  struct fault *fault)
{
    CLEANUP(close_descriptor) int file = open(path, O_RDONLY | O_CLOEXEC);
    /* Two more than the limit: the newline, and one that shows it is over. */
    char text[ENV_VALUE_BYTES_MAX + 2];
    size_t bytes = 0;
    if (file < 0 || read_whole(file, text, sizeof text, &bytes) != RESULT_OK)
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot read %s: %s: %s",
                         name, path, strerror(errno));
    if (bytes > 0 && text[bytes - 1] == '\n')
        bytes--;
    if (bytes == 0)
        return fault_set(fault, RESULT_MALFORMED, "%s: %s is empty", name,
                         path);
    if (memchr(text, '\0', bytes) != NULL)
        return fault_set(fault, RESULT_MALFORMED, "%s: %s holds a NUL byte",
                         name, path);
    return copy_text(name, text, bytes, value, value_bytes, fault);
}

enum result env_text(const char *name, const char *fallback, char *value,
                     size_t value_bytes, struct fault *fault)
{
    char file_name[NAME_BYTES_MAX];
    int length = snprintf(file_name, sizeof file_name, "%s_FILE", name);
    if (length < 0 || (size_t)length >= sizeof file_name)
        return fault_set(fault, RESULT_MALFORMED,
                         "a setting's name is longer than %d bytes",
                         NAME_BYTES_MAX);
    const char *direct = value_of(name);
    const char *path = value_of(file_name);
    if (direct != NULL && path != NULL)
        return fault_set(fault, RESULT_MALFORMED,
                         "%s and %s are both set: one must go", name,
                         file_name);
    if (path != NULL)
        return text_from_file(file_name, path, value, value_bytes, fault);
    const char *text = direct != NULL ? direct : fallback;
    if (text == NULL)
        return fault_set(fault, RESULT_NOT_FOUND, "%s is not set", name);
    return copy_text(name, text, strlen(text), value, value_bytes, fault);
}

static bool parse_integer(const char *text, int64_t *ret)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (digits[0] == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno != 0)
        return false;
    *ret = value;
    return true;
}

enum result env_integer(const char *name, int64_t fallback, int64_t min,
                        int64_t max, int64_t *ret_value, struct fault *fault)
{
    char text[ENV_VALUE_BYTES_MAX + 1];
    enum result result = env_text(name, NULL, text, sizeof text, fault);
    if (result == RESULT_NOT_FOUND) {
        *ret_value = fallback;
        return RESULT_OK;
    }
    if (result != RESULT_OK)
        return result;
    int64_t value;
    if (!parse_integer(text, &value) || value < min || value > max)
        return fault_set(fault, RESULT_MALFORMED,
                         "%s must be a whole number from %lld to %lld, "
                         "not \"%.40s\"",
                         name, (long long)min, (long long)max, text);
    *ret_value = value;
    return RESULT_OK;
}
