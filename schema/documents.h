#ifndef FLIXTUBE_SCHEMA_DOCUMENTS_H
#define FLIXTUBE_SCHEMA_DOCUMENTS_H

#include "http_server.h"

/*
 * Handlers of the API's documents, which both services serve: openapi.yaml, and
 * what make_documents.py makes of it, for machines and for people. They are as
 * the build had them, and any thread may ask.
 */
void documents_openapi_yaml(void *context, struct http_request *request,
                            struct http_reply *reply);
void documents_openapi_json(void *context, struct http_request *request,
                            struct http_reply *reply);
void documents_page(void *context, struct http_request *request,
                    struct http_reply *reply);
void documents_page_css(void *context, struct http_request *request,
                        struct http_reply *reply);

#endif
