#ifndef FLIXTUBE_STREAMING_PAGE_H
#define FLIXTUBE_STREAMING_PAGE_H

#include "http_server.h"

/* What never changes: the player page. */
void page_html(const char *history_url, struct http_reply *reply);
void page_css(void *context, struct http_request *request,
              struct http_reply *reply);
void page_js(void *context, struct http_request *request,
             struct http_reply *reply);

#endif
