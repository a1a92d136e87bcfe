#include "import_items.h"

#include <stdlib.h>
#include <string.h>

/*
 * The text passes through one buffer. Outside of items only brackets, strings
 * and commas are looked at; whether an item is good JSON is its reader's to
 * say.
 */
enum {
    READ_BYTES = 64 << 10,
    BUFFER_BYTES = IMPORT_ITEM_BYTES_MAX + READ_BYTES,
    NAME_BYTES_MAX = 32,
};

enum kind {
    KIND_UNKNOWN,
    KIND_LINES,
    KIND_LIST,
    KIND_ENDED,
};

struct import_items {
    import_read read;
    void *context;
    enum kind kind;
    bool are_lines;
    bool is_read; /* all of the text is in the buffer */
    size_t begin; /* of what is not taken yet */
    size_t end;
    size_t depth;     /* brackets open */
    bool needs_comma; /* before the next element */
    int64_t number;   /* of lines or elements so far */
    char buffer[BUFFER_BYTES];
};

enum result import_items_open(import_read read, void *context,
                              struct import_items **ret, struct fault *fault)
{
    struct import_items *items = calloc(1, sizeof *items);
    if (items == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    items->read = read;
    items->context = context;
    *ret = items;
    return RESULT_OK;
}

void import_items_close(struct import_items *items)
{
    free(items);
}

const char *import_items_word(const struct import_items *items)
{
    return items->are_lines ? "line" : "item";
}

/* --- the buffer ----------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One read more; there is room for it, or what is kept is moved to make it.
 * False where the buffer is full, or nothing more comes: then is_read. */
static enum result fill(struct import_items *items, bool *ret_more,
                        struct fault *fault)
{
    size_t kept = items->end - items->begin;
    size_t bytes = 0;
    *ret_more = false;
    if (items->is_read || kept + READ_BYTES > BUFFER_BYTES)
        return RESULT_OK;
    if (BUFFER_BYTES - items->end < READ_BYTES) {
        memmove(items->buffer, items->buffer + items->begin, kept);
        items->begin = 0;
        items->end = kept;
    }
    enum result r = items->read(items->context, items->buffer + items->end,
                                READ_BYTES, &bytes, fault);
    if (r != RESULT_OK)
        return r;
    items->end += bytes;
    items->is_read = bytes == 0;
    *ret_more = bytes > 0;
    return RESULT_OK;
}

/* Whether there is a byte at `begin` + `at`. */
static enum result reach(struct import_items *items, size_t at, bool *ret,
                         struct fault *fault)
{
    bool more = true;
    enum result r = RESULT_OK;
    while (r == RESULT_OK && more && items->begin + at >= items->end)
        r = fill(items, &more, fault);
    *ret = items->begin + at < items->end;
    return r;
}

static char byte_at(const struct import_items *items, size_t at)
{
    return items->buffer[items->begin + at];
}

/* To the next byte that is no space, or the end. */
static enum result skip_spaces(struct import_items *items, bool *ret_there,
                               struct fault *fault)
{
    for (;;) {
        enum result r = reach(items, 0, ret_there, fault);
        if (r != RESULT_OK || !*ret_there || !is_space(byte_at(items, 0)))
            return r;
        items->begin++;
    }
}

/* --- what kind of text it is ---------------------------------------------- */

/* Members with which an object begins that has the list in it. */
static bool begins_wrapper(const char *name, size_t bytes)
{
    static const char *const names[] = {
        "response",        "data",         "history",         "draw",
        "recordsFiltered", "recordsTotal", "filter_duration", "total_duration",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == bytes && memcmp(names[i], name, bytes) == 0)
            return true;
    return false;
}

/* The name of the object's first member, from its quote to its quote; nothing
 * where there is none so near. */
static enum result peek_name(struct import_items *items, char *name,
                             size_t *ret_bytes, struct fault *fault)
{
    bool there = true;
    size_t at = 1;
    size_t bytes = 0;
    enum result r = RESULT_OK;
    *ret_bytes = 0;
    while (r == RESULT_OK && at < IMPORT_HEAD_MAX) {
        r = reach(items, at, &there, fault);
        if (r != RESULT_OK || !there || !is_space(byte_at(items, at)))
            break;
        at++;
    }
    if (r != RESULT_OK || !there || at == IMPORT_HEAD_MAX ||
        byte_at(items, at) != '"')
        return r;
    while (bytes < NAME_BYTES_MAX) {
        r = reach(items, ++at, &there, fault);
        if (r != RESULT_OK || !there || byte_at(items, at) == '"')
            break;
        name[bytes++] = byte_at(items, at);
    }
    if (there)
        *ret_bytes = bytes;
    return r;
}

/* Over the string whose quote is at `begin`. */
static enum result skip_string(struct import_items *items, struct fault *fault)
{
    bool there = true;
    bool is_escaped = false;
    for (items->begin++;; items->begin++) {
        enum result r = reach(items, 0, &there, fault);
        if (r != RESULT_OK)
            return r;
        if (!there)
            return fault_set(fault, RESULT_MALFORMED,
                             "the text ends within a string");
        char c = byte_at(items, 0);
        if (c == '"' && !is_escaped) {
            items->begin++;
            return RESULT_OK;
        }
        is_escaped = c == '\\' && !is_escaped;
    }
}

/* Behind a '[': whether the list of items begins here. */
static enum result is_list(struct import_items *items, bool *ret,
                           struct fault *fault)
{
    bool there = false;
    enum result r = skip_spaces(items, &there, fault);
    *ret = r == RESULT_OK && there &&
           (byte_at(items, 0) == '{' || byte_at(items, 0) == ']');
    return r;
}

static enum result open_bracket(struct import_items *items, bool *ret_found,
                                struct fault *fault)
{
    bool is_array = byte_at(items, 0) == '[';
    if (++items->depth > IMPORT_LIST_DEPTH_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "more than %d brackets are open before a list of "
                         "items",
                         IMPORT_LIST_DEPTH_MAX);
    items->begin++;
    return is_array ? is_list(items, ret_found, fault) : RESULT_OK;
}

/* Up to the first byte of the list. */
static enum result find_list(struct import_items *items, struct fault *fault)
{
    bool there = true;
    bool found = false;
    enum result r = RESULT_OK;
    for (size_t passed = 0; r == RESULT_OK && !found; passed++) {
        r = reach(items, 0, &there, fault);
        if (r != RESULT_OK)
            return r;
        char c = there ? byte_at(items, 0) : '\0';
        if (!there || passed > IMPORT_HEAD_MAX ||
            ((c == ']' || c == '}') && items->depth <= 1))
            return fault_set(fault, RESULT_MALFORMED,
                             "there is no list of items in the text");
        if (c == '"')
            r = skip_string(items, fault);
        else if (c == '[' || c == '{')
            r = open_bracket(items, &found, fault);
        else
            items->begin++;
        if (c == ']' || c == '}')
            items->depth--;
    }
    return r;
}

static enum result skip_mark(struct import_items *items, struct fault *fault)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* some programs write it */
    bool there = false;
    enum result r = reach(items, 2, &there, fault);
    if (there && memcmp(items->buffer + items->begin, mark, 3) == 0)
        items->begin += 3;
    return r;
}

/* To the first byte that says something; *ret_lines: the lines before it. */
static enum result skip_empty_lines(struct import_items *items,
                                    int64_t *ret_lines, bool *ret_there,
                                    struct fault *fault)
{
    for (*ret_lines = 0;; items->begin++) {
        enum result r = reach(items, 0, ret_there, fault);
        if (r != RESULT_OK || !*ret_there || !is_space(byte_at(items, 0)))
            return r;
        *ret_lines += byte_at(items, 0) == '\n' ? 1 : 0;
    }
}

static enum result begin(struct import_items *items, struct fault *fault)
{
    char name[NAME_BYTES_MAX];
    size_t bytes = 0;
    bool there = false;
    int64_t lines = 0;
    enum result r = skip_mark(items, fault);
    if (r == RESULT_OK)
        r = skip_empty_lines(items, &lines, &there, fault);
    if (r == RESULT_OK && !there)
        items->kind = KIND_ENDED;
    if (r != RESULT_OK || !there)
        return r;
    char c = byte_at(items, 0);
    if (c != '[' && c != '{')
        return fault_set(fault, RESULT_MALFORMED,
                         "this is no JSON: it begins with neither { nor [");
    if (c == '{')
        r = peek_name(items, name, &bytes, fault);
    if (r != RESULT_OK)
        return r;
    items->are_lines = c == '{' && !begins_wrapper(name, bytes);
    items->kind = items->are_lines ? KIND_LINES : KIND_LIST;
    items->number = items->are_lines ? lines : 0;
    return items->are_lines ? RESULT_OK : find_list(items, fault);
}

/* --- lines ---------------------------------------------------------------- */

static enum result too_long(const struct import_items *items,
                            struct fault *fault)
{
    return fault_set(fault, RESULT_MALFORMED, "%s %lld is over %d bytes",
                     import_items_word(items), (long long)items->number,
                     IMPORT_ITEM_BYTES_MAX);
}

/* The length of the line at `begin`, without its end; *ret_whole: with it. */
static enum result line_length(struct import_items *items, size_t *ret,
                               size_t *ret_whole, struct fault *fault)
{
    size_t looked = 0;
    bool more = true;
    for (;;) {
        const char *line = items->buffer + items->begin;
        size_t bytes = items->end - items->begin;
        const char *found =
            bytes > looked ? memchr(line + looked, '\n', bytes - looked) : NULL;
        if (found != NULL) {
            *ret = (size_t)(found - line);
            *ret_whole = *ret + 1;
            return RESULT_OK;
        }
        looked = bytes;
        if (bytes > IMPORT_ITEM_BYTES_MAX) {
            items->number++;
            return too_long(items, fault);
        }
        enum result r = fill(items, &more, fault);
        if (r != RESULT_OK)
            return r;
        if (!more && items->is_read) {
            *ret = *ret_whole = bytes;
            return RESULT_OK;
        }
    }
}

static enum result next_line(struct import_items *items,
                             struct import_item *ret, struct fault *fault)
{
    for (;;) {
        size_t bytes = 0;
        size_t whole = 0;
        enum result r = line_length(items, &bytes, &whole, fault);
        if (r != RESULT_OK)
            return r;
        if (whole == 0)
            return RESULT_NOT_FOUND;
        const char *line = items->buffer + items->begin;
        items->begin += whole;
        items->number++;
        if (bytes > IMPORT_ITEM_BYTES_MAX)
            return too_long(items, fault);
        while (bytes > 0 && is_space(line[bytes - 1]))
            bytes--;
        while (bytes > 0 && is_space(*line)) {
            line++;
            bytes--;
        }
        *ret = (struct import_item){line, bytes, items->number};
        if (bytes > 0)
            return RESULT_OK;
    }
}

/* --- elements of a list --------------------------------------------------- */

static enum result ends_early(const struct import_items *items,
                              struct fault *fault)
{
    return fault_set(fault, RESULT_MALFORMED,
                     "the text ends too early, behind item %lld",
                     (long long)items->number);
}

/* Behind the list: its brackets are closed, and nothing else follows. */
static enum result check_end(struct import_items *items, struct fault *fault)
{
    bool there = true;
    enum result r = RESULT_OK;
    items->kind = KIND_ENDED;
    while (r == RESULT_OK && items->depth > 0) {
        r = reach(items, 0, &there, fault);
        if (r != RESULT_OK)
            return r;
        if (!there)
            return ends_early(items, fault);
        char c = byte_at(items, 0);
        items->depth += c == '[' || c == '{' ? 1 : 0;
        items->depth -= c == ']' || c == '}' ? 1 : 0;
        if (c == '"')
            r = skip_string(items, fault);
        else
            items->begin++;
    }
    if (r == RESULT_OK)
        r = skip_spaces(items, &there, fault);
    if (r == RESULT_OK && there)
        return fault_set(fault, RESULT_MALFORMED,
                         "something follows where the text should end");
    return r == RESULT_OK ? RESULT_NOT_FOUND : r;
}

struct scan {
    size_t at;
    size_t depth;
    bool is_quoted;
    bool is_escaped;
};

/* Whether the element ends before this byte. */
static bool scan_byte(struct scan *scan, char c)
{
    if (scan->is_quoted) {
        scan->is_quoted = c != '"' || scan->is_escaped;
        scan->is_escaped = c == '\\' && !scan->is_escaped;
        return false;
    }
    if (scan->depth == 0 && (c == ',' || c == ']' || c == '}'))
        return true;
    scan->is_quoted = c == '"';
    scan->depth += c == '[' || c == '{' ? 1 : 0;
    scan->depth -= c == ']' || c == '}' ? 1 : 0;
    return false;
}

static enum result take_element(struct import_items *items,
                                struct import_item *ret, struct fault *fault)
{
    struct scan scan = {0};
    bool there = true;
    items->number++;
    for (;; scan.at++) {
        if (scan.at > IMPORT_ITEM_BYTES_MAX)
            return too_long(items, fault);
        enum result r = reach(items, scan.at, &there, fault);
        if (r != RESULT_OK)
            return r;
        if (!there) {
            items->number--;
            return ends_early(items, fault);
        }
        if (scan_byte(&scan, byte_at(items, scan.at)))
            break;
    }
    *ret = (struct import_item){items->buffer + items->begin, scan.at,
                                items->number};
    items->begin += scan.at;
    return RESULT_OK;
}

static enum result next_element(struct import_items *items,
                                struct import_item *ret, struct fault *fault)
{
    bool there = false;
    enum result r = skip_spaces(items, &there, fault);
    if (r != RESULT_OK)
        return r;
    if (!there)
        return ends_early(items, fault);
    char c = byte_at(items, 0);
    if (c == ']') {
        items->begin++;
        items->depth--;
        return check_end(items, fault);
    }
    if (items->needs_comma && c != ',')
        return fault_set(fault, RESULT_MALFORMED,
                         "no comma is behind item %lld",
                         (long long)items->number);
    if (items->needs_comma) {
        items->begin++;
        r = skip_spaces(items, &there, fault);
    }
    if (r == RESULT_OK && !there)
        return ends_early(items, fault);
    items->needs_comma = true;
    return r == RESULT_OK ? take_element(items, ret, fault) : r;
}

enum result import_items_next(struct import_items *items,
                              struct import_item *ret, struct fault *fault)
{
    enum result r =
        items->kind == KIND_UNKNOWN ? begin(items, fault) : RESULT_OK;
    if (r != RESULT_OK)
        return r;
    switch (items->kind) {
    case KIND_LINES:
        return next_line(items, ret, fault);
    case KIND_LIST:
        return next_element(items, ret, fault);
    case KIND_ENDED:
    case KIND_UNKNOWN:
    default:
        return RESULT_NOT_FOUND;
    }
}
