#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "http_server.h"
#include "json_write.h"

void http_reply_header(struct http_reply *reply, const char *name,
                       const char *value)
{
    buffer_append(&reply->headers, name, strlen(name) + 1);
    buffer_append(&reply->headers, value, strlen(value) + 1);
}

/* The reason phrases of RFC 9110 section 15, which RFC 9457 wants as title. */
static const char *status_title(unsigned status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 416:
        return "Range Not Satisfiable";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    default:
        return "Error";
    }
}

void http_reply_problem(struct http_reply *reply, unsigned status,
                        const char *detail_format, ...)
{
    char detail[512];
    va_list arguments;
    va_start(arguments, detail_format);
    (void)vsnprintf(detail, sizeof detail, detail_format, arguments);
    va_end(arguments);

    struct buffer *body = &reply->body;
    buffer_clear(body);
    buffer_append_text(body, "{\"type\":\"about:blank\",\"title\":");
    json_write_text(body, status_title(status));
    buffer_append_text(body, ",\"status\":");
    buffer_append_integer(body, status);
    buffer_append_text(body, ",\"detail\":");
    json_write_text(body, detail);
    buffer_append_text(body, "}\n");
    reply->status = status;
    reply->coding = HTTP_CODING_NONE;
    reply->content_type = "application/problem+json";
}

void http_routes_write(const struct http_route *routes, size_t count,
                       struct buffer *buffer)
{
    buffer_append_text(buffer, "[");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(buffer,
                           i == 0 ? "\n{\"method\":" : ",\n{\"method\":");
        json_write_text(buffer, routes[i].method);
        buffer_append_text(buffer, ",\"path\":");
        json_write_text(buffer, routes[i].path);
        buffer_append_text(buffer, ",\"parameters\":[");
        for (size_t p = 0; p < HTTP_PARAMETERS_MAX; p++) {
            if (routes[i].parameters[p] == NULL)
                break;
            buffer_append_text(buffer, p == 0 ? "" : ",");
            json_write_text(buffer, routes[i].parameters[p]);
        }
        buffer_append_text(buffer, "]}");
    }
    buffer_append_text(buffer, "\n]\n");
}
