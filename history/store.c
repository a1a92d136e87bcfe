#include <string.h>

#include "store_engine.h"

enum result store_open(const struct store_config *config, struct store **ret,
                       struct fault *fault)
{
    const struct store_engine *engine = store_engine_of(config->path);
    enum result r = engine->open(config, ret, fault);
    if (r == RESULT_OK)
        (*ret)->engine = engine;
    return r;
}

enum result store_close(struct store *store, struct fault *fault)
{
    return store != NULL ? store->engine->close(store, fault) : RESULT_OK;
}

enum result store_write(struct store *store, struct store_view *views,
                        size_t count, struct fault *fault)
{
    return store->engine->write(store, views, count, fault);
}

enum result store_write_contained(struct store *store, struct store_view *views,
                                  size_t count,
                                  const struct store_contained *contained,
                                  struct fault *fault)
{
    return store->engine->write_contained(store, views, count, contained,
                                          fault);
}

struct store_contained store_contained(const struct store *store)
{
    return store->engine->contained(store);
}

enum result store_tidy(struct store *store, bool quiet, bool *ret_more,
                       struct fault *fault)
{
    return store->engine->tidy(store, quiet, ret_more, fault);
}

static enum result check_limit(uint32_t limit, struct fault *fault)
{
    return limit >= 1 && limit <= STORE_PAGE_ROWS_MAX
               ? RESULT_OK
               : fault_set(fault, RESULT_MALFORMED, "limit is 1 to %d",
                           STORE_PAGE_ROWS_MAX);
}

static enum result check_query(const struct store_query *query,
                               struct fault *fault)
{
    enum result r = check_limit(query->limit, fault);
    if (r == RESULT_OK && query->skip > STORE_SKIP_MAX)
        r = fault_set(fault, RESULT_MALFORMED, "skip is 0 to %d",
                      STORE_SKIP_MAX);
    if (r == RESULT_OK && query->count && query->session_given)
        r = fault_set(fault, RESULT_MALFORMED,
                      "the rows of a session are not counted");
    if (r == RESULT_OK && query->skip > 0 && query->after_given)
        r = fault_set(fault, RESULT_MALFORMED,
                      "a place and a skip exclude each other");
    return r;
}

enum result store_query(struct store *store, const struct store_query *query,
                        void (*row)(void *context, const struct store_row *row),
                        void *context, struct store_page *ret_page,
                        struct fault *fault)
{
    enum result r = check_query(query, fault);
    return r == RESULT_OK ? store->engine->query(store, query, row, context,
                                                 ret_page, fault)
                          : r;
}

bool store_version(struct store *store, const struct store_query *query,
                   uint64_t *ret)
{
    return store->engine->version(store, query, ret);
}

enum result store_find(struct store *store, const struct uuid *id,
                       void (*row)(void *context, const struct store_row *row),
                       void *context, struct fault *fault)
{
    return store->engine->find(store, id, row, context, fault);
}

void store_stats(struct store *store, struct store_stats *ret)
{
    store->engine->stats(store, ret);
}

bool store_sync_failed(const struct store *store)
{
    return store->engine->sync_failed(store);
}

unsigned store_readers_default(const char *path)
{
    return store_engine_of(path)->readers_default(path);
}

bool store_is_in_file(const char *path)
{
    return store_engine_of(path)->is_in_file(path);
}

bool store_can_be_shared(const char *path)
{
    return store_engine_of(path)->can_be_shared(path);
}

void store_shown_name(const char *path, char *ret, size_t ret_bytes)
{
    store_engine_of(path)->shown_name(path, ret, ret_bytes);
}

enum result store_refresh(struct store *store, struct fault *fault)
{
    return store->engine->refresh(store, fault);
}

bool store_leads(struct store *store)
{
    return store->engine->leads(store);
}

int64_t store_shared_poll_ms(const struct store *store)
{
    return store->engine->shared_poll_ms(store);
}

enum result store_videos(struct store *store, uint32_t most,
                         void (*each)(void *context, const char *video_id,
                                      size_t bytes),
                         void *context, bool *ret_more, struct fault *fault)
{
    return store->engine->videos(store, most, each, context, ret_more, fault);
}

enum result store_changes(struct store *store,
                          const struct store_changes_query *query,
                          const struct store_changes_taker *taker,
                          struct store_changes_page *ret, struct fault *fault)
{
    enum result r = check_limit(query->limit, fault);
    return r == RESULT_OK
               ? store->engine->changes(store, query, taker, ret, fault)
               : r;
}

enum result store_drilled(struct store *store, char ret[STORE_DRILLED_BYTES],
                          struct fault *fault)
{
    return store->engine->drilled(store, ret, fault);
}

enum result store_dismiss(struct store *store, const char *user_id,
                          const char *video, int64_t until_ms,
                          struct fault *fault)
{
    struct store_dismissal one = {
        .user = erased_user_of(user_id, strlen(user_id)),
        .video = video,
        .until_ms = until_ms,
    };
    return store_dismiss_all(store, &one, 1, fault);
}

enum result store_dismiss_all(struct store *store,
                              const struct store_dismissal *all, size_t count,
                              struct fault *fault)
{
    return store->engine->dismiss_all(store, all, count, fault);
}

enum result store_undismiss(struct store *store, const char *user_id,
                            const char *video, struct fault *fault)
{
    return store->engine->undismiss(store, user_id, video, fault);
}

enum result store_dismissed(struct store *store, const char *user_id,
                            void (*each)(void *context, const char *video,
                                         size_t video_bytes, int64_t until_ms),
                            void *context, struct fault *fault)
{
    return store->engine->dismissed(store, user_id, each, context, fault);
}
