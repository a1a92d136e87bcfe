#ifndef FLIXTUBE_COMMON_UTF8_H
#define FLIXTUBE_COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The length of the valid UTF-8 sequence (RFC 3629) that starts at text[0],
 * 1 to 4, or 0 where none does or bytes is 0. Surrogates and overlong forms
 * are not valid; NUL is.
 */
size_t utf8_sequence(const char *text, size_t bytes);

bool utf8_is_valid(const char *text, size_t bytes);

#endif
