#include "documents.h"

/* Embedded by the build, see cmake/EmbedText.cmake. */
extern const char schema_openapi_yaml[];
extern const size_t schema_openapi_yaml_bytes;
extern const char schema_openapi_json[];
extern const size_t schema_openapi_json_bytes;
extern const char schema_docs_html[];
extern const size_t schema_docs_html_bytes;
extern const char schema_docs_css[];
extern const size_t schema_docs_css_bytes;

static void reply_text(struct http_reply *reply, const char *type,
                       const char *text, size_t bytes)
{
    reply->mapped = text;
    reply->mapped_bytes = bytes;
    reply->content_type = type;
    reply->coding = HTTP_CODING_CHOOSE;
    http_reply_header(reply, "Cache-Control", "no-cache");
}

void documents_openapi_yaml(void *context, struct http_request *request,
                            struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_text(reply, "application/yaml", schema_openapi_yaml,
               schema_openapi_yaml_bytes);
}

void documents_openapi_json(void *context, struct http_request *request,
                            struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_text(reply, "application/json", schema_openapi_json,
               schema_openapi_json_bytes);
}

void documents_page(void *context, struct http_request *request,
                    struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_text(reply, "text/html; charset=utf-8", schema_docs_html,
               schema_docs_html_bytes);
    http_reply_header(reply, "Content-Security-Policy",
                      "default-src 'none'; style-src 'self'; base-uri 'none'; "
                      "form-action 'none'; frame-ancestors 'none'");
}

void documents_page_css(void *context, struct http_request *request,
                        struct http_reply *reply)
{
    (void)context;
    (void)request;
    reply_text(reply, "text/css; charset=utf-8", schema_docs_css,
               schema_docs_css_bytes);
}
