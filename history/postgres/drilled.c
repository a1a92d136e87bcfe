#include <stdio.h>
#include <string.h>

#include "postgres_parts.h"

static void close_at(struct postgres_db **db)
{
    postgres_db_close(*db);
}

enum result postgres_store_note_drilled(const char *path, const char *line,
                                        struct fault *fault)
{
    CLEANUP(close_at) struct postgres_db *db = NULL;
    struct postgres_values values = {0};
    postgres_text(&values, line);
    enum result r =
        postgres_db_open(path, NULL, POSTGRES_ANSWER_MS, &db, fault);
    return r == RESULT_OK ? postgres_db_ask(db, "UPDATE store SET drilled = $1",
                                            &values, NULL, fault)
                          : r;
}

void postgres_show_drilled(struct postgres_store *store, const char *line)
{
    pthread_mutex_lock(&store->drilled_lock);
    (void)snprintf(store->drilled, sizeof store->drilled, "%s", line);
    pthread_mutex_unlock(&store->drilled_lock);
}

/* As of the last look: who asks must have an answer while the server is away.
 */
enum result postgres_store_drilled(struct store *base,
                                   char ret[STORE_DRILLED_BYTES],
                                   struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    pthread_mutex_lock(&store->drilled_lock);
    memcpy(ret, store->drilled, STORE_DRILLED_BYTES);
    pthread_mutex_unlock(&store->drilled_lock);
    return ret[0] != '\0'
               ? RESULT_OK
               : fault_set(fault, RESULT_NOT_FOUND, "there was no drill");
}
