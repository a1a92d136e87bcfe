#include "import_api.h"

#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "api.h"
#include "clock.h"
#include "import_view.h"
#include "live.h"
#include "log.h"
#include "store_import.h"
#include "viewed_batch.h"

enum {
    UNDO_MS_MAX = 10 * 1000, /* of one request, before it says that there is
                              * more: well within what clients wait */
};

/* One request's rows. */
struct rows {
    const char *name;
    size_t count;
    size_t skipped;
    struct store_view views[VIEWED_BATCH_VIEWS_MAX];
    struct viewed viewed[VIEWED_BATCH_VIEWS_MAX];
};

static void reply_json(struct http_reply *reply)
{
    reply->content_type = "application/json";
    http_reply_header(reply, "Cache-Control", "no-store");
}

/* The segment of the path; false, and the reply is made, where it is none. */
static bool read_name(const struct http_request *request,
                      struct http_reply *reply, const char **ret)
{
    *ret = http_request_tail(request);
    if (store_import_name_is_good(*ret))
        return true;
    http_reply_problem(reply, 400,
                       "the name of an import is 1 to %d of A-Z a-z 0-9 . _ "
                       "-, a dot or a dash not first",
                       STORE_IMPORT_NAME_BYTES_MAX);
    return false;
}

static enum result read_row(struct rows *rows, const char *line, size_t bytes,
                            int64_t now_ms, struct fault *fault)
{
    enum import_skip skip = IMPORT_TAKEN;
    struct viewed *viewed = &rows->viewed[rows->count];
    enum result r =
        import_view(IMPORT_FLIXTUBE, "", line, bytes, viewed, &skip, fault);
    if (r != RESULT_OK || skip != IMPORT_TAKEN) {
        rows->skipped += r == RESULT_OK ? 1 : 0;
        return r;
    }
    rows->views[rows->count++] =
        (struct store_view){.viewed = viewed, .received_ms = now_ms};
    return RESULT_OK;
}

static enum result read_rows(struct rows *rows, const char *body, size_t bytes,
                             struct fault *fault)
{
    const char *line;
    size_t line_bytes;
    size_t at = 0;
    size_t number = 0;
    int64_t now_ms = clock_now_ms();
    struct fault why = {0};
    while (viewed_batch_line(body, bytes, &at, &line, &line_bytes)) {
        if (++number > VIEWED_BATCH_VIEWS_MAX)
            break;
        if (read_row(rows, line, line_bytes, now_ms, &why) != RESULT_OK)
            return fault_set(fault, RESULT_MALFORMED, "row %zu: %s", number,
                             why.text);
    }
    if (number == 0 || number > VIEWED_BATCH_VIEWS_MAX)
        return fault_set(fault, RESULT_MALFORMED, "a request has 1 to %d rows",
                         VIEWED_BATCH_VIEWS_MAX);
    return RESULT_OK;
}

static enum result write_rows(struct store *store, void *context,
                              struct fault *fault)
{
    struct rows *rows = context;
    return store_import_write(store, rows->name, rows->views, rows->count,
                              fault);
}

static void answer(const struct rows *rows, struct buffer *body)
{
    size_t counts[STORE_EXPIRED + 1] = {0};
    for (size_t i = 0; i < rows->count; i++)
        counts[rows->views[i].written]++;
    buffer_append_format(
        body,
        "{\"import\":\"%s\",\"new\":%zu,\"known\":%zu,\"erased\":%zu,"
        "\"removed\":%zu,\"paused\":%zu,\"expired\":%zu,\"skipped\":%zu}\n",
        rows->name, counts[STORE_NEW], counts[STORE_KNOWN],
        counts[STORE_ERASED], counts[STORE_REMOVED], counts[STORE_PAUSED],
        counts[STORE_EXPIRED], rows->skipped);
}

static void post(struct api *api, struct rows *rows,
                 struct http_request *request, struct http_reply *reply)
{
    struct fault fault = {0};
    size_t bytes;
    const char *body = http_request_body(request, &bytes);
    if (read_rows(rows, body, bytes, &fault) != RESULT_OK) {
        http_reply_problem(reply, 400, "%s", fault.text);
        return;
    }
    enum result r = ingest_run(api->ingest, write_rows, rows, &fault);
    if (r != RESULT_OK) {
        log_error("an import is not stored", log_text("why", fault.text),
                  log_end());
        http_reply_problem(reply, 503, "not stored: send it again");
        http_reply_header(reply, "Retry-After", "1");
        return;
    }
    live_committed(api->live);
    answer(rows, &reply->body);
    reply_json(reply);
}

void import_api_post(void *context, struct http_request *request,
                     struct http_reply *reply)
{
    const char *name;
    if (!read_name(request, reply, &name))
        return;
    struct rows *rows = malloc(sizeof *rows);
    if (rows == NULL) {
        http_reply_problem(reply, 503, "out of memory");
        return;
    }
    rows->name = name;
    rows->count = 0;
    rows->skipped = 0;
    post(context, rows, request, reply);
    free(rows);
}

/* --- to take it back ------------------------------------------------------ */

struct undoing {
    struct store_undo undo;
    bool more;
};

static enum result step(struct store *store, void *context, struct fault *fault)
{
    struct undoing *undoing = context;
    return store_import_undo_step(store, &undoing->undo, &undoing->more, fault);
}

static void tell_live(struct live *live, const struct store_undo *undo)
{
    for (size_t i = 0; i < undo->gone_count; i++)
        live_deleted(live, undo->gone[i].user_id, undo->gone[i].seq,
                     &undo->gone[i].id);
}

static void take_back(const struct api *api, struct undoing *undoing,
                      struct http_reply *reply)
{
    struct fault fault = {0};
    enum result r = RESULT_OK;
    int64_t until_ms = clock_monotonic_ms() + UNDO_MS_MAX;
    while (r == RESULT_OK && undoing->more && clock_monotonic_ms() < until_ms) {
        r = ingest_run(api->ingest, step, undoing, &fault);
        if (r == RESULT_OK)
            tell_live(api->live, &undoing->undo);
    }
    if (r == RESULT_NOT_FOUND) {
        http_reply_problem(reply, 404, "%s", fault.text);
    } else if (r != RESULT_OK) {
        log_error("an import is not taken back", log_text("why", fault.text),
                  log_end());
        http_reply_problem(reply, 503, "not done: ask again");
    } else {
        log_info(undoing->more ? "a part of an import was taken back"
                               : "an import was taken back",
                 log_int("views", undoing->undo.views), log_end());
        buffer_append_format(&reply->body,
                             "{\"import\":\"%s\",\"views\":%lld,\"more\":%s}\n",
                             undoing->undo.name, (long long)undoing->undo.views,
                             undoing->more ? "true" : "false");
        reply_json(reply);
    }
}

void import_api_delete(void *context, struct http_request *request,
                       struct http_reply *reply)
{
    const struct api *api = context;
    const char *name;
    if (!read_name(request, reply, &name) || !admin_allows(api, request, reply))
        return;
    struct undoing *undoing = calloc(1, sizeof *undoing);
    if (undoing == NULL) {
        http_reply_problem(reply, 503, "out of memory");
        return;
    }
    undoing->undo.name = name;
    undoing->more = true;
    take_back(api, undoing, reply);
    free(undoing);
}
