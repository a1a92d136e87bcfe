#include "page.h"

/* Embedded by the build, see cmake/EmbedText.cmake. */
extern const char history_page_html[];
extern const size_t history_page_html_bytes;
extern const char history_page_css[];
extern const size_t history_page_css_bytes;
extern const char history_page_js[];
extern const size_t history_page_js_bytes;
extern const char history_parts_js[];
extern const size_t history_parts_js_bytes;
extern const char history_rows_js[];
extern const size_t history_rows_js_bytes;
extern const char history_overview_js[];
extern const size_t history_overview_js_bytes;
extern const char history_operator_html[];
extern const size_t history_operator_html_bytes;
extern const char history_operator_css[];
extern const size_t history_operator_css_bytes;
extern const char history_operator_js[];
extern const size_t history_operator_js_bytes;

static void reply_text(struct http_reply *reply, const char *type,
                       const char *text, size_t bytes)
{
    reply->mapped = text;
    reply->mapped_bytes = bytes;
    reply->content_type = type;
    reply->coding = HTTP_CODING_CHOOSE;
    http_reply_header(reply, "Cache-Control", "no-cache");
}

static void reply_html(struct http_reply *reply, const char *text, size_t bytes)
{
    reply_text(reply, "text/html; charset=utf-8", text, bytes);
    http_reply_header(
        reply, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'");
    http_reply_header(reply, "Referrer-Policy", "no-referrer");
}

static void reply_css(struct http_reply *reply, const char *text, size_t bytes)
{
    reply_text(reply, "text/css; charset=utf-8", text, bytes);
}

static void reply_js(struct http_reply *reply, const char *text, size_t bytes)
{
    reply_text(reply, "text/javascript; charset=utf-8", text, bytes);
}

void page_html(void *context, struct http_request *request,
               struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_html(reply, history_page_html, history_page_html_bytes);
}

void page_css(void *context, struct http_request *request,
              struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_css(reply, history_page_css, history_page_css_bytes);
}

void page_js(void *context, struct http_request *request,
             struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_js(reply, history_page_js, history_page_js_bytes);
}

void page_parts_js(void *context, struct http_request *request,
                   struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_js(reply, history_parts_js, history_parts_js_bytes);
}

void page_rows_js(void *context, struct http_request *request,
                  struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_js(reply, history_rows_js, history_rows_js_bytes);
}

void page_overview_js(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_js(reply, history_overview_js, history_overview_js_bytes);
}

void page_operator_html(void *context, struct http_request *request,
                        struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_html(reply, history_operator_html, history_operator_html_bytes);
}

void page_operator_css(void *context, struct http_request *request,
                       struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_css(reply, history_operator_css, history_operator_css_bytes);
}

void page_operator_js(void *context, struct http_request *request,
                      struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_js(reply, history_operator_js, history_operator_js_bytes);
}
