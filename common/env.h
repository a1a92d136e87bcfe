#ifndef FLIXTUBE_COMMON_ENV_H
#define FLIXTUBE_COMMON_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"

enum {
    ENV_VALUE_BYTES_MAX =
        4096, /* longer values, and secret files, are refused */
};

/*
 * A setting by its environment variable `name`, or by the file that
 * `name`_FILE names (its last newline is dropped), or `fallback` (NULL: none).
 * Both set is an error. The text is copied into `value`, NUL-terminated. An
 * empty variable counts as unset; an empty file is an error, since a secret
 * that is not there yet must not turn into a default.
 * Errors: RESULT_MALFORMED (both set, too long, a file that is empty or holds
 * a NUL), RESULT_UNAVAILABLE (the file cannot be read), RESULT_NOT_FOUND
 * (unset, and fallback is NULL).
 */
enum result env_text(const char *name, const char *fallback, char *value,
                     size_t value_bytes, struct fault *fault);

/*
 * A whole decimal number within [min, max].
 * Errors: as env_text(), and RESULT_MALFORMED that names the limits.
 */
enum result env_integer(const char *name, int64_t fallback, int64_t min,
                        int64_t max, int64_t *ret_value, struct fault *fault);

#endif
