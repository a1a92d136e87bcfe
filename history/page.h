#ifndef FLIXTUBE_HISTORY_PAGE_H
#define FLIXTUBE_HISTORY_PAGE_H

#include "http_server.h"

/* Handlers of what never changes: the pages, which hold nothing of anybody. */
void page_html(void *context, struct http_request *request,
               struct http_reply *reply);
void page_css(void *context, struct http_request *request,
              struct http_reply *reply);
void page_js(void *context, struct http_request *request,
             struct http_reply *reply);
void page_parts_js(void *context, struct http_request *request,
                   struct http_reply *reply);
void page_rows_js(void *context, struct http_request *request,
                  struct http_reply *reply);
void page_overview_js(void *context, struct http_request *request,
                      struct http_reply *reply);
void page_operator_html(void *context, struct http_request *request,
                        struct http_reply *reply);
void page_operator_css(void *context, struct http_request *request,
                       struct http_reply *reply);
void page_operator_js(void *context, struct http_request *request,
                      struct http_reply *reply);

#endif
