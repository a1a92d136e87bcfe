#include "remove_api.h"

#include <string.h>

#include "api.h"
#include "clock.h"
#include "continue_list.h"
#include "live.h"
#include "log.h"
#include "remove.h"

/* What the two need of the row; one of another user is not there. */
struct own {
    const struct access *access;
    const struct http_request *request;
    bool seen;
    int64_t seq;
    char user_id[VIEWED_USER_BYTES_MAX + 1];
    char video[VIEWED_PATH_BYTES_MAX + 1]; /* its id, else its path */
};

static void take(void *context, const struct store_row *row)
{
    struct own *own = context;
    own->seen = access_sees(own->access, own->request, row->user_id,
                            row->user_id_bytes);
    own->seq = row->place.seq;
    strncpy(own->user_id, row->user_id, sizeof own->user_id - 1);
    strncpy(own->video,
            row->video_id_bytes > 0 ? row->video_id : row->video_path,
            sizeof own->video - 1);
}

static bool read_id(const struct http_request *request, struct uuid *ret)
{
    const char *text = http_request_tail(request);
    return uuid_parse(text, strlen(text), ret);
}

static void reply_fault(struct http_reply *reply, enum result r,
                        const struct fault *fault)
{
    if (r == RESULT_NOT_FOUND) {
        http_reply_problem(reply, 404, "there is no view of that id");
        return;
    }
    log_error("a view was not removed or restored",
              log_text("why", fault->text), log_end());
    http_reply_problem(reply, 503, "not done: ask again");
}

static void reply_done(struct http_reply *reply, const struct uuid *id,
                       const char *what)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    buffer_append_format(&reply->body, "{\"id\":\"%s\",\"%s\":true}\n", text,
                         what);
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "no-store");
}

static struct remove_place place_of(const struct api *api)
{
    return (struct remove_place){api->ingest, api->db, api->backup_dir};
}

void remove_api_delete(void *context, struct http_request *request,
                       struct http_reply *reply)
{
    const struct api *api = context;
    struct fault fault = {0};
    struct remove_place place = place_of(api);
    struct own own = {.access = &api->access, .request = request};
    struct uuid id;
    enum result r = RESULT_NOT_FOUND;
    if (read_id(request, &id))
        r = store_find(api->store, &id, take, &own, &fault);
    if (r == RESULT_OK && !own.seen)
        r = RESULT_NOT_FOUND;
    if (r == RESULT_OK)
        r = remove_in_service(&place, &id, &fault);
    if (r != RESULT_OK) {
        reply_fault(reply, r, &fault);
        return;
    }
    live_deleted(api->live, own.user_id, own.seq, &id);
    if (continue_forget(api->store, api->ingest, own.user_id, own.video,
                        &fault) != RESULT_OK)
        log_warn("what was dismissed is noted still",
                 log_text("why", fault.text), log_end());
    reply_done(reply, &id, "deleted");
}

void remove_api_restore(void *context, struct http_request *request,
                        struct http_reply *reply)
{
    const struct api *api = context;
    struct fault fault = {0};
    struct remove_place place = place_of(api);
    struct own own = {.access = &api->access, .request = request};
    struct uuid id;
    enum result r = RESULT_NOT_FOUND;
    if (read_id(request, &id))
        r = store_find_removed(api->store, &id, clock_now_ms(), take, &own,
                               &fault);
    if (r == RESULT_OK && !own.seen)
        r = RESULT_NOT_FOUND;
    if (r == RESULT_OK)
        r = remove_undo(&place, &id, &fault);
    if (r != RESULT_OK) {
        reply_fault(reply, r, &fault);
        return;
    }
    live_committed(api->live); /* it is a new one of the log */
    reply_done(reply, &id, "restored");
}
