#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "postgres_parts.h"

enum {
    WAIT_S = 5,
};

/* A page is always a walk along an index from where it begins: a plan that
 * sorts would cost more for a later page. One plan for all values, as planning
 * costs more than most pages. */
const char postgres_reader_setup[] =
    "SET statement_timeout = '20s'; SET lock_timeout = '5s';"
    "SET idle_in_transaction_session_timeout = '60s';"
    "SET default_transaction_read_only = on;"
    "SET plan_cache_mode = force_generic_plan; SET jit = off;"
    "SET enable_sort = off; SET enable_bitmapscan = off;"
    "SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0";

enum result postgres_readers_open(struct postgres_readers *readers,
                                  const char *url, unsigned count,
                                  struct fault *fault)
{
    pthread_condattr_t monotonic;
    readers->url = url;
    readers->all = calloc(count, sizeof *readers->all);
    if (readers->all == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    readers->count = count;
    pthread_mutex_init(&readers->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&readers->freed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    readers->made = true;
    for (size_t i = 0; i < count; i++) {
        readers->all[i].next_free = readers->first_free;
        readers->first_free = &readers->all[i];
    }
    return RESULT_OK;
}

void postgres_readers_close(struct postgres_readers *readers)
{
    if (!readers->made)
        return;
    for (size_t i = 0; i < readers->count; i++)
        postgres_db_close(readers->all[i].db);
    free(readers->all);
    pthread_mutex_destroy(&readers->lock);
    pthread_cond_destroy(&readers->freed);
    *readers = (struct postgres_readers){.made = false};
}

static struct postgres_reader *take_free(struct postgres_readers *readers)
{
    struct timespec until;
    int waited = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&readers->lock);
    while (readers->first_free == NULL && waited != ETIMEDOUT)
        waited =
            pthread_cond_timedwait(&readers->freed, &readers->lock, &until);
    struct postgres_reader *reader = readers->first_free;
    if (reader != NULL)
        readers->first_free = reader->next_free;
    pthread_mutex_unlock(&readers->lock);
    return reader;
}

enum result postgres_readers_take(struct postgres_readers *readers,
                                  struct postgres_reader **ret,
                                  struct fault *fault)
{
    struct postgres_reader *reader = take_free(readers);
    if (reader == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "all %zu readers were busy for %d s", readers->count,
                         WAIT_S);
    enum result r = RESULT_OK;
    if (reader->db == NULL)
        r = postgres_db_open(readers->url, postgres_reader_setup,
                             POSTGRES_ANSWER_MS, &reader->db, fault);
    if (r == RESULT_OK)
        *ret = reader;
    else
        postgres_readers_give(readers, reader);
    return r;
}

void postgres_readers_give(struct postgres_readers *readers,
                           struct postgres_reader *reader)
{
    pthread_mutex_lock(&readers->lock);
    reader->next_free = readers->first_free;
    readers->first_free = reader;
    pthread_cond_signal(&readers->freed);
    pthread_mutex_unlock(&readers->lock);
}
