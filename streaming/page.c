#include "page.h"

#include <stdio.h>

/* Embedded by the build, see cmake/EmbedText.cmake. */
extern const char streaming_page_html[];
extern const size_t streaming_page_html_bytes;
extern const char streaming_page_css[];
extern const size_t streaming_page_css_bytes;
extern const char streaming_page_js[];
extern const size_t streaming_page_js_bytes;

static void reply_text(struct http_reply *reply, const char *type,
                       const char *text, size_t bytes)
{
    reply->mapped = text;
    reply->mapped_bytes = bytes;
    reply->content_type = type;
    reply->coding = HTTP_CODING_CHOOSE;
    http_reply_header(reply, "Cache-Control", "no-cache");
}

void page_html(const char *history_url, struct http_reply *reply)
{
    char policy[1024];
    (void)snprintf(policy, sizeof policy,
                   "default-src 'none'; script-src 'self'; style-src 'self'; "
                   "img-src 'self' data:; media-src 'self'; "
                   "connect-src 'self' %s; base-uri 'none'; "
                   "form-action 'none'; frame-ancestors 'none'",
                   history_url);
    reply_text(reply, "text/html; charset=utf-8", streaming_page_html,
               streaming_page_html_bytes);
    http_reply_header(reply, "Content-Security-Policy", policy);
    http_reply_header(reply, "Referrer-Policy", "no-referrer");
}

void page_css(void *context, struct http_request *request,
              struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_text(reply, "text/css; charset=utf-8", streaming_page_css,
               streaming_page_css_bytes);
}

void page_js(void *context, struct http_request *request,
             struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_text(reply, "text/javascript; charset=utf-8", streaming_page_js,
               streaming_page_js_bytes);
}
