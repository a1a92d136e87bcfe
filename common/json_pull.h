#ifndef FLIXTUBE_COMMON_JSON_PULL_H
#define FLIXTUBE_COMMON_JSON_PULL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The members of an object, one after the other, without a tree: a quarter of
 * what a tree costs, which is what the hot path of messages needs. Only for a
 * text that json_check() has passed; these rely on it and check nothing.
 * Pure; any thread. Values point into the text.
 */
enum json_kind {
    JSON_STRING, /* `text` is without its quotes, still escaped */
    JSON_NUMBER,
    JSON_OBJECT, /* `text` is from its brace to its brace */
    JSON_ARRAY,
    JSON_WORD, /* true, false, null */
};

struct json_value {
    enum json_kind kind;
    const char *text;
    size_t bytes;
};

struct json_member {
    struct json_value name; /* a JSON_STRING */
    struct json_value value;
};

/* The one value that the checked text is. */
struct json_value json_pull_value(const char *text, size_t bytes);

/*
 * Steps through an object's members: start with *cursor NULL. False at the
 * end, and for an empty object.
 */
bool json_pull_member(const struct json_value *object, const char **cursor,
                      struct json_member *ret);

/* Whether a string is this text (of plain ASCII, in this case). */
bool json_pull_is(const struct json_value *string, const char *text,
                  size_t bytes);

/*
 * A string's text, unescaped and NUL-terminated. Returns its length, which
 * may be more than fits: then nothing was written beyond text_bytes, the text
 * is cut and the caller refuses it.
 */
size_t json_pull_string(const struct json_value *string, char *text,
                        size_t text_bytes);

/* A number as a double; JSON_NUMBER_BYTES_MAX bounds its text. */
double json_pull_number(const struct json_value *number);

#endif
