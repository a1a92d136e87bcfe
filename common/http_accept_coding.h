#ifndef FLIXTUBE_COMMON_HTTP_ACCEPT_CODING_H
#define FLIXTUBE_COMMON_HTTP_ACCEPT_CODING_H

#include "http_server.h"

/*
 * Accept-Encoding, RFC 9110 section 12.5.3: what each line of the field says
 * of the codings that there are here. Weights are in thousandths. Pure.
 */
struct http_accept_coding {
    int gzip; /* HTTP_CODING_UNNAMED: not said; so below */
    int identity;
    int any; /* "*" */
};

enum {
    HTTP_CODING_UNNAMED = -1,
};

#define HTTP_ACCEPT_CODING_NONE                                                \
    {                                                                          \
        HTTP_CODING_UNNAMED, HTTP_CODING_UNNAMED, HTTP_CODING_UNNAMED          \
    }

/* Takes one line in. A coding whose weight cannot be read is passed over, as
 * are codings that nobody here knows. */
void http_accept_coding_take(struct http_accept_coding *accept,
                             const char *line);

/*
 * What the client would have. Without the field, identity: it may be one that
 * knows no codings. Where none is acceptable, identity too: the section asks
 * for no refusal, and to read it may still do.
 */
enum http_wish http_accept_coding_wish(const struct http_accept_coding *accept);

#endif
