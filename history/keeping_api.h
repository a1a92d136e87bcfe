#ifndef FLIXTUBE_HISTORY_KEEPING_API_H
#define FLIXTUBE_HISTORY_KEEPING_API_H

#include "http_server.h"

enum {
    KEEPING_BODY_BYTES_MAX = 1024, /* of one member */
};

/*
 * What a user wants kept: GET and PUT /recording (store_paused.h), GET and PUT
 * /retention (store_expire.h). The context is the api.
 */
void keeping_get_recording(void *context, struct http_request *request,
                           struct http_reply *reply);
void keeping_put_recording(void *context, struct http_request *request,
                           struct http_reply *reply);
void keeping_get_retention(void *context, struct http_request *request,
                           struct http_reply *reply);
void keeping_put_retention(void *context, struct http_request *request,
                           struct http_reply *reply);

#endif
