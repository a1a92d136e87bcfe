#ifndef FLIXTUBE_COMMON_HTTP_CODING_H
#define FLIXTUBE_COMMON_HTTP_CODING_H

#include "http_server.h"

/*
 * Sends bodies as gzip where the client takes that and it pays. What is made
 * for one reply is compressed for it; a text of the program's own, once.
 */
struct http_coder;

enum {
    /* Texts whose compressed form is kept; of more, none is. */
    HTTP_CODER_TEXTS_MAX = 32,
};

/* NULL without memory. The caller ends it with http_coder_free(), after the
 * last reply was sent. */
struct http_coder *http_coder_make(void);
void http_coder_free(struct http_coder *coder); /* NULL is fine */

/*
 * Chooses for a reply that wants to be (HTTP_CODING_CHOOSE), and adds Vary.
 * Without memory the body stays as it is. Any thread.
 */
void http_coder_apply(struct http_coder *coder, enum http_wish wish,
                      struct http_reply *reply);

#endif
