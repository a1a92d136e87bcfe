#include <stdint.h>
#include <string.h>

#include "byte_scan.h"
#include "json_read.h"
#include "utf8.h"

/*
 * RFC 8259 without recursion: one bit a level says whether it is an object,
 * and after each value the level says what may follow. This runs for every
 * message, so strings go by words, and where one is not dull, by a table.
 */
struct check {
    const unsigned char *at;
    const unsigned char *end;
    const char *wrong; /* what is wrong at `at`; NULL: nothing so far */
    uint32_t objects;  /* bit n: level n + 1 is an object */
    unsigned depth;
};

_Static_assert(JSON_DEPTH_MAX <= 32, "a level is a bit of check.objects");

enum byte_kind { PLAIN, QUOTE, ESCAPE, CONTROL, LEAD };

#define PLAIN_16                                                               \
    PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN,      \
        PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN
#define CONTROL_16                                                             \
    CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL,    \
        CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL, CONTROL
#define LEAD_16                                                                \
    LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD, LEAD,    \
        LEAD, LEAD, LEAD, LEAD

static const unsigned char string_bytes[256] = {
    CONTROL_16, CONTROL_16,
    /* 0x20: the quote is its third */
    PLAIN, PLAIN, QUOTE, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN,
    PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN_16, PLAIN_16,
    /* 0x50: the backslash is its thirteenth */
    PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN,
    PLAIN, ESCAPE, PLAIN, PLAIN, PLAIN, PLAIN_16, PLAIN_16, LEAD_16, LEAD_16,
    LEAD_16, LEAD_16, LEAD_16, LEAD_16, LEAD_16, LEAD_16};

static bool fail(struct check *check, const char *wrong)
{
    check->wrong = wrong;
    return false;
}

static void skip_space(struct check *check)
{
    while (check->at < check->end && (*check->at == ' ' || *check->at == '\n' ||
                                      *check->at == '\r' || *check->at == '\t'))
        check->at++;
}

static bool take(struct check *check, unsigned char byte)
{
    if (check->at == check->end || *check->at != byte)
        return false;
    check->at++;
    return true;
}

static bool read_hex4(struct check *check, unsigned *ret)
{
    if (check->end - check->at < 4)
        return fail(check, "a \\u escape without four hex digits");
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = check->at[i];
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20) - 'a' + 10;
        else
            return fail(check, "a \\u escape without four hex digits");
        value = value << 4 | digit;
    }
    check->at += 4;
    *ret = value;
    return true;
}

static bool check_unicode_escape(struct check *check)
{
    unsigned unit;
    if (!read_hex4(check, &unit))
        return false;
    if (unit == 0)
        return fail(check, "\\u0000, which would cut the text");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return fail(check, "a lone surrogate");
    if (unit < 0xd800 || unit > 0xdbff)
        return true;
    unsigned low;
    if (!take(check, '\\') || !take(check, 'u'))
        return fail(check, "a lone surrogate");
    if (!read_hex4(check, &low))
        return false;
    if (low < 0xdc00 || low > 0xdfff)
        return fail(check, "a lone surrogate");
    return true;
}

static bool check_escape(struct check *check)
{
    if (check->at == check->end)
        return fail(check, "a string without an end");
    unsigned char c = *check->at;
    if (c == 'u') {
        check->at++;
        return check_unicode_escape(check);
    }
    if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
        return fail(check, "an unknown escape");
    check->at++;
    return true;
}

/* After the opening quote. */
static bool check_string(struct check *check)
{
    for (;;) {
        check->at += byte_scan_plain((const char *)check->at,
                                     (size_t)(check->end - check->at));
        while (check->at < check->end && string_bytes[*check->at] == PLAIN)
            check->at++;
        if (check->at == check->end)
            return fail(check, "a string without an end");
        switch (string_bytes[*check->at]) {
        case QUOTE:
            check->at++;
            return true;
        case ESCAPE:
            check->at++;
            if (!check_escape(check))
                return false;
            break;
        case LEAD: {
            size_t length = utf8_sequence((const char *)check->at,
                                          (size_t)(check->end - check->at));
            if (length == 0)
                return fail(check, "invalid UTF-8");
            check->at += length;
            break;
        }
        default:
            return fail(check, "a raw control character");
        }
    }
}

static bool skip_digits(struct check *check)
{
    const unsigned char *first = check->at;
    while (check->at < check->end && *check->at >= '0' && *check->at <= '9')
        check->at++;
    return check->at > first;
}

static bool check_number(struct check *check)
{
    const unsigned char *first = check->at;
    (void)take(check, '-');
    if (!take(check, '0') && !skip_digits(check))
        return fail(check, "a number without digits");
    if (take(check, '.') && !skip_digits(check))
        return fail(check, "a number without digits after its point");
    if (take(check, 'e') || take(check, 'E')) {
        if (!take(check, '+'))
            (void)take(check, '-');
        if (!skip_digits(check))
            return fail(check, "a number without digits in its exponent");
    }
    if (check->at - first > JSON_NUMBER_BYTES_MAX)
        return fail(check, "a number that is too long");
    return true;
}

static bool check_word(struct check *check, const char *word)
{
    size_t bytes = strlen(word);
    if ((size_t)(check->end - check->at) < bytes ||
        memcmp(check->at, word, bytes) != 0)
        return fail(check, "no JSON value");
    check->at += bytes;
    return true;
}

static bool in_object(const struct check *check)
{
    return (check->objects >> (check->depth - 1) & 1) != 0;
}

static bool open_level(struct check *check, bool object)
{
    if (check->depth == JSON_DEPTH_MAX)
        return fail(check, "too many levels");
    uint32_t bit = UINT32_C(1) << check->depth;
    check->objects = object ? check->objects | bit : check->objects & ~bit;
    check->depth++;
    check->at++;
    return true;
}

/* A member's name and colon; the value is next. */
static bool check_name(struct check *check)
{
    skip_space(check);
    if (!take(check, '"'))
        return fail(check, "no quoted name");
    if (!check_string(check))
        return false;
    skip_space(check);
    if (!take(check, ':'))
        return fail(check, "no colon after a name");
    return true;
}

/* A value that is complete, or the start of one: then *ret_open is true. */
static bool check_value(struct check *check, bool *ret_open)
{
    *ret_open = false;
    skip_space(check);
    if (check->at == check->end)
        return fail(check, "the end where a value is due");
    switch (*check->at) {
    case '"':
        check->at++;
        return check_string(check);
    case '{':
    case '[': {
        bool object = *check->at == '{';
        if (!open_level(check, object))
            return false;
        skip_space(check);
        if (take(check, object ? '}' : ']')) {
            check->depth--;
            return true;
        }
        *ret_open = true;
        return !object || check_name(check);
    }
    case 't':
        return check_word(check, "true");
    case 'f':
        return check_word(check, "false");
    case 'n':
        return check_word(check, "null");
    default:
        return check_number(check);
    }
}

/* Ends all levels that end after a value, and moves on to the next value. */
static bool check_after_value(struct check *check)
{
    while (check->depth > 0) {
        skip_space(check);
        bool object = in_object(check);
        if (take(check, ','))
            return !object || check_name(check);
        if (!take(check, object ? '}' : ']'))
            return fail(check, object ? "neither , nor } after a member"
                                      : "neither , nor ] after an element");
        check->depth--;
    }
    return true;
}

static bool check_text(struct check *check)
{
    do {
        bool open;
        do {
            if (!check_value(check, &open))
                return false;
        } while (open);
        if (!check_after_value(check))
            return false;
    } while (check->depth > 0);
    skip_space(check);
    if (check->at != check->end)
        return fail(check, "more after the value");
    return true;
}

enum result json_check(const char *text, size_t bytes, struct fault *fault)
{
    if (bytes == 0)
        return fault_set(fault, RESULT_MALFORMED, "not JSON: it is empty");
    const unsigned char *first = (const unsigned char *)text;
    struct check check = {.at = first, .end = first + bytes};
    if (check_text(&check))
        return RESULT_OK;
    return fault_set(fault, RESULT_MALFORMED, "not JSON: %s at byte %zu",
                     check.wrong, (size_t)(check.at - first));
}
