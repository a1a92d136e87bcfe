#include "video_reply.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "conditions.h"
#include "http_date.h"

/* Hands the bytes over to the reply, which then holds the video. */
static void attach_bytes(struct video_file *video, struct http_reply *reply,
                         const struct byte_range *range)
{
    uint64_t bytes = range->last - range->first + 1;
    if (video->mapped != NULL) {
        reply->mapped = (const char *)video->mapped + range->first;
        reply->mapped_bytes = (size_t)bytes;
        reply->released = video_file_release;
        reply->release_context = video;
        return;
    }
    reply->file = fcntl(video->file, F_DUPFD_CLOEXEC, 0);
    if (reply->file < 0)
        http_reply_problem(reply, 503, "the video cannot be opened: %s",
                           strerror(errno));
    reply->file_offset = range->first;
    reply->file_bytes = bytes;
    video_file_release(video);
}

static void add_validators(struct http_reply *reply,
                           const struct video_file *video)
{
    char date[HTTP_DATE_TEXT_BYTES];
    http_date_format(video->modified_s, date);
    http_reply_header(reply, "ETag", video->etag);
    http_reply_header(reply, "Last-Modified", date);
    http_reply_header(reply, "Accept-Ranges", "bytes");
    http_reply_header(reply, "Cache-Control", "private, no-cache");
}

static enum condition_answer check(const struct video_file *video,
                                   const struct http_request *request)
{
    struct conditions conditions = {
        .if_match = http_request_header(request, "If-Match"),
        .if_unmodified_since =
            http_request_header(request, "If-Unmodified-Since"),
        .if_none_match = http_request_header(request, "If-None-Match"),
        .if_modified_since = http_request_header(request, "If-Modified-Since"),
    };
    if (http_request_header(request, "Range") != NULL)
        conditions.if_range = http_request_header(request, "If-Range");
    struct validators current = {.etag = video->etag,
                                 .modified_s = video->modified_s};
    return conditions_check(&conditions, &current, clock_now_ms() / 1000);
}

static bool reply_bytes(struct video_file *video, struct http_reply *reply,
                        const struct byte_range *range, bool partial)
{
    if (partial) {
        char text[80];
        (void)snprintf(text, sizeof text,
                       "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range->first,
                       range->last, video->bytes);
        http_reply_header(reply, "Content-Range", text);
        reply->status = 206;
    }
    reply->content_type = video->type;
    attach_bytes(video, reply, range);
    return reply->status < 300;
}

static void reply_unsatisfiable(struct video_file *video,
                                struct http_reply *reply)
{
    char text[40];
    (void)snprintf(text, sizeof text, "bytes */%" PRIu64, video->bytes);
    http_reply_problem(reply, 416,
                       "the range lies outside of the %" PRIu64
                       " bytes of this video",
                       video->bytes);
    http_reply_header(reply, "Content-Range", text);
    video_file_release(video);
}

bool video_reply(struct video_file *video, const struct http_request *request,
                 struct http_reply *reply, struct byte_range *ret_range)
{
    enum condition_answer answer = check(video, request);
    add_validators(reply, video);
    if (answer == CONDITION_NOT_MODIFIED) {
        reply->status = 304;
        video_file_release(video);
        return false;
    }
    if (answer == CONDITION_PRECONDITION_FAILED) {
        http_reply_problem(reply, 412, "the video is another version");
        video_file_release(video);
        return false;
    }
    struct byte_range range = {0, video->bytes - 1};
    enum range_kind kind = RANGE_NONE;
    if (answer == CONDITION_SERVE)
        kind = range_parse(http_request_header(request, "Range"), video->bytes,
                           &range);
    if (kind == RANGE_UNSATISFIABLE) {
        reply_unsatisfiable(video, reply);
        return false;
    }
    if (video->bytes == 0) {
        reply->content_type = video->type;
        video_file_release(video);
        return false;
    }
    *ret_range = range;
    return reply_bytes(video, reply, &range, kind == RANGE_PARTIAL);
}
