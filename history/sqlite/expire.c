#include <string.h>

#include "clock.h"
#include "list_key.h"
#include "sqlite_parts.h"

enum {
    DAY_MS = 24 * 60 * 60 * 1000,
    EVERY_MS = 10 * 60 * 1000, /* short beside a day */
};

static void finalize(sqlite3_stmt **statement)
{
    (void)sqlite3_finalize(*statement); /* repeats the last step's error */
}

/* --- to ask and to set ---------------------------------------------------- */

void sqlite_store_expiry_close(struct sqlite_store *store)
{
    keep_days_done(&store->expiry.keep);
}

enum result sqlite_store_expiry_open(struct sqlite_store *store,
                                     struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    struct keep_days *keep = &store->expiry.keep;
    enum result r = sqlite_db_prepare(
        store->db, "SELECT user_id, keep_days FROM retention", &rows, fault);
    int code = SQLITE_DONE;
    while (r == RESULT_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        if (!keep_days_reserve(keep))
            r = fault_set(fault, RESULT_UNAVAILABLE, "no memory");
        else
            keep_days_set(keep, (const char *)sqlite3_column_text(rows, 0),
                          (uint32_t)sqlite3_column_int(rows, 1));
    }
    return r == RESULT_OK && code != SQLITE_DONE
               ? sqlite_store_fault(store, "cannot read what is kept", fault)
               : r;
}

bool sqlite_store_expired(const struct sqlite_store *store,
                          const struct viewed *viewed, int64_t received_ms)
{
    return keep_days_expired(&store->expiry.keep, viewed, received_ms);
}

uint32_t sqlite_store_keep_days(const struct store *base, const char *user_id)
{
    return keep_days_of(&sqlite_store_of_const(base)->expiry.keep, user_id);
}

static enum result write_rule(struct sqlite_store *store, const char *user_id,
                              uint32_t days, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *write = NULL;
    enum result r = sqlite_db_prepare(
        store->db,
        days == 0 ? "DELETE FROM retention WHERE user_id = ?1"
                  : "INSERT INTO retention (user_id, keep_days) VALUES (?1, ?2)"
                    " ON CONFLICT DO UPDATE SET keep_days = excluded.keep_days",
        &write, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_text(write, 1, user_id, -1, SQLITE_STATIC);
    if (days > 0)
        sqlite3_bind_int64(write, 2, days);
    return sqlite_store_step(store, write, "cannot note how long to keep",
                             fault);
}

static void begin_round(struct store_expiry *expiry)
{
    expiry->phase = STORE_EXPIRY_WAIT;
    expiry->next_ms = 0;
}

enum result sqlite_store_set_keep_days(struct store *base, const char *user_id,
                                       uint32_t days, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct keep_days *keep = &store->expiry.keep;
    if (days > STORE_KEEP_DAYS_MAX)
        return fault_set(fault, RESULT_MALFORMED, "days are 1 to %d",
                         STORE_KEEP_DAYS_MAX);
    if (sqlite_store_keep_days(base, user_id) == days)
        return RESULT_OK;
    if (user_id[0] != '\0' && days > 0 && keep_days_of(keep, user_id) == 0 &&
        keep->count >= STORE_KEEP_USERS_MAX)
        return fault_set(fault, RESULT_LIMIT,
                         "%d users have days of their own already",
                         STORE_KEEP_USERS_MAX);
    if (!keep_days_reserve(keep))
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    enum result r = write_rule(store, user_id, days, fault);
    if (r != RESULT_OK)
        return r;
    keep_days_set(keep, user_id, days);
    begin_round(&store->expiry);
    return RESULT_OK;
}

enum result sqlite_store_keep_all(struct store *base, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    enum result r = sqlite_db_run(store->db, "DELETE FROM retention", fault);
    if (r == RESULT_OK)
        keep_days_clear(&store->expiry.keep);
    return r;
}

/* --- an erased user's ----------------------------------------------------- */

enum result sqlite_store_forget_keep_days(struct sqlite_store *store,
                                          const struct erased_user *user,
                                          struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *rows = NULL;
    char user_id[VIEWED_USER_BYTES_MAX + 1] = "";
    if (!keep_days_has(&store->expiry.keep, user))
        return RESULT_OK;
    enum result r = sqlite_db_prepare(
        store->db, "SELECT user_id FROM retention WHERE user_id <> ''", &rows,
        fault);
    int code = SQLITE_DONE;
    while (r == RESULT_OK && user_id[0] == '\0' &&
           (code = sqlite3_step(rows)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(rows, 0);
        struct erased_user here = erased_user_of(text, strlen(text));
        if (memcmp(here.hash, user->hash, sizeof user->hash) == 0)
            strncpy(user_id, text, sizeof user_id - 1);
    }
    if (r == RESULT_OK && code != SQLITE_DONE && code != SQLITE_ROW)
        r = sqlite_store_fault(store, "cannot read what is kept", fault);
    return r == RESULT_OK && user_id[0] != '\0'
               ? write_rule(store, user_id, 0, fault)
               : r;
}

void sqlite_store_forgot_keep_days(struct sqlite_store *store,
                                   const struct erased_user *user)
{
    keep_days_forget(&store->expiry.keep, user);
}

/* --- a round: the rules one by one, then the names of videos -------------- */

bool sqlite_store_expiry_due(const struct sqlite_store *store)
{
    const struct store_expiry *expiry = &store->expiry;
    if (expiry->phase != STORE_EXPIRY_WAIT)
        return true;
    return keep_days_any(&expiry->keep) &&
           clock_monotonic_ms() >= expiry->next_ms;
}

static enum result next_rule(struct sqlite_store *store, struct fault *fault)
{
    CLEANUP(finalize) sqlite3_stmt *next = NULL;
    struct store_expiry *expiry = &store->expiry;
    enum result r = sqlite_db_prepare(
        store->db,
        expiry->any_rule
            ? "SELECT user_id, keep_days FROM retention WHERE user_id > ?1"
              " ORDER BY user_id LIMIT 1"
            : "SELECT user_id, keep_days FROM retention"
              " ORDER BY user_id LIMIT 1",
        &next, fault);
    if (r != RESULT_OK)
        return r;
    if (expiry->any_rule)
        sqlite3_bind_text(next, 1, expiry->user_id, -1, SQLITE_STATIC);
    int code = sqlite3_step(next);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return sqlite_store_fault(store, "cannot read what is kept", fault);
    expiry->phase =
        code == SQLITE_ROW ? STORE_EXPIRY_DELETE : STORE_EXPIRY_VIDEOS;
    if (code == SQLITE_ROW) {
        char user_id[VIEWED_USER_BYTES_MAX + 1] = "";
        strncpy(user_id, (const char *)sqlite3_column_text(next, 0),
                sizeof user_id - 1);
        memcpy(expiry->user_id, user_id, sizeof user_id);
        expiry->rule_ms = sqlite3_column_int64(next, 1) * DAY_MS;
        expiry->after = (struct store_place){INT64_MIN, INT64_MIN};
        expiry->any_rule = true;
    }
    return RESULT_OK;
}

static enum result delete_some(struct sqlite_store *store, struct fault *fault)
{
    struct store_expiry *expiry = &store->expiry;
    const char *user_id = expiry->user_id[0] != '\0' ? expiry->user_id : NULL;
    struct store_deletion deletion = {
        .user_id = user_id,
        .until_ms = clock_now_ms() - expiry->rule_ms - 1,
        .after = expiry->after,
    };
    bool more = false;
    enum result r = RESULT_OK;
    if (list_key(&store->list_key, user_id, NULL, &deletion.list))
        r = sqlite_store_delete_some(store, &deletion, &more, fault);
    if (r != RESULT_OK)
        return r;
    expiry->after = deletion.after;
    expiry->has_deleted = expiry->has_deleted || deletion.views > 0;
    if (!more)
        expiry->phase = STORE_EXPIRY_NEXT_RULE;
    return RESULT_OK;
}

static enum result forget_videos(struct sqlite_store *store,
                                 struct fault *fault)
{
    struct store_expiry *expiry = &store->expiry;
    bool more = false;
    enum result r = RESULT_OK;
    if (expiry->has_deleted)
        r = sqlite_store_videos_forget_step(store, expiry->after_video, &more,
                                            fault);
    if (r != RESULT_OK || more)
        return r;
    expiry->phase = STORE_EXPIRY_WAIT;
    expiry->next_ms = clock_monotonic_ms() + EVERY_MS;
    return RESULT_OK;
}

static enum result merge(struct sqlite_store *store, struct fault *fault)
{
    struct store_expiry *expiry = &store->expiry;
    if (atomic_load(&store->mark) < expiry->merge_seq)
        return sqlite_store_merge_step(store, fault);
    expiry->phase = STORE_EXPIRY_NEXT_RULE;
    return RESULT_OK;
}

enum result sqlite_store_expire_step(struct sqlite_store *store,
                                     struct fault *fault)
{
    struct store_expiry *expiry = &store->expiry;
    switch (expiry->phase) {
    case STORE_EXPIRY_MERGE:
        return merge(store, fault);
    case STORE_EXPIRY_NEXT_RULE:
        return next_rule(store, fault);
    case STORE_EXPIRY_DELETE:
        return delete_some(store, fault);
    case STORE_EXPIRY_VIDEOS:
        return forget_videos(store, fault);
    case STORE_EXPIRY_WAIT:
    default:
        expiry->any_rule = false;
        expiry->has_deleted = false;
        expiry->after_video[0] = '\0';
        expiry->merge_seq = store->last_seq;
        expiry->phase = STORE_EXPIRY_MERGE;
        return RESULT_OK;
    }
}
