#include "keeping_api.h"

#include <string.h>

#include "api.h"
#include "cleanup.h"
#include "clock.h"
#include "erased_files.h"
#include "json_read.h"
#include "json_write.h"
#include "list_request.h"
#include "log.h"
#include "store_erase.h"
#include "store_expire.h"
#include "store_paused.h"

/* What one request asks, and what it is told. */
struct keeping {
    const struct api *api;
    const char *user_id;
    bool pause;
    uint32_t days; /* 0: no limit */
    struct store_recording recording;
    uint32_t users_days;
    uint32_t everybodys_days;
};

static void reply_fault(struct http_reply *reply, enum result r,
                        const struct fault *fault)
{
    if (r == RESULT_MALFORMED) {
        http_reply_problem(reply, 400, "%s", fault->text);
    } else if (r == RESULT_LIMIT) {
        http_reply_problem(reply, 409, "%s", fault->text);
    } else {
        log_error("what to keep is not known or not noted",
                  log_text("why", fault->text), log_end());
        http_reply_problem(reply, 503, "not done: ask again");
    }
}

static enum result read_user(const struct http_request *request,
                             const char **ret, struct fault *fault)
{
    const char *text = http_request_parameter(request, "userId");
    return list_request_text("userId", text != NULL ? text : "",
                             VIEWED_USER_BYTES_MAX, ret, fault);
}

/* The body's one member. */
static enum result read_member(struct http_request *request, const char *name,
                               cJSON **ret_json, const cJSON **ret_member,
                               struct fault *fault)
{
    size_t bytes;
    const char *body = http_request_body(request, &bytes);
    enum result r = json_read(body, bytes, ret_json, fault);
    if (r != RESULT_OK)
        return r;
    const cJSON *member = cJSON_IsObject(*ret_json) ? (*ret_json)->child : NULL;
    if (member == NULL || member->next != NULL ||
        strcmp(member->string, name) != 0)
        return fault_set(fault, RESULT_MALFORMED,
                         "the body is an object with the member %s", name);
    *ret_member = member;
    return RESULT_OK;
}

static void reply_json(struct http_reply *reply)
{
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "no-store");
}

/* --- recording ------------------------------------------------------------ */

static enum result look_recording(struct store *store, void *context,
                                  struct fault *fault)
{
    struct keeping *keeping = context;
    enum result r = store_refresh(store, fault);
    keeping->recording = store_recording(store, keeping->user_id);
    return r;
}

/* The store has it, whatever becomes of the files: the next start writes
 * them. */
static enum result set_recording(struct store *store, void *context,
                                 struct fault *fault)
{
    struct keeping *keeping = context;
    struct fault why = {0};
    enum result r =
        store_set_paused(store, keeping->user_id, keeping->pause,
                         clock_now_ms(), &keeping->recording, fault);
    if (r == RESULT_OK &&
        erased_files_write(keeping->api->db, keeping->api->backup_dir,
                           store_erased(store), &why) != RESULT_OK)
        log_warn("a pause is noted in the store alone",
                 log_text("why", why.text), log_end());
    return r;
}

static void write_recording(struct buffer *body, const struct keeping *keeping)
{
    char since[CLOCK_TEXT_BYTES];
    buffer_append_text(body, "{\"userId\":");
    json_write_text(body, keeping->user_id);
    buffer_append_format(body, ",\"recording\":%s",
                         keeping->recording.paused ? "false" : "true");
    if (keeping->recording.paused) {
        clock_format(keeping->recording.since_ms, since);
        buffer_append_format(body, ",\"pausedSince\":\"%s\"", since);
    }
    buffer_append_text(body, "}\n");
}

static void answer_recording(struct keeping *keeping, enum result r,
                             struct http_reply *reply, struct fault *fault)
{
    if (r != RESULT_OK) {
        reply_fault(reply, r, fault);
        return;
    }
    write_recording(&reply->body, keeping);
    reply_json(reply);
}

void keeping_get_recording(void *context, struct http_request *request,
                           struct http_reply *reply)
{
    struct fault fault = {0};
    struct keeping keeping = {.api = context};
    enum result r = read_user(request, &keeping.user_id, &fault);
    if (r == RESULT_OK)
        r = ingest_run(keeping.api->ingest, look_recording, &keeping, &fault);
    answer_recording(&keeping, r, reply, &fault);
}

void keeping_put_recording(void *context, struct http_request *request,
                           struct http_reply *reply)
{
    CLEANUP(json_done) cJSON *json = NULL;
    struct fault fault = {0};
    struct keeping keeping = {.api = context};
    const cJSON *member = NULL;
    enum result r = read_user(request, &keeping.user_id, &fault);
    if (r == RESULT_OK)
        r = read_member(request, "recording", &json, &member, &fault);
    if (r == RESULT_OK && !cJSON_IsBool(member))
        r = fault_set(&fault, RESULT_MALFORMED, "recording is true or false");
    if (r == RESULT_OK) {
        keeping.pause = cJSON_IsFalse(member);
        r = ingest_run(keeping.api->ingest, set_recording, &keeping, &fault);
    }
    answer_recording(&keeping, r, reply, &fault);
}

/* --- retention ------------------------------------------------------------ */

static enum result look_retention(struct store *store, void *context,
                                  struct fault *fault)
{
    struct keeping *keeping = context;
    enum result r = store_refresh(store, fault);
    keeping->users_days = store_keep_days(store, keeping->user_id);
    keeping->everybodys_days = store_keep_days(store, "");
    return r;
}

static enum result set_retention(struct store *store, void *context,
                                 struct fault *fault)
{
    struct keeping *keeping = context;
    enum result r =
        store_set_keep_days(store, keeping->user_id, keeping->days, fault);
    return r == RESULT_OK ? look_retention(store, context, fault) : r;
}

static void write_days(struct buffer *body, const char *name, uint32_t days)
{
    if (days > 0)
        buffer_append_format(body, ",\"%s\":%u", name, days);
    else
        buffer_append_format(body, ",\"%s\":null", name);
}

static void answer_retention(const struct keeping *keeping, enum result r,
                             struct http_reply *reply, struct fault *fault)
{
    struct buffer *body = &reply->body;
    if (r != RESULT_OK) {
        reply_fault(reply, r, fault);
        return;
    }
    buffer_append_text(body, "{\"userId\":");
    json_write_text(body, keeping->user_id);
    write_days(body, "keepDays", keeping->users_days);
    write_days(body, "everybodysKeepDays", keeping->everybodys_days);
    buffer_append_text(body, "}\n");
    reply_json(reply);
}

void keeping_get_retention(void *context, struct http_request *request,
                           struct http_reply *reply)
{
    struct fault fault = {0};
    struct keeping keeping = {.api = context};
    enum result r = read_user(request, &keeping.user_id, &fault);
    if (r == RESULT_OK)
        r = ingest_run(keeping.api->ingest, look_retention, &keeping, &fault);
    answer_retention(&keeping, r, reply, &fault);
}

static enum result read_days(const cJSON *member, uint32_t *ret,
                             struct fault *fault)
{
    double days = member->valuedouble;
    bool is_days = cJSON_IsNumber(member) && days >= 1 &&
                   days <= STORE_KEEP_DAYS_MAX &&
                   days - (double)(uint32_t)days <= 0;
    if (!is_days && !cJSON_IsNull(member))
        return fault_set(fault, RESULT_MALFORMED,
                         "keepDays is null or a whole number from 1 to %d",
                         STORE_KEEP_DAYS_MAX);
    *ret = is_days ? (uint32_t)days : 0;
    return RESULT_OK;
}

void keeping_put_retention(void *context, struct http_request *request,
                           struct http_reply *reply)
{
    CLEANUP(json_done) cJSON *json = NULL;
    struct fault fault = {0};
    struct keeping keeping = {.api = context};
    const cJSON *member = NULL;
    enum result r = read_user(request, &keeping.user_id, &fault);
    if (r == RESULT_OK)
        r = read_member(request, "keepDays", &json, &member, &fault);
    if (r == RESULT_OK)
        r = read_days(member, &keeping.days, &fault);
    if (r == RESULT_OK)
        r = ingest_run(keeping.api->ingest, set_retention, &keeping, &fault);
    answer_retention(&keeping, r, reply, &fault);
}
