#include "http_head.h"

#include <string.h>
#include <strings.h>

/* RFC 9110 section 5.6.2. */
static bool is_token(const char *text)
{
    static const char characters[] = "!#$%&'*+-.^_`|~0123456789"
                                     "abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t bytes = strspn(text, characters);
    return bytes > 0 && text[bytes] == '\0';
}

/* Longer than the name that decides about the framing: libmicrohttpd 0.9.75
 * appends a folded line (RFC 9112 section 5.2) to the field's name, so that
 * "Content-Length: 2", folded and followed by 5, is "Content-Length5" to us
 * and 25 to others. */
static bool hides(const char *name, const char *known)
{
    size_t bytes = strlen(known);
    return strncasecmp(name, known, bytes) == 0 && name[bytes] != '\0';
}

void http_head_field(struct http_head *head, const char *name,
                     const char *value)
{
    if (strcasecmp(name, "Host") == 0)
        head->hosts++;
    if (strcasecmp(name, "Content-Length") == 0)
        head->lengths++;
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        head->encodings++;
        head->other_encoding =
            head->other_encoding || strcasecmp(value, "chunked") != 0;
    }
    if (!is_token(name) || hides(name, "Content-Length") ||
        hides(name, "Transfer-Encoding"))
        head->bad_name = true;
}

unsigned http_head_refusal(const struct http_head *head, const char *version,
                           const char **ret_why)
{
    *ret_why = NULL;
    if (head->bad_name)
        *ret_why = "a header field's name is not valid";
    else if (head->hosts > 1)
        *ret_why = "the request has more than one Host";
    else if (head->lengths + head->encodings > 1)
        *ret_why = "the request gives its body's length more than once";
    else if (head->encodings > 0 && strcmp(version, "HTTP/1.1") != 0)
        *ret_why = "Transfer-Encoding is of HTTP/1.1 only";
    if (*ret_why != NULL)
        return 400;
    if (head->other_encoding) {
        *ret_why = "the only Transfer-Encoding taken is chunked";
        return 501;
    }
    return 0;
}

const char *http_target_path(const char *target)
{
    size_t scheme = 0;
    if (strncasecmp(target, "http://", 7) == 0)
        scheme = 7;
    else if (strncasecmp(target, "https://", 8) == 0)
        scheme = 8;
    if (scheme == 0)
        return target;
    return target + scheme + strcspn(target + scheme, "/?");
}
