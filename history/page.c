#include "page.h"

/* Embedded by the build, see cmake/EmbedText.cmake. */
extern const char history_page_html[];
extern const size_t history_page_html_bytes;
extern const char history_page_css[];
extern const size_t history_page_css_bytes;
extern const char history_page_js[];
extern const size_t history_page_js_bytes;

static void reply_text(struct http_reply *reply, const char *type,
                       const char *text, size_t bytes)
{
    reply->mapped = text;
    reply->mapped_bytes = bytes;
    reply->content_type = type;
    http_reply_header(reply, "Cache-Control", "no-cache");
}

void page_html(void *context, struct http_request *request,
               struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_text(reply, "text/html; charset=utf-8", history_page_html,
               history_page_html_bytes);
    http_reply_header(
        reply, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'");
    http_reply_header(reply, "Referrer-Policy", "no-referrer");
}

void page_css(void *context, struct http_request *request,
              struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_text(reply, "text/css; charset=utf-8", history_page_css,
               history_page_css_bytes);
}

void page_js(void *context, struct http_request *request,
             struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_text(reply, "text/javascript; charset=utf-8", history_page_js,
               history_page_js_bytes);
}
