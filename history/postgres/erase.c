#include "store_erase.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "postgres_parts.h"

const struct erased_set *postgres_store_erased(const struct store *base)
{
    return &postgres_const_store_of(base)->erased;
}

static struct erased_user user_of(const char *user_id)
{
    return erased_user_of(user_id, strlen(user_id));
}

/* --- the tombstone -------------------------------------------------------- */

/* The user's latest view, here or removed. In the transaction that is open. */
static enum result find_latest(struct postgres_store *store,
                               struct store_erasure *erasure,
                               struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    struct erased_user user = user_of(erasure->user_id);
    postgres_text(&values, erasure->user_id);
    postgres_bytes(&values, user.hash, sizeof user.hash);
    postgres_integer(&values, erasure->until_ms);
    enum result r = postgres_db_ask(
        store->db,
        "SELECT greatest($3,"
        " (SELECT viewed_at_ms FROM views WHERE user_id = $1"
        " ORDER BY viewed_at_ms DESC LIMIT 1),"
        " (SELECT max(ahead_ms) FROM removed WHERE user_hash = $2))",
        &values, &rows, fault);
    if (r == RESULT_OK)
        erasure->until_ms = postgres_integer_at(&rows, 0, 0);
    return r;
}

/* A user's days have the name beside them, and not the hash. */
static enum result forget_days(struct postgres_store *store,
                               const struct erased_user *user,
                               struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = RESULT_OK;
    if (store->keep.count > 0)
        r = postgres_db_ask(store->db,
                            "SELECT user_id FROM retention WHERE user_id <> ''",
                            NULL, &rows, fault);
    for (int i = 0; i < rows.count && r == RESULT_OK; i++) {
        const char *user_id = postgres_text_at(&rows, i, 0, NULL);
        struct erased_user here = user_of(user_id);
        struct postgres_values values = {0};
        if (memcmp(here.hash, user->hash, sizeof here.hash) != 0)
            continue;
        postgres_text(&values, user_id);
        r = postgres_do(store, "DELETE FROM retention WHERE user_id = $1",
                        &values, fault);
    }
    return r;
}

/* What else there is about the user. In the transaction that is open. */
static enum result forget_user(struct postgres_store *store,
                               const struct erased_user *user,
                               struct fault *fault)
{
    static const char *const sql[] = {
        "DELETE FROM dismissed WHERE user_hash = $1",
        "DELETE FROM taken_back WHERE user_hash = $1",
        ("DELETE FROM ids USING removed WHERE removed.user_hash = $1"
         " AND ids.id = removed.id"),
        "DELETE FROM removed WHERE user_hash = $1",
    };
    struct postgres_values values = {0};
    enum result r = RESULT_OK;
    postgres_bytes(&values, user->hash, sizeof user->hash);
    for (size_t i = 0; i < sizeof sql / sizeof sql[0] && r == RESULT_OK; i++)
        r = postgres_do(store, sql[i], &values, fault);
    return r == RESULT_OK ? forget_days(store, user, fault) : r;
}

/* In the transaction that is open. */
static enum result write_tombstone(struct postgres_store *store,
                                   const struct erased_entry *entry,
                                   const char *pending_user_id,
                                   struct fault *fault)
{
    struct postgres_values values = {0};
    postgres_bytes(&values, entry->user.hash, sizeof entry->user.hash);
    postgres_integer(&values, entry->until_ms);
    postgres_text(&values, pending_user_id);
    enum result r =
        postgres_do(store,
                    "INSERT INTO erased (user_hash, until_ms, pending_user_id)"
                    " VALUES ($1, $2, $3) ON CONFLICT (user_hash) DO UPDATE SET"
                    " until_ms = greatest(erased.until_ms, excluded.until_ms),"
                    " pending_user_id = excluded.pending_user_id",
                    &values, fault);
    return r == RESULT_OK ? forget_user(store, &entry->user, fault) : r;
}

static enum result end_rules(struct postgres_store *store, enum result r,
                             struct fault *fault)
{
    if (r == RESULT_OK)
        r = postgres_raise_rules(store, fault);
    r = postgres_end(store, r, fault);
    return r == RESULT_OK ? postgres_refresh(store, fault) : r;
}

/* Every batch is before this or knows of it: see postgres_parts.h. */
static enum result note(struct postgres_store *store,
                        struct store_erasure *erasure, struct fault *fault)
{
    enum result r = postgres_begin(store, POSTGRES_RULE, fault);
    if (r != RESULT_OK)
        return r;
    r = find_latest(store, erasure, fault);
    struct erased_entry entry = {
        .user = user_of(erasure->user_id),
        .from_ms = ERASED_FROM_EVER,
        .until_ms = erasure->until_ms,
    };
    if (r == RESULT_OK)
        r = write_tombstone(store, &entry, erasure->user_id, fault);
    return end_rules(store, r, fault);
}

/* --- the steps ------------------------------------------------------------ */

static enum result forget_pending(struct postgres_store *store,
                                  const struct store_erasure *erasure,
                                  struct fault *fault)
{
    struct erased_user user = user_of(erasure->user_id);
    struct postgres_values values = {0};
    postgres_bytes(&values, user.hash, sizeof user.hash);
    return postgres_do(
        store, "UPDATE erased SET pending_user_id = NULL WHERE user_hash = $1",
        &values, fault);
}

static enum result delete_step(struct postgres_store *store,
                               struct store_erasure *erasure,
                               struct fault *fault)
{
    bool more = false;
    enum result r =
        postgres_delete_some(store, erasure->user_id, erasure->until_ms,
                             &erasure->views, &more, fault);
    if (r == RESULT_OK && !more)
        r = forget_pending(store, erasure, fault);
    if (r == RESULT_OK && !more)
        erasure->phase = STORE_ERASE_OVERWRITE;
    return r;
}

enum result postgres_store_erase_step(struct store *base,
                                      struct store_erasure *erasure,
                                      bool *ret_more, struct fault *fault)
{
    struct postgres_store *store = postgres_store_of(base);
    enum result r;
    *ret_more = true;
    switch (erasure->phase) {
    case STORE_ERASE_MERGE:
    case STORE_ERASE_NOTE:
        r = note(store, erasure, fault);
        if (r == RESULT_OK)
            erasure->phase = STORE_ERASE_DELETE;
        return r;
    case STORE_ERASE_DELETE:
        return delete_step(store, erasure, fault);
    case STORE_ERASE_VIDEOS:
    case STORE_ERASE_OVERWRITE:
    default:
        /* Its pages and its WAL are the server's: VACUUM lets them be written
         * over, in its time. */
        erasure->overwritten = false;
        *ret_more = false;
        return RESULT_OK;
    }
}

/* --- what another service has left ---------------------------------------- */

enum {
    LOOK_EVERY_MS = 10 * 1000,
};

/* One that was there at the last look, too, goes on here. Its service may live
 * and only be slow: two may erase a user at once. */
static enum result look_for_left(struct postgres_store *store,
                                 struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_left *left = &store->left;
    enum result r = postgres_db_ask(
        store->db,
        "SELECT pending_user_id, until_ms FROM erased"
        " WHERE pending_user_id IS NOT NULL ORDER BY user_hash LIMIT 1",
        NULL, &rows, fault);
    if (r != RESULT_OK)
        return r;
    const char *user_id =
        rows.count > 0 ? postgres_text_at(&rows, 0, 0, NULL) : "";
    left->going_on = rows.count > 0 && strcmp(user_id, left->user_id) == 0;
    left->until_ms = rows.count > 0 ? postgres_integer_at(&rows, 0, 1) : 0;
    memset(left->user_id, 0, sizeof left->user_id);
    strncpy(left->user_id, user_id, sizeof left->user_id - 1);
    left->next_ms = clock_monotonic_ms() + LOOK_EVERY_MS;
    return RESULT_OK;
}

enum result postgres_end_erasures(struct postgres_store *store, bool *ret_more,
                                  struct fault *fault)
{
    struct postgres_left *left = &store->left;
    struct store_erasure erasure = {.until_ms = left->until_ms};
    enum result r = RESULT_OK;
    if (!left->going_on && clock_monotonic_ms() >= left->next_ms)
        r = look_for_left(store, fault);
    *ret_more = r == RESULT_OK && left->going_on;
    if (!*ret_more)
        return r;
    erasure.phase = STORE_ERASE_DELETE;
    memcpy(erasure.user_id, left->user_id, sizeof erasure.user_id);
    r = delete_step(store, &erasure, fault);
    if (r != RESULT_OK || erasure.phase != STORE_ERASE_DELETE) {
        left->going_on = *ret_more = false;
        left->user_id[0] = '\0';
    }
    return r;
}

/* --- at start ------------------------------------------------------------- */

static enum result erase_all(struct postgres_store *store, const char *user_id,
                             int64_t *views, struct fault *fault)
{
    struct store_erasure erasure = {.phase = STORE_ERASE_DELETE};
    struct erased_user user = user_of(user_id);
    const struct erased_entry *entry =
        erased_set_find(&store->erased, &user, ERASED_FROM_EVER);
    bool more = entry != NULL;
    enum result r = RESULT_OK;
    strncpy(erasure.user_id, user_id, sizeof erasure.user_id - 1);
    erasure.until_ms = entry != NULL ? entry->until_ms : 0;
    while (r == RESULT_OK && more)
        r = postgres_store_erase_step(&store->base, &erasure, &more, fault);
    *views += erasure.views;
    return r;
}

enum result postgres_store_erase_resume(struct store *base, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_store *store = postgres_store_of(base);
    int64_t views = 0;
    enum result r = postgres_db_ask(store->db,
                                    "SELECT pending_user_id FROM erased"
                                    " WHERE pending_user_id IS NOT NULL",
                                    NULL, &rows, fault);
    for (int i = 0; i < rows.count && r == RESULT_OK; i++)
        r = erase_all(store, postgres_text_at(&rows, i, 0, NULL), &views,
                      fault);
    return r;
}

/* Those that the store does not have yet, or otherwise; tombstones among them
 * are also in ret_new. Of a pause nothing was stored. */
static enum result import_new(struct postgres_store *store,
                              const struct erased_set *set,
                              struct erased_set *ret_new, struct fault *fault)
{
    enum result r = postgres_begin(store, POSTGRES_RULE, fault);
    if (r != RESULT_OK)
        return r;
    for (size_t i = 0; i < set->count && r == RESULT_OK; i++) {
        const struct erased_entry *entry = &set->entries[i];
        if (erased_set_covers(&store->erased, entry))
            continue;
        r = erased_is_pause(entry) ? postgres_write_pause(store, entry, fault)
                                   : write_tombstone(store, entry, NULL, fault);
        if (r == RESULT_OK && !erased_is_pause(entry) &&
            !erased_set_add(ret_new, entry))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    return end_rules(store, r, fault);
}

static bool any_new(const struct postgres_store *store,
                    const struct erased_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        if (!erased_set_covers(&store->erased, &set->entries[i]))
            return true;
    return false;
}

/* Each user that has views, along the index. */
static const char users_after[] =
    "SELECT user_id FROM views WHERE user_id > $1 ORDER BY user_id LIMIT 1";

static enum result next_user(struct postgres_store *store,
                             char user_id[VIEWED_USER_BYTES_MAX + 1],
                             bool *ret_found, struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    struct postgres_values values = {0};
    postgres_text(&values, user_id);
    enum result r =
        postgres_db_ask(store->db, users_after, &values, &rows, fault);
    *ret_found = r == RESULT_OK && rows.count > 0;
    if (*ret_found) {
        const char *found = postgres_text_at(&rows, 0, 0, NULL);
        memset(user_id, 0, VIEWED_USER_BYTES_MAX + 1);
        strncpy(user_id, found, VIEWED_USER_BYTES_MAX);
    }
    return r;
}

enum result postgres_store_erase_import(struct store *base,
                                        const struct erased_set *set,
                                        int64_t *ret_views, struct fault *fault)
{
    CLEANUP(erased_set_done) struct erased_set new_ones = {0};
    struct postgres_store *store = postgres_store_of(base);
    char user_id[VIEWED_USER_BYTES_MAX + 1] = "";
    bool found = true;
    *ret_views = 0;
    if (!any_new(store, set))
        return RESULT_OK;
    enum result r = import_new(store, set, &new_ones, fault);
    while (r == RESULT_OK && found && new_ones.count > 0) {
        r = next_user(store, user_id, &found, fault);
        struct erased_user user = user_of(user_id);
        if (r == RESULT_OK && found &&
            erased_set_find(&new_ones, &user, ERASED_FROM_EVER) != NULL)
            r = erase_all(store, user_id, ret_views, fault);
    }
    return r;
}
