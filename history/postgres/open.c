#include <stdlib.h>
#include <string.h>

#include "migrate_postgres.h"
#include "postgres_parts.h"

/*
 * Durable whatever the server's default is; and nobody waits for ever. Between
 * two statements of a transaction we take milliseconds, and tidying asks
 * something several times a second: who is idle for longer stands still, and
 * his locks are not to hold up the others, nor is he to lead. Less than
 * lock_timeout, so that who waits for him does not fail. (Servers before 14 do
 * not know idle_session_timeout.)
 */
static const char setup[] =
    "SET synchronous_commit = on; SET statement_timeout = '30s';"
    "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '5s';"
    "SELECT set_config('idle_session_timeout', '10s', false)"
    " WHERE current_setting('server_version_num')::integer >= 140000;"
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;"
    "SET tcp_keepalives_count = 3;"
    "SET plan_cache_mode = force_generic_plan; SET jit = off;"
    "SET max_parallel_workers_per_gather = 0";

enum {
    PARTS = 64, /* of `counts`, as the schema has them */
};

static enum result open_parts(struct postgres_store *store,
                              const struct store_config *config,
                              struct fault *fault)
{
    struct uuid random = uuid_make();
    store->part = random.bytes[15] % PARTS;
    store->url = strdup(config->path);
    store->claims = calloc(STORE_BATCH_MAX, sizeof *store->claims);
    if (store->url == NULL || store->claims == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    for (size_t i = 0; i < sizeof store->arrays / sizeof store->arrays[0]; i++)
        store->arrays[i].buffer = buffer_make(POSTGRES_BODY_BYTES_MAX);
    store->rows = buffer_make(POSTGRES_BODY_BYTES_MAX);
    postgres_write_pages(store);
    enum result r = postgres_db_open(store->url, setup, POSTGRES_ANSWER_MS,
                                     &store->db, fault);
    if (r == RESULT_OK)
        r = schema_migrate_postgres(store->db, fault);
    if (r == RESULT_OK)
        r = postgres_refresh(store, fault);
    return r == RESULT_OK ? postgres_readers_open(&store->readers, store->url,
                                                  config->readers, fault)
                          : r;
}

enum result postgres_store_open(const struct store_config *config,
                                struct store **ret, struct fault *fault)
{
    if (config->readers < 1 || config->readers > STORE_READERS_MAX)
        return fault_set(fault, RESULT_MALFORMED, "readers are 1 to %d",
                         STORE_READERS_MAX);
    struct postgres_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    pthread_mutex_init(&store->drilled_lock, NULL);
    enum result r = open_parts(store, config, fault);
    if (r == RESULT_OK)
        *ret = &store->base;
    else
        (void)postgres_store_close(&store->base, NULL);
    return r;
}

enum result postgres_store_close(struct store *base, struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    (void)fault; /* what was committed is on disk: there is nothing to fail */
    if (store == NULL)
        return RESULT_OK;
    postgres_readers_close(&store->readers);
    postgres_db_close(store->db);
    for (size_t i = 0; i < sizeof store->arrays / sizeof store->arrays[0]; i++)
        buffer_done(&store->arrays[i].buffer);
    buffer_done(&store->rows);
    erased_set_done(&store->erased);
    keep_days_done(&store->keep);
    free(store->claims);
    free(store->url);
    pthread_mutex_destroy(&store->drilled_lock);
    free(store);
    return RESULT_OK;
}

void postgres_store_stats(struct store *base, struct store_stats *ret)
{
    struct postgres_store *store = postgres_store_of(base);
    *ret = (struct store_stats){
        .views = atomic_load(&store->views),
        .merged_seq = atomic_load(&store->shown_place),
        .file_bytes = atomic_load(&store->bytes),
        .contained_offset = atomic_load(&store->shown_offset),
    };
}

/* PostgreSQL itself ends when a sync has failed, and recovers. */
bool postgres_store_sync_failed(const struct store *base)
{
    (void)base;
    return false;
}

/* Another process may change any list at any time. */
bool postgres_store_version(struct store *base, const struct store_query *query,
                            uint64_t *ret)
{
    (void)base;
    (void)query;
    *ret = 0;
    return false;
}

struct store_contained postgres_store_contained(const struct store *base)
{
    return postgres_const_store_of(base)->contained;
}

/* A page waits for the server, and meanwhile the core is free. */
unsigned postgres_store_readers_default(const char *path)
{
    (void)path;
    return 16;
}

bool postgres_store_is_in_file(const char *path)
{
    (void)path;
    return false;
}

bool postgres_store_can_be_shared(const char *path)
{
    (void)path;
    return true;
}

enum result postgres_store_refresh(struct store *base, struct fault *fault)
{
    return postgres_refresh(postgres_store_of(base), fault);
}

bool postgres_store_leads(struct store *base)
{
    return atomic_load(&postgres_store_of(base)->leads);
}

/* What others commit is shown to live readers at most this much later. */
int64_t postgres_store_shared_poll_ms(const struct store *base)
{
    (void)base;
    return 50;
}
