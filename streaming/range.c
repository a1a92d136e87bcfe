#include "range.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_space(const char *text)
{
    return text + strspn(text, " \t");
}

/* 1*DIGIT; what 64 bits do not hold becomes their largest. NULL: no digit. */
static const char *read_number(const char *text, uint64_t *ret)
{
    if (!is_digit(*text))
        return NULL;
    uint64_t number = 0;
    for (; is_digit(*text); text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (number > (UINT64_MAX - digit) / 10)
            number = UINT64_MAX;
        else
            number = number * 10 + digit;
    }
    *ret = number;
    return text;
}

/* One range-spec as it stands there, not yet held against a file. */
struct spec {
    bool suffix; /* the last `last` bytes */
    uint64_t first;
    uint64_t last;
};

/* int-range or suffix-range, section 14.1.1. NULL: malformed. */
static const char *read_spec(const char *text, struct spec *ret)
{
    if (*text == '-') {
        ret->suffix = true;
        return read_number(text + 1, &ret->last);
    }
    ret->suffix = false;
    text = read_number(text, &ret->first);
    if (text == NULL || *text != '-')
        return NULL;
    text++;
    ret->last = UINT64_MAX;
    if (is_digit(*text))
        text = read_number(text, &ret->last);
    return ret->last < ret->first ? NULL : text;
}

/*
 * range-set is a list, of which a recipient takes empty elements as well
 * (section 5.6.1): [ spec ] *( OWS "," OWS [ spec ] ). True if there is
 * exactly one spec in it.
 */
static bool read_only_spec(const char *text, struct spec *ret)
{
    bool found = false;
    if (*text == ' ' || *text == '\t')
        return false; /* white space belongs to commas */
    for (;;) {
        if (*text != ',' && *text != '\0') {
            if (found)
                return false;
            text = read_spec(text, ret);
            if (text == NULL)
                return false;
            found = true;
        }
        text = skip_space(text);
        if (*text == '\0')
            return found;
        if (*text != ',')
            return false;
        text = skip_space(text + 1);
    }
}

static enum range_kind resolve(const struct spec *spec, uint64_t file_bytes,
                               struct byte_range *ret)
{
    struct byte_range range;
    if (spec->suffix) {
        if (spec->last == 0)
            return RANGE_UNSATISFIABLE;
        if (file_bytes == 0)
            return RANGE_NONE;
        range.first = spec->last < file_bytes ? file_bytes - spec->last : 0;
        range.last = file_bytes - 1;
    } else {
        if (spec->first >= file_bytes)
            return RANGE_UNSATISFIABLE;
        range.first = spec->first;
        range.last = spec->last < file_bytes ? spec->last : file_bytes - 1;
    }
    assert(range.first <= range.last);
    assert(range.last < file_bytes);
    *ret = range;
    return RANGE_PARTIAL;
}

enum range_kind range_parse(const char *header, uint64_t file_bytes,
                            struct byte_range *ret)
{
    static const char unit[] = "bytes="; /* in either case: section 14.1 */

    if (header == NULL)
        return RANGE_NONE;
    header = skip_space(header); /* around a field's value: no part of it */
    if (strncasecmp(header, unit, sizeof unit - 1) != 0)
        return RANGE_NONE;
    struct spec spec = {0};
    if (!read_only_spec(header + sizeof unit - 1, &spec))
        return RANGE_NONE;
    return resolve(&spec, file_bytes, ret);
}
