#include "conditions.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "http_date.h"

/* A field's value without the white space around it. */
struct value {
    const char *text;
    size_t bytes;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct value trim(const char *text)
{
    while (is_space(*text))
        text++;
    size_t bytes = strlen(text);
    while (bytes > 0 && is_space(text[bytes - 1]))
        bytes--;
    return (struct value){text, bytes};
}

/* etagc, RFC 9110 section 8.8.3; bytes above ASCII are obs-text. */
static bool is_etag_character(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte == 0x21 || (byte >= 0x23 && byte != 0x7f);
}

struct etag {
    bool weak;
    struct value quoted; /* with the quotes */
};

/* Takes one entity-tag off the front. False: there is none. */
static bool read_etag(struct value *from, struct etag *ret)
{
    const char *text = from->text;
    const char *end = text + from->bytes;
    ret->weak = from->bytes >= 2 && memcmp(text, "W/", 2) == 0;
    if (ret->weak)
        text += 2;
    const char *start = text;
    if (text == end || *text++ != '"')
        return false;
    while (text < end && is_etag_character(*text))
        text++;
    if (text == end || *text++ != '"')
        return false;
    ret->quoted = (struct value){start, (size_t)(text - start)};
    *from = (struct value){text, (size_t)(end - text)};
    return true;
}

static bool equals(struct value value, const char *text)
{
    return value.bytes == strlen(text) &&
           memcmp(value.text, text, value.bytes) == 0;
}

/* Section 8.8.3.2. Ours is strong, so only theirs can be weak. */
static bool matches(const struct etag *etag, const char *current, bool weakly)
{
    return (weakly || !etag->weak) && equals(etag->quoted, current);
}

static void skip_space(struct value *value)
{
    while (value->bytes > 0 && is_space(*value->text)) {
        value->text++;
        value->bytes--;
    }
}

/* "*", which is whatever is there, or a list with the current tag in it. */
static bool any_matches(const char *header, const char *current, bool weakly)
{
    struct value rest = trim(header);
    if (equals(rest, "*"))
        return true;
    while (rest.bytes > 0) {
        struct etag etag;
        if (*rest.text != ',') { /* a list may have empty elements */
            if (!read_etag(&rest, &etag))
                return false;
            if (matches(&etag, current, weakly))
                return true;
        }
        skip_space(&rest);
        if (rest.bytes == 0 || *rest.text != ',')
            return false;
        rest = (struct value){rest.text + 1, rest.bytes - 1};
        skip_space(&rest);
    }
    return false;
}

static bool read_date(const char *header, int64_t now_s, int64_t *ret_s)
{
    struct value value = trim(header);
    return http_date_parse(value.text, value.bytes, now_s, ret_s);
}

/* Section 13.1.5: the strong tag, or exactly the date that was sent. */
static bool if_range_holds(const char *header, const struct validators *current,
                           int64_t now_s)
{
    struct value value = trim(header);
    struct etag etag;
    if (read_etag(&value, &etag))
        return value.bytes == 0 && matches(&etag, current->etag, false);
    int64_t date_s = 0;
    return read_date(header, now_s, &date_s) && date_s == current->modified_s;
}

/* Steps 1 and 2 of section 13.2.2. */
static bool precondition_holds(const struct conditions *conditions,
                               const struct validators *current, int64_t now_s)
{
    int64_t date_s = 0;
    if (conditions->if_match != NULL)
        return any_matches(conditions->if_match, current->etag, false);
    if (conditions->if_unmodified_since != NULL &&
        read_date(conditions->if_unmodified_since, now_s, &date_s))
        return current->modified_s <= date_s;
    return true;
}

/* Steps 3 and 4. */
static bool is_known(const struct conditions *conditions,
                     const struct validators *current, int64_t now_s)
{
    int64_t date_s = 0;
    if (conditions->if_none_match != NULL)
        return any_matches(conditions->if_none_match, current->etag, true);
    return conditions->if_modified_since != NULL &&
           read_date(conditions->if_modified_since, now_s, &date_s) &&
           current->modified_s <= date_s;
}

enum condition_answer conditions_check(const struct conditions *conditions,
                                       const struct validators *current,
                                       int64_t now_s)
{
    if (!precondition_holds(conditions, current, now_s))
        return CONDITION_PRECONDITION_FAILED;
    if (is_known(conditions, current, now_s))
        return CONDITION_NOT_MODIFIED;
    if (conditions->if_range != NULL && /* step 5 */
        !if_range_holds(conditions->if_range, current, now_s))
        return CONDITION_SERVE_WHOLE;
    return CONDITION_SERVE;
}
