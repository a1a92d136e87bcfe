#include <assert.h>
#include <string.h>

#include "list_key.h"
#include "sqlite_parts.h"

/* What a batch would change, kept apart until it is committed. */
struct batch {
    int64_t last_seq;
    int64_t added;
    size_t entries; /* in store->entries */
    size_t merged;
    const struct store_contained *contained; /* NULL: it stays */
    bool restoring;                          /* the one view is in `removed` */
    const char *import; /* whose the views are; NULL: no import's */
};

size_t sqlite_store_entries(const struct siphash_key *key, const char *user_id,
                            const char *video_id, struct store_place place,
                            struct tail_entry entries[TAIL_LISTS_MAX])
{
    const char *const names[TAIL_LISTS_MAX][2] = {
        {NULL, NULL},
        {user_id, NULL},
        {NULL, video_id},
        {user_id, video_id},
    };
    size_t count = 0;
    for (size_t i = 0; i < TAIL_LISTS_MAX; i++) {
        int64_t list;
        if (list_key(key, names[i][0], names[i][1], &list))
            entries[count++] = (struct tail_entry){list, place};
    }
    return count;
}

static void bind_text(sqlite3_stmt *statement, int column, const char *text)
{
    if (text[0] == '\0')
        sqlite3_bind_null(statement, column);
    else
        sqlite3_bind_text(statement, column, text, -1, SQLITE_STATIC);
}

static void bind_present(sqlite3_stmt *statement, int column, int64_t value)
{
    if (value < 0)
        sqlite3_bind_null(statement, column);
    else
        sqlite3_bind_int64(statement, column, value);
}

enum {
    VIEW_PARAMETERS = 13,
};

/* Its parameters are those after `before`. Binding cannot fail but for memory:
 * the values are small and static. */
static void bind_view(sqlite3_stmt *insert, int before, int64_t seq,
                      const struct store_view *view, bool restoring)
{
    const struct viewed *viewed = view->viewed;
    int flags = (viewed->id_given ? STORE_FLAG_ID_GIVEN : 0) |
                (viewed->time_given ? STORE_FLAG_TIME_GIVEN : 0) |
                (restoring ? STORE_FLAG_RESTORED : 0);
    sqlite3_bind_int64(insert, before + 1, seq);
    sqlite3_bind_blob(insert, before + 2, viewed->id.bytes,
                      sizeof viewed->id.bytes, SQLITE_STATIC);
    bind_text(insert, before + 3, viewed->user_id);
    bind_text(insert, before + 4, viewed->video_id);
    bind_text(insert, before + 5, viewed->video_path);
    sqlite3_bind_int64(insert, before + 6, viewed->viewed_at_ms);
    sqlite3_bind_int64(insert, before + 7, view->received_ms);
    bind_present(insert, before + 8, viewed->position_ms);
    bind_present(insert, before + 9, viewed->duration_ms);
    if (viewed->session_given)
        sqlite3_bind_blob(insert, before + 10, viewed->session_id.bytes,
                          sizeof viewed->session_id.bytes, SQLITE_STATIC);
    else
        sqlite3_bind_null(insert, before + 10);
    sqlite3_bind_int(insert, before + 11, (int)viewed->rule);
    sqlite3_bind_int(insert, before + 12, flags);
    if (viewed->trace.given)
        sqlite3_bind_blob(insert, before + 13, viewed->trace.bytes,
                          sizeof viewed->trace.bytes, SQLITE_STATIC);
    else
        sqlite3_bind_null(insert, before + 13);
}

static enum result note_new(struct sqlite_store *store, struct batch *batch,
                            struct store_view *view, struct fault *fault)
{
    const struct viewed *viewed = view->viewed;
    struct store_place place = {viewed->viewed_at_ms, batch->last_seq + 1};
    struct tail_entry *entries = store->entries + batch->entries;
    view->written = STORE_NEW;
    batch->last_seq++;
    batch->added++;
    batch->entries += sqlite_store_entries(&store->list_key, viewed->user_id,
                                           viewed->video_id, place, entries);
    if (viewed->video_id[0] == '\0')
        return RESULT_OK;
    size_t video =
        viewed->user_id[0] != '\0' ? 2 : 1; /* see sqlite_store_entries() */
    return sqlite_store_note_video(store, viewed->video_id, entries[video].list,
                                   fault);
}

/* Inserts STORE_VIEWS_AT_ONCE views, or one; *ret_inserted: how many of them
 * were not known. */
static enum result insert_rows(struct sqlite_store *store, int64_t after_seq,
                               struct store_view *const *views, size_t count,
                               size_t *ret_inserted, struct fault *fault)
{
    sqlite3_stmt *insert =
        count == 1 ? store->insert_view : store->insert_views;
    for (size_t i = 0; i < count; i++)
        bind_view(insert, (int)i * VIEW_PARAMETERS, after_seq + 1 + (int64_t)i,
                  views[i], store->restoring);
    enum result result =
        sqlite_store_step(store, insert, "cannot store", fault);
    *ret_inserted = (size_t)sqlite3_changes(sqlite_db_handle(store->db));
    return result;
}

static enum result insert_singly(struct sqlite_store *store,
                                 struct batch *batch,
                                 struct store_view *const *views, size_t count,
                                 struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        size_t inserted;
        enum result result =
            insert_rows(store, batch->last_seq, &views[i], 1, &inserted, fault);
        if (result != RESULT_OK)
            return result;
        if (inserted == 1)
            result = note_new(store, batch, views[i], fault);
        else
            views[i]->written = STORE_KNOWN;
        if (result != RESULT_OK)
            return result;
    }
    return RESULT_OK;
}

static enum result take_back(struct sqlite_store *store, int64_t after_seq,
                             struct fault *fault)
{
    sqlite3_bind_int64(store->delete_views, 1, after_seq);
    return sqlite_store_step(store, store->delete_views, "cannot take back",
                             fault);
}

/*
 * STORE_VIEWS_AT_ONCE views in one statement, which saves an eighth of all the
 * work of a view. It tells only how many ids were known; where that is some
 * but not all, its rows are taken back and inserted one by one, so that a
 * known id uses up no seq.
 */
static enum result insert_together(struct sqlite_store *store,
                                   struct batch *batch,
                                   struct store_view *const *views,
                                   struct fault *fault)
{
    size_t inserted;
    enum result result = insert_rows(store, batch->last_seq, views,
                                     STORE_VIEWS_AT_ONCE, &inserted, fault);
    if (result != RESULT_OK)
        return result;
    if (inserted > 0 && inserted < STORE_VIEWS_AT_ONCE) {
        result = take_back(store, batch->last_seq, fault);
        return result == RESULT_OK ? insert_singly(store, batch, views,
                                                   STORE_VIEWS_AT_ONCE, fault)
                                   : result;
    }
    for (size_t i = 0; i < STORE_VIEWS_AT_ONCE && result == RESULT_OK; i++)
        if (inserted > 0)
            result = note_new(store, batch, views[i], fault);
        else
            views[i]->written = STORE_KNOWN;
    return result;
}

static enum erased_why why_refused(const struct sqlite_store *store,
                                   const struct viewed *viewed)
{
    if (store->erased.count == 0)
        return ERASED_NOT;
    struct erased_question question = {
        .user_id = viewed->user_id,
        .user_id_bytes = strlen(viewed->user_id),
        .time_given = viewed->time_given,
        .viewed_at_ms = viewed->viewed_at_ms,
    };
    return erased_set_why(&store->erased, &question);
}

/* STORE_KNOWN: it may be inserted. */
static enum result check_wanted(struct sqlite_store *store,
                                const struct store_view *view,
                                enum store_written *ret, struct fault *fault)
{
    bool is_removed = false;
    enum result result = RESULT_OK;
    enum erased_why why = why_refused(store, view->viewed);
    *ret = STORE_KNOWN;
    if (why != ERASED_NOT)
        *ret = why == ERASED_USER ? STORE_ERASED : STORE_PAUSED;
    else if (sqlite_store_expired(store, view->viewed, view->received_ms))
        *ret = STORE_EXPIRED;
    else if (store->removed_bits != NULL)
        result = sqlite_store_removed_has(store, &view->viewed->id, &is_removed,
                                          fault);
    if (is_removed)
        *ret = STORE_REMOVED;
    return result;
}

/* All but those that are not wanted. */
static enum result insert_all(struct sqlite_store *store, struct batch *batch,
                              struct store_view *views, size_t count,
                              struct fault *fault)
{
    struct store_view *taken[STORE_VIEWS_AT_ONCE];
    size_t taken_count = 0;
    enum result result = RESULT_OK;
    for (size_t i = 0; i < count && result == RESULT_OK; i++) {
        result = check_wanted(store, &views[i], &views[i].written, fault);
        if (result != RESULT_OK || views[i].written != STORE_KNOWN)
            continue;
        taken[taken_count++] = &views[i];
        if (taken_count == STORE_VIEWS_AT_ONCE) {
            result = insert_together(store, batch, taken, fault);
            taken_count = 0;
        }
    }
    return result == RESULT_OK
               ? insert_singly(store, batch, taken, taken_count, fault)
               : result;
}

/* The tail is made ready before the commit, so that nothing can fail after
 * it. */
static enum result stage(struct sqlite_store *store, const struct batch *batch,
                         struct fault *fault)
{
    if (batch->added == 0)
        return RESULT_OK;
    if (!tail_stage_add(store->tail, store->entries, batch->entries,
                        batch->last_seq))
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    sqlite3_bind_int64(store->add_views, 1, batch->added);
    return sqlite_store_step(store, store->add_views, "cannot count", fault);
}

static enum result set_contained(struct sqlite_store *store,
                                 const struct store_contained *contained,
                                 struct fault *fault)
{
    if (contained == NULL)
        return RESULT_OK;
    sqlite3_bind_int64(store->set_contained, 1, contained->offset);
    sqlite3_bind_int64(store->set_contained, 2, contained->hash);
    return sqlite_store_step(store, store->set_contained,
                             "cannot note the offset", fault);
}

static enum result write_batch(struct sqlite_store *store, struct batch *batch,
                               struct store_view *views, size_t count,
                               struct fault *fault)
{
    enum result result = sqlite_store_begin(store, fault);
    if (result == RESULT_OK && store->restoring)
        result = sqlite_store_removed_drop(store, &views->viewed->id, fault);
    if (result == RESULT_OK)
        result = insert_all(store, batch, views, count, fault);
    if (result == RESULT_OK && batch->import != NULL && batch->added > 0)
        result = sqlite_store_import_note(
            store, batch->import, store->last_seq + 1, batch->last_seq, fault);
    if (result == RESULT_OK)
        result = stage(store, batch, fault);
    if (result == RESULT_OK)
        result = sqlite_store_merge_owed(store, (size_t)batch->added,
                                         &batch->merged, fault);
    if (result == RESULT_OK)
        result = set_contained(store, batch->contained, fault);
    if (result == RESULT_OK)
        result = sqlite_store_commit(store, fault);
    return result;
}

/* store->entries are sorted by list by now: equal ones stand together. */
static void publish(struct sqlite_store *store, const struct batch *batch)
{
    list_changes_begin(&store->changes);
    tail_publish(store->tail);
    for (size_t i = 0; i < batch->entries; i++)
        if (i == 0 || store->entries[i].list != store->entries[i - 1].list)
            list_changes_raise(&store->changes, store->entries[i].list);
    list_changes_end(&store->changes);
}

enum result sqlite_store_write(struct store *base, struct store_view *views,
                               size_t count, struct fault *fault)
{
    return sqlite_store_write_contained(base, views, count, NULL, fault);
}

static enum result write_views(struct sqlite_store *store, struct batch *batch,
                               struct store_view *views, size_t count,
                               struct fault *fault)
{
    enum result result = RESULT_OK;
    if (sqlite_store_checkpoint_overdue(store))
        result = sqlite_store_checkpoint(store, fault);
    if (result == RESULT_OK)
        result = sqlite_store_merge_prepare(store, fault);
    if (result != RESULT_OK)
        return result;
    batch->last_seq = store->last_seq;
    result = write_batch(store, batch, views, count, fault);
    if (result != RESULT_OK) {
        sqlite_store_rollback(store);
        tail_unstage(store->tail);
        sqlite_store_forget_noted_videos(store);
        return result;
    }
    store->merged = batch->merged;
    if (batch->added > 0) {
        publish(store, batch);
        store->last_seq = batch->last_seq;
        atomic_fetch_add(&store->views, batch->added);
        atomic_store(&store->shown_seq, batch->last_seq);
    }
    return RESULT_OK;
}

enum result sqlite_store_write_restored(struct sqlite_store *store,
                                        struct store_view *view,
                                        struct fault *fault)
{
    struct batch batch = {.contained = NULL};
    store->restoring = true;
    enum result result = write_views(store, &batch, view, 1, fault);
    store->restoring = false;
    return result;
}

static enum result check_count(size_t count, struct fault *fault)
{
    return count <= STORE_BATCH_MAX
               ? RESULT_OK
               : fault_set(fault, RESULT_MALFORMED,
                           "a batch has at most %d views, not %zu",
                           STORE_BATCH_MAX, count);
}

enum result sqlite_store_write_imported(struct sqlite_store *store,
                                        const char *import,
                                        struct store_view *views, size_t count,
                                        struct fault *fault)
{
    struct batch batch = {.import = import};
    enum result result = check_count(count, fault);
    return result == RESULT_OK ? write_views(store, &batch, views, count, fault)
                               : result;
}

enum result sqlite_store_write_contained(
    struct store *base, struct store_view *views, size_t count,
    const struct store_contained *contained, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    enum result checked = check_count(count, fault);
    if (checked != RESULT_OK)
        return checked;
    struct batch batch = {.contained = contained};
    enum result result = write_views(store, &batch, views, count, fault);
    if (result == RESULT_OK && contained != NULL) {
        store->contained = *contained;
        atomic_store(&store->shown_offset, contained->offset);
    }
    return result;
}
