#include "list_export.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "row_csv.h"
#include "row_json.h"

enum {
    ROWS_OF_A_READ = 200,
    /* More than so many of the longest rows. */
    READ_BYTES_MAX = ROWS_OF_A_READ * 10240,
};

struct export
{
    struct store *store;
    struct store_query query; /* its texts are the copies below */
    struct list_options options;
    uint32_t left; /* rows, where there is a limit */
    bool begun;
    bool ended;
    struct buffer rows; /* that were read, from `given` on to be sent */
    size_t given;
    char user_id[VIEWED_USER_BYTES_MAX + 1];
    char video_id[VIEWED_VIDEO_BYTES_MAX + 1];
};

static void add_row(void *context, const struct store_row *row)
{
    struct export *export = context;
    if (export->options.format == LIST_CSV) {
        row_csv_write(&export->rows, row, export->options.fields);
        return;
    }
    row_json_write_fields(&export->rows, row, export->options.fields);
    buffer_append(&export->rows, "\n", 1);
}

static enum result read_rows(struct export *export, struct fault *fault)
{
    struct store_page page;
    struct store_query *query = &export->query;
    buffer_clear(&export->rows);
    export->given = 0;
    if (!export->begun && export->options.format == LIST_CSV)
        row_csv_head(&export->rows, export->options.fields);
    export->begun = true;
    query->limit = ROWS_OF_A_READ;
    if (export->options.limit_given && export->left < ROWS_OF_A_READ)
        query->limit = export->left;
    enum result r =
        store_query(export->store, query, add_row, export, &page, fault);
    if (r == RESULT_OK && export->rows.failed)
        r = fault_set(fault, RESULT_UNAVAILABLE, "no memory for an export");
    if (r != RESULT_OK)
        return r;
    export->left -= page.rows;
    export->ended =
        !page.more || (export->options.limit_given && export->left == 0);
    query->after_given = true;
    query->after = page.last;
    query->skip = 0;
    return RESULT_OK;
}

static size_t more(void *context, char *out, size_t out_bytes)
{
    struct export *export = context;
    struct fault fault = {0};
    while (export->given == export->rows.bytes && !export->ended)
        if (read_rows(export, &fault) != RESULT_OK) {
            log_error("an export ends early", log_text("why", fault.text),
                      log_end());
            return HTTP_MORE_FAILED;
        }
    size_t bytes = export->rows.bytes - export->given;
    if (bytes > out_bytes)
        bytes = out_bytes;
    if (bytes > 0)
        memcpy(out, export->rows.data + export->given, bytes);
    export->given += bytes;
    return bytes;
}

static void done(void *context)
{
    struct export *export = context;
    buffer_done(&export->rows);
    free(export);
}

static void keep_texts(struct export *export)
{
    if (export->query.user_id != NULL) {
        strncpy(export->user_id, export->query.user_id,
                sizeof export->user_id - 1);
        export->query.user_id = export->user_id;
    }
    if (export->query.video_id != NULL) {
        strncpy(export->video_id, export->query.video_id,
                sizeof export->video_id - 1);
        export->query.video_id = export->video_id;
    }
}

void list_export(struct store *store, const struct store_query *query,
                 const struct list_options *options, struct http_reply *reply)
{
    struct export *export = calloc(1, sizeof *export);
    struct fault fault = {0};
    if (export == NULL) {
        http_reply_problem(reply, 503, "no memory for an export");
        return;
    }
    export->store = store;
    export->query = *query;
    export->query.count = false; /* there is no place for it */
    export->options = *options;
    export->left = query->limit;
    export->rows = buffer_make(READ_BYTES_MAX);
    keep_texts(export);
    /* The first read tells a store that cannot be read at all. */
    if (read_rows(export, &fault) != RESULT_OK) {
        log_error("query failed", log_text("why", fault.text), log_end());
        http_reply_problem(reply, 503,
                           "the store cannot be read at the moment");
        done(export);
        return;
    }
    bool csv = options->format == LIST_CSV;
    reply->content_type = csv ? "text/csv; charset=utf-8; header=present"
                              : "application/x-ndjson";
    reply->coding = HTTP_CODING_CHOOSE;
    reply->more = more;
    reply->more_context = export;
    reply->released = done;
    reply->release_context = export;
    http_reply_header(reply, "Cache-Control", "private, no-cache");
    http_reply_header(reply, "Vary", "Accept");
}
