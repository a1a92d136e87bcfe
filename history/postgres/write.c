#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "postgres_parts.h"
#include "store_import.h"

/* A batch on its way. */
struct batch {
    struct store_view *views;
    size_t count;
    size_t claimed; /* store->claims: those that are not refused */
    int64_t added;
    const struct store_contained *contained; /* NULL: it stays */
    const char *import; /* whose the views are; NULL: no import's */
    int64_t import_number;
    int64_t last_place;
};

/* --- who is refused ------------------------------------------------------- */

static bool is_refused(const struct postgres_store *store,
                       const struct store_view *view, enum store_written *ret)
{
    const struct viewed *viewed = view->viewed;
    struct erased_question question = {
        .user_id = viewed->user_id,
        .user_id_bytes = strlen(viewed->user_id),
        .time_given = viewed->time_given,
        .viewed_at_ms = viewed->viewed_at_ms,
    };
    enum erased_why why = store->erased.count > 0
                              ? erased_set_why(&store->erased, &question)
                              : ERASED_NOT;
    if (why != ERASED_NOT)
        *ret = why == ERASED_USER ? STORE_ERASED : STORE_PAUSED;
    else if (keep_days_expired(&store->keep, viewed, view->received_ms))
        *ret = STORE_EXPIRED;
    else
        return false;
    return true;
}

static int by_id(const void *a, const void *b)
{
    const struct postgres_claim *one = a;
    const struct postgres_claim *other = b;
    int order = memcmp(one->id.bytes, other->id.bytes, sizeof one->id.bytes);
    if (order != 0)
        return order;
    return one->at < other->at ? -1 : 1;
}

/* In the order of ids: so two batches that have the same ones wait for each
 * other at the first, and never in a circle. */
static void choose(struct postgres_store *store, struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct store_view *view = &batch->views[i];
        view->written = STORE_KNOWN;
        if (!is_refused(store, view, &view->written))
            store->claims[batch->claimed++] =
                (struct postgres_claim){view->viewed->id, (uint32_t)i};
    }
    if (batch->claimed > 1)
        qsort(store->claims, batch->claimed, sizeof *store->claims, by_id);
}

/* --- ids ------------------------------------------------------------------ */

static const char claim_ids[] =
    "WITH fresh AS (INSERT INTO ids (id, user_id, viewed_at_ms)"
    " SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[])"
    " ON CONFLICT (id) DO NOTHING RETURNING id)"
    " SELECT id, nextval('places') FROM fresh";

static enum result ask_ids(struct postgres_store *store,
                           const struct batch *batch, struct postgres_rows *ret,
                           struct fault *fault)
{
    struct postgres_array *arrays = store->arrays;
    struct postgres_values values = {0};
    postgres_array_begin_uuids(&arrays[0]);
    postgres_array_begin_texts(&arrays[1]);
    postgres_array_begin_integers(&arrays[2]);
    for (size_t i = 0; i < batch->claimed; i++) {
        const struct viewed *viewed = batch->views[store->claims[i].at].viewed;
        postgres_array_uuid(&arrays[0], &viewed->id);
        postgres_array_text(&arrays[1], viewed->user_id);
        postgres_array_integer(&arrays[2], viewed->viewed_at_ms);
    }
    for (size_t i = 0; i < 3; i++)
        postgres_array_end(&arrays[i], &values);
    return postgres_db_ask(store->db, claim_ids, &values, ret, fault);
}

/* The first claim of the id, which of several is the one that is new; or the
 * number of claims. */
static size_t find_claim(const struct postgres_store *store,
                         const struct batch *batch, const struct uuid *id)
{
    size_t low = 0;
    size_t high = batch->claimed;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(store->claims[middle].id.bytes, id->bytes,
                   sizeof id->bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_claim_of(const struct postgres_store *store,
                        const struct batch *batch, size_t at,
                        const struct uuid *id)
{
    return at < batch->claimed &&
           memcmp(store->claims[at].id.bytes, id->bytes, sizeof id->bytes) == 0;
}

static enum result mark_new(struct postgres_store *store, struct batch *batch,
                            const struct postgres_rows *fresh,
                            struct fault *fault)
{
    for (int i = 0; i < fresh->count; i++) {
        struct uuid id = {{0}};
        (void)postgres_uuid_at(fresh, i, 0, &id);
        size_t at = find_claim(store, batch, &id);
        if (!is_claim_of(store, batch, at, &id))
            return fault_set(fault, RESULT_UNUSABLE,
                             "the database answered an id that was not asked");
        batch->views[store->claims[at].at].written = STORE_NEW;
    }
    batch->added = fresh->count;
    return RESULT_OK;
}

/* Of those whose ids were there, which had been removed. */
static enum result mark_removed(struct postgres_store *store,
                                struct batch *batch, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_array *ids = &store->arrays[0];
    struct postgres_values values = {0};
    if (store->removed_count == 0 || (size_t)batch->added == batch->claimed)
        return RESULT_OK;
    postgres_array_begin_uuids(ids);
    for (size_t i = 0; i < batch->claimed; i++)
        postgres_array_uuid(ids, &store->claims[i].id);
    postgres_array_end(ids, &values);
    enum result r = postgres_db_ask(
        store->db, "SELECT id FROM removed WHERE id = ANY($1::uuid[])", &values,
        &rows, fault);
    for (int i = 0; i < rows.count; i++) {
        struct uuid id = {{0}};
        (void)postgres_uuid_at(&rows, i, 0, &id);
        for (size_t at = find_claim(store, batch, &id);
             is_claim_of(store, batch, at, &id); at++)
            batch->views[store->claims[at].at].written = STORE_REMOVED;
    }
    return r;
}

/* --- rows ----------------------------------------------------------------- */

enum {
    COLUMNS = 14,
};

static const char copy_views[] =
    "COPY views (user_id, viewed_at_ms, seq, id, video_id, video_path,"
    " received_ms, position_ms, duration_ms, session_id, rule, flags, trace,"
    " import) FROM STDIN (FORMAT binary)";

static void put_text(struct buffer *rows, const char *text)
{
    postgres_copy_bytes(rows, text, strlen(text));
}

static void put_present(struct buffer *rows, int64_t value)
{
    if (value < 0)
        postgres_copy_null(rows);
    else
        postgres_copy_integer(rows, value);
}

static void put_view(struct buffer *rows, const struct store_view *view,
                     int64_t place, const struct batch *batch)
{
    const struct viewed *viewed = view->viewed;
    int flags = (viewed->id_given ? POSTGRES_FLAG_ID_GIVEN : 0) |
                (viewed->time_given ? POSTGRES_FLAG_TIME_GIVEN : 0);
    postgres_copy_row(rows, COLUMNS);
    put_text(rows, viewed->user_id);
    postgres_copy_integer(rows, viewed->viewed_at_ms);
    postgres_copy_integer(rows, place);
    postgres_copy_bytes(rows, viewed->id.bytes, sizeof viewed->id.bytes);
    put_text(rows, viewed->video_id);
    put_text(rows, viewed->video_path);
    postgres_copy_integer(rows, view->received_ms);
    put_present(rows, viewed->position_ms);
    put_present(rows, viewed->duration_ms);
    if (viewed->session_given)
        postgres_copy_bytes(rows, viewed->session_id.bytes,
                            sizeof viewed->session_id.bytes);
    else
        postgres_copy_null(rows);
    postgres_copy_small(rows, (int16_t)viewed->rule);
    postgres_copy_small(rows, (int16_t)flags);
    if (viewed->trace.given)
        postgres_copy_bytes(rows, viewed->trace.bytes,
                            sizeof viewed->trace.bytes);
    else
        postgres_copy_null(rows);
    if (batch->import != NULL)
        postgres_copy_integer(rows, batch->import_number);
    else
        postgres_copy_null(rows);
}

/* The places grow in the order of the batch. */
static enum result copy_new(struct postgres_store *store, struct batch *batch,
                            const struct postgres_rows *fresh,
                            struct fault *fault)
{
    int next = 0;
    postgres_copy_begin(&store->rows);
    for (size_t i = 0; i < batch->count; i++)
        if (batch->views[i].written == STORE_NEW)
            put_view(&store->rows, &batch->views[i],
                     postgres_integer_at(fresh, next++, 1), batch);
    postgres_copy_end(&store->rows);
    batch->last_place = postgres_integer_at(fresh, fresh->count - 1, 1);
    return postgres_db_copy(store->db, copy_views, &store->rows, fault);
}

/* --- the rest of a batch -------------------------------------------------- */

static enum result find_import(struct postgres_store *store,
                               struct batch *batch, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    if (batch->import == NULL)
        return RESULT_OK;
    postgres_text(&values, batch->import);
    postgres_integer(&values, clock_now_ms());
    /* An update that changes nothing, so that the number is answered. */
    enum result r =
        postgres_db_ask(store->db,
                        "INSERT INTO imports (name, began_ms) VALUES ($1, $2)"
                        " ON CONFLICT (name) DO UPDATE"
                        " SET name = excluded.name RETURNING number",
                        &values, &rows, fault);
    if (r == RESULT_OK)
        batch->import_number = postgres_integer_at(&rows, 0, 0);
    return r;
}

static enum result set_contained(struct postgres_store *store,
                                 const struct store_contained *contained,
                                 struct fault *fault)
{
    struct postgres_values values = {0};
    if (contained == NULL)
        return RESULT_OK;
    postgres_integer(&values, contained->offset);
    postgres_integer(&values, contained->hash);
    return postgres_do(store,
                       "UPDATE store SET stream_offset = $1, stream_hash = $2",
                       &values, fault);
}

static enum result store_new(struct postgres_store *store, struct batch *batch,
                             struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows fresh = {0};
    if (batch->claimed == 0)
        return RESULT_OK;
    enum result r = ask_ids(store, batch, &fresh, fault);
    if (r == RESULT_OK)
        r = mark_new(store, batch, &fresh, fault);
    if (r == RESULT_OK)
        r = mark_removed(store, batch, fault);
    if (r != RESULT_OK || batch->added == 0)
        return r;
    r = find_import(store, batch, fault);
    if (r == RESULT_OK)
        r = copy_new(store, batch, &fresh, fault);
    return r == RESULT_OK ? postgres_count(store, batch->added, fault) : r;
}

static enum result write_batch(struct postgres_store *store,
                               struct batch *batch, struct fault *fault)
{
    enum result r = postgres_begin(store, POSTGRES_WRITE, fault);
    if (r != RESULT_OK)
        return r;
    choose(store, batch);
    r = store_new(store, batch, fault);
    if (r == RESULT_OK)
        r = set_contained(store, batch->contained, fault);
    r = postgres_end(store, r, fault);
    if (r != RESULT_OK)
        return r;
    atomic_fetch_add(&store->views, batch->added);
    if (batch->added > 0)
        atomic_store(&store->shown_place, batch->last_place);
    if (batch->contained != NULL) {
        store->contained = *batch->contained;
        atomic_store(&store->shown_offset, batch->contained->offset);
    }
    /* Tidying waits for quiet, which may not come for hours. The batch is
     * stored; what fails here fails again, where it is told. */
    (void)postgres_look_around(store, NULL);
    return RESULT_OK;
}

static enum result check(const struct batch *batch, struct fault *fault)
{
    if (batch->count > STORE_BATCH_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "a batch has at most %d views, not %zu",
                         STORE_BATCH_MAX, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        if (batch->views[i].viewed->video_id[0] == '\0' &&
            batch->views[i].viewed->video_path[0] == '\0')
            return fault_set(fault, RESULT_MALFORMED,
                             "a view has a video's id or its path");
    return RESULT_OK;
}

static enum result write(struct store *base, struct batch *batch,
                         struct fault *fault)
{
    enum result r = check(batch, fault);
    return r == RESULT_OK ? write_batch(postgres_store_of(base), batch, fault)
                          : r;
}

enum result postgres_store_write(struct store *base, struct store_view *views,
                                 size_t count, struct fault *fault)
{
    struct batch batch = {.views = views, .count = count};
    return write(base, &batch, fault);
}

enum result postgres_store_write_contained(
    struct store *base, struct store_view *views, size_t count,
    const struct store_contained *contained, struct fault *fault)
{
    struct batch batch = {
        .views = views, .count = count, .contained = contained};
    return write(base, &batch, fault);
}

enum result postgres_store_import_write(struct store *base, const char *name,
                                        struct store_view *views, size_t count,
                                        struct fault *fault)
{
    struct batch batch = {.views = views, .count = count, .import = name};
    return write(base, &batch, fault);
}
