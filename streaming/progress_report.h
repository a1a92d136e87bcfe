#ifndef FLIXTUBE_STREAMING_PROGRESS_REPORT_H
#define FLIXTUBE_STREAMING_PROGRESS_REPORT_H

#include <stddef.h>

#include "result.h"
#include "view_rule.h"
#include "viewed_message.h"

enum {
    PROGRESS_BODY_BYTES_MAX = 4 * 1024, /* ours are under 200 bytes */
};

/* What the body of POST /progress says. */
struct progress_report {
    char video_id[VIEWED_VIDEO_BYTES_MAX + 1];
    struct view_report report;
};

/*
 * {"videoId":"…","position":12.5,"played":9.8,"duration":30}: videoId and
 * played are needed, times are seconds from 0 to VIEWED_SECONDS_MAX. Unknown
 * fields are passed over, a known one twice is an error. Pure; *ret changes
 * only on success. Errors: RESULT_MALFORMED, naming the field;
 * RESULT_UNAVAILABLE without memory.
 */
enum result progress_report_read(const char *body, size_t body_bytes,
                                 struct progress_report *ret,
                                 struct fault *fault);

#endif
