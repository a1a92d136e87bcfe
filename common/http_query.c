#include "http_query.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/*
 * Decodes raw[0..raw_bytes) into text, which has room for raw_bytes + 1.
 * Returns the decoded length, or -1 for what the header refuses.
 */
static ptrdiff_t decode(const char *raw, size_t raw_bytes, bool form,
                        char *text)
{
    size_t written = 0;
    for (size_t i = 0; i < raw_bytes; i++) {
        char c = raw[i];
        if (c == '+' && form) {
            c = ' ';
        } else if (c == '%') {
            if (raw_bytes - i < 3)
                return -1;
            int high = hex_value(raw[i + 1]);
            int low = hex_value(raw[i + 2]);
            if (high < 0 || low < 0)
                return -1;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return -1;
        text[written++] = c;
    }
    text[written] = '\0';
    return utf8_is_valid(text, written) ? (ptrdiff_t)written : -1;
}

static enum result add_piece(const char *piece, size_t bytes, char **free_text,
                             struct http_query *query, struct fault *fault)
{
    if (query->count == HTTP_PARAMETERS_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "more than %d query parameters", HTTP_PARAMETERS_MAX);
    const char *equals = memchr(piece, '=', bytes);
    size_t name_bytes = equals != NULL ? (size_t)(equals - piece) : bytes;
    size_t value_at = equals != NULL ? name_bytes + 1 : bytes;

    char *name = *free_text;
    ptrdiff_t name_length = decode(piece, name_bytes, true, name);
    if (name_length < 0)
        return fault_set(fault, RESULT_MALFORMED,
                         "a query parameter's name is not valid encoded text");
    char *value = name + name_length + 1;
    ptrdiff_t value_length =
        decode(piece + value_at, bytes - value_at, true, value);
    if (value_length < 0)
        return fault_set(fault, RESULT_MALFORMED,
                         "query parameter '%.40s' is not valid encoded text",
                         name);
    if (value_length > HTTP_PARAMETER_BYTES_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "query parameter '%.40s' is over %d bytes", name,
                         HTTP_PARAMETER_BYTES_MAX);
    if (http_query_get(query, name) != NULL)
        return fault_set(fault, RESULT_MALFORMED,
                         "query parameter '%.40s' is given twice", name);
    *free_text = value + value_length + 1;
    query->parameters[query->count++] = (struct http_parameter){name, value};
    return RESULT_OK;
}

enum result http_query_parse(const char *raw, struct http_query *ret,
                             struct fault *fault)
{
    size_t raw_bytes = strlen(raw);
    /* Decoding never grows a piece, and each adds two NULs of which one
     * takes the place of "&". */
    ret->text = malloc(raw_bytes + HTTP_PARAMETERS_MAX * 2 + 2);
    if (ret->text == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    char *free_text = ret->text;
    const char *piece = raw;
    while (*piece != '\0') {
        size_t bytes = strcspn(piece, "&");
        if (bytes > 0) {
            enum result r = add_piece(piece, bytes, &free_text, ret, fault);
            if (r != RESULT_OK)
                return r;
        }
        piece += bytes + (piece[bytes] == '&' ? 1 : 0);
    }
    return RESULT_OK;
}

void http_query_done(struct http_query *query)
{
    free(query->text);
    *query = (struct http_query){0};
}

const char *http_query_get(const struct http_query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++)
        if (strcmp(query->parameters[i].name, name) == 0)
            return query->parameters[i].value;
    return NULL;
}

enum result http_segment_decode(const char *raw, size_t raw_bytes, char *text,
                                size_t text_bytes, struct fault *fault)
{
    if (raw_bytes + 1 > text_bytes)
        return fault_set(fault, RESULT_MALFORMED,
                         "a path segment is over %zu bytes", text_bytes - 1);
    ptrdiff_t bytes = decode(raw, raw_bytes, false, text);
    if (bytes < 0 || memchr(text, '/', (size_t)bytes) != NULL)
        return fault_set(fault, RESULT_MALFORMED,
                         "a path segment is not valid encoded text");
    return RESULT_OK;
}

void http_query_encode(struct buffer *buffer, const char *text)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "abcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";
    for (const char *c = text; *c != '\0'; c++) {
        unsigned char byte = (unsigned char)*c;
        char encoded[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        if (strchr(unreserved, *c) != NULL)
            buffer_append(buffer, c, 1);
        else
            buffer_append(buffer, encoded, sizeof encoded);
    }
}
