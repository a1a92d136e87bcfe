#ifndef FLIXTUBE_STREAMING_VIDEO_REPLY_H
#define FLIXTUBE_STREAMING_VIDEO_REPLY_H

#include <stdbool.h>

#include "http_server.h"
#include "range.h"
#include "video_file.h"

/*
 * Answers GET or HEAD for one video by RFC 9110: 200, 206, 304, 412 or 416
 * with validators. Takes over the caller's reference to the video. True, with
 * the range, when bytes of the video will be sent.
 */
bool video_reply(struct video_file *video, const struct http_request *request,
                 struct http_reply *reply, struct byte_range *ret_range);

#endif
