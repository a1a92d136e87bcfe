#include "progress_report.h"

#include <math.h>
#include <string.h>

#include "cleanup.h"
#include "json_read.h"

static enum result read_seconds(const cJSON *value, int64_t *ret_ms,
                                struct fault *fault)
{
    if (*ret_ms >= 0)
        return fault_set(fault, RESULT_MALFORMED, "%s is given twice",
                         value->string);
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0) ||
        value->valuedouble > VIEWED_SECONDS_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "%s must be a number of seconds from 0 to %d",
                         value->string, VIEWED_SECONDS_MAX);
    *ret_ms = llround(value->valuedouble * 1000);
    return RESULT_OK;
}

static enum result read_video(const cJSON *value, struct progress_report *ret,
                              struct fault *fault)
{
    if (ret->video_id[0] != '\0')
        return fault_set(fault, RESULT_MALFORMED, "videoId is given twice");
    size_t bytes = cJSON_IsString(value) ? strlen(value->valuestring) : 0;
    if (bytes == 0 || bytes > VIEWED_VIDEO_BYTES_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "videoId must be a text of 1 to %d bytes",
                         VIEWED_VIDEO_BYTES_MAX);
    memcpy(ret->video_id, value->valuestring, bytes + 1);
    return RESULT_OK;
}

static enum result read_field(const cJSON *field, struct progress_report *ret,
                              struct fault *fault)
{
    if (strcmp(field->string, "videoId") == 0)
        return read_video(field, ret, fault);
    if (strcmp(field->string, "position") == 0)
        return read_seconds(field, &ret->report.position_ms, fault);
    if (strcmp(field->string, "played") == 0)
        return read_seconds(field, &ret->report.played_ms, fault);
    if (strcmp(field->string, "duration") == 0)
        return read_seconds(field, &ret->report.duration_ms, fault);
    return RESULT_OK;
}

enum result progress_report_read(const char *body, size_t body_bytes,
                                 struct progress_report *ret,
                                 struct fault *fault)
{
    struct progress_report report = {
        .report = {.position_ms = -1, .played_ms = -1, .duration_ms = -1}};
    CLEANUP(json_done) cJSON *json = NULL;
    enum result r = json_read(body, body_bytes, &json, fault);
    if (r != RESULT_OK)
        return r;
    if (!cJSON_IsObject(json))
        return fault_set(fault, RESULT_MALFORMED,
                         "a report must be a JSON object");
    const cJSON *field;
    cJSON_ArrayForEach(field, json)
    {
        r = read_field(field, &report, fault);
        if (r != RESULT_OK)
            return r;
    }
    if (report.video_id[0] == '\0' || report.report.played_ms < 0)
        return fault_set(fault, RESULT_MALFORMED,
                         "a report needs videoId and played");
    *ret = report;
    return RESULT_OK;
}
