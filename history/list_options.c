#include "list_options.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cursor.h"

static const char *const format_names[] = {
    [LIST_JSON] = "json", [LIST_NDJSON] = "ndjson", [LIST_CSV] = "csv"};

static const struct {
    const char *type;
    enum list_format format;
} types[] = {
    {"application/json", LIST_JSON},
    {"application/*", LIST_JSON},
    {"*/*", LIST_JSON},
    {"application/x-ndjson", LIST_NDJSON},
    {"application/ndjson", LIST_NDJSON},
    {"text/csv", LIST_CSV},
};

static enum result read_format(const char *text, enum list_format *ret,
                               struct fault *fault)
{
    for (size_t i = 0; i < sizeof format_names / sizeof format_names[0]; i++)
        if (strcmp(text, format_names[i]) == 0) {
            *ret = (enum list_format)i;
            return RESULT_OK;
        }
    return fault_set(fault, RESULT_MALFORMED,
                     "format must be json, ndjson or csv");
}

/* The weight of a media range, RFC 9110 section 12.4.2; 1 without one. */
static double weight_of(const char *range, size_t bytes)
{
    const char *at = memchr(range, ';', bytes);
    for (; at != NULL && at < range + bytes;
         at = memchr(at + 1, ';', (size_t)(range + bytes - at - 1))) {
        const char *name = at + 1 + strspn(at + 1, " \t");
        if (strncasecmp(name, "q=", 2) == 0)
            return strtod(name + 2, NULL);
        if (at + 1 >= range + bytes)
            break;
    }
    return 1;
}

/* The format of the type that weighs most, of equals the first. */
static enum list_format read_accept(const char *accept)
{
    enum list_format format = LIST_JSON;
    double most = 0;
    while (accept != NULL && *accept != '\0') {
        accept += strspn(accept, " \t,");
        size_t bytes = strcspn(accept, ",");
        size_t type_bytes = strcspn(accept, ",; \t");
        double weight = weight_of(accept, bytes);
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
            if (strlen(types[i].type) == type_bytes && weight > most &&
                strncasecmp(types[i].type, accept, type_bytes) == 0) {
                format = types[i].format;
                most = weight;
            }
        accept += bytes;
    }
    return format;
}

static enum result read_fields(const char *text, unsigned *ret,
                               struct fault *fault)
{
    unsigned fields = 0;
    for (const char *at = text;; at++) {
        size_t bytes = strcspn(at, ",");
        unsigned field = row_field_of(at, bytes);
        if (field == 0 || (fields & field) != 0)
            return fault_set(fault, RESULT_MALFORMED,
                             "fields must be names of a row's members, once "
                             "each, with commas between, not '%.*s'",
                             bytes < 40 ? (int)bytes : 40, at);
        fields |= field;
        at += bytes;
        if (*at == '\0')
            break;
    }
    *ret = fields;
    return RESULT_OK;
}

enum result list_options_read(const char *(*get)(const void *context,
                                                 const char *name),
                              const void *context, const char *accept,
                              struct list_options *ret, struct fault *fault)
{
    struct list_options options = {.fields = ROW_FIELDS_ALL};
    struct store_place place;
    bool order;
    const char *text;
    enum result r = RESULT_OK;
    options.limit_given = get(context, "limit") != NULL;
    if ((text = get(context, "format")) != NULL)
        r = read_format(text, &options.format, fault);
    else
        options.format = read_accept(accept);
    if (r == RESULT_OK && (text = get(context, "fields")) != NULL)
        r = read_fields(text, &options.fields, fault);
    if (r == RESULT_OK && (text = get(context, "cursor")) != NULL)
        options.backwards = cursor_parse_before(text, &place, &order);
    if (r == RESULT_OK && options.backwards && options.format != LIST_JSON)
        r = fault_set(fault, RESULT_MALFORMED,
                      "a cursor of prev is for pages, not for an export");
    if (r == RESULT_OK)
        *ret = options;
    return r;
}

void list_options_link(const struct list_options *options,
                       struct buffer *buffer)
{
    const char *between = "&fields=";
    if (options->fields == ROW_FIELDS_ALL)
        return;
    for (unsigned field = 1; field < ROW_FIELDS_ALL; field <<= 1) {
        if ((options->fields & field) == 0)
            continue;
        buffer_append_text(buffer, between);
        buffer_append_text(buffer, row_field_name(field));
        between = ",";
    }
}
