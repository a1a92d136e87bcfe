#include "outbox_statements.h"

#include <string.h>

enum {
    FORGET_ROWS = 500, /* of one transaction, so that it stays short */
};

static enum result run(struct outbox_statements *s, sqlite3_stmt *statement,
                       const char *doing, struct fault *fault)
{
    int code = sqlite3_step(statement);
    enum result r =
        code == SQLITE_DONE ? RESULT_OK : sqlite_db_fault(s->db, doing, fault);
    /* The step's error is the one that counts; reset repeats it. */
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return r;
}

/* A bind that fails leaves NULL, which every column of ours refuses; so the
 * step reports it, and the binds need no checks of their own. */
static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    (void)sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static void bind_uuid(sqlite3_stmt *statement, int index,
                      const struct uuid *uuid)
{
    (void)sqlite3_bind_blob(statement, index, uuid->bytes, sizeof uuid->bytes,
                            SQLITE_STATIC);
}

enum result outbox_statements_prepare(struct outbox_statements *ret,
                                      struct sqlite_db *db, struct fault *fault)
{
    struct outbox_statements s = {.db = db};
    enum result r = sqlite_db_prepare(
        db,
        "INSERT INTO outbox (id, accepted_ms, viewed_at_ms, body)"
        " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING",
        &s.add, fault);
    if (r == RESULT_OK)
        r = sqlite_db_prepare(
            db,
            "INSERT INTO counted (viewer, video, session_id, active_ms)"
            " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (viewer, video) DO UPDATE"
            " SET session_id = excluded.session_id,"
            " active_ms = excluded.active_ms",
            &s.remember, fault);
    if (r == RESULT_OK)
        r = sqlite_db_prepare(db,
                              "UPDATE counted SET active_ms = ?3"
                              " WHERE viewer = ?1 AND video = ?2",
                              &s.touch, fault);
    if (r == RESULT_OK)
        r = sqlite_db_prepare(db, "DELETE FROM outbox WHERE seq = ?1",
                              &s.remove, fault);
    if (r == RESULT_OK)
        r = sqlite_db_prepare(
            db,
            "DELETE FROM counted WHERE (viewer, video) IN"
            " (SELECT viewer, video FROM counted WHERE active_ms < ?1"
            " LIMIT ?2)",
            &s.forget, fault);
    if (r != RESULT_OK) {
        outbox_statements_done(&s);
        return r;
    }
    *ret = s;
    return RESULT_OK;
}

void outbox_statements_done(struct outbox_statements *s)
{
    (void)sqlite3_finalize(s->add);
    (void)sqlite3_finalize(s->remember);
    (void)sqlite3_finalize(s->touch);
    (void)sqlite3_finalize(s->remove);
    (void)sqlite3_finalize(s->forget);
    *s = (struct outbox_statements){0};
}

enum result outbox_add(struct outbox_statements *s, const struct viewed *viewed,
                       int64_t now_ms, const char *body, size_t body_bytes,
                       struct fault *fault)
{
    bind_uuid(s->add, 1, &viewed->id);
    (void)sqlite3_bind_int64(s->add, 2, now_ms);
    (void)sqlite3_bind_int64(s->add, 3, viewed->viewed_at_ms);
    (void)sqlite3_bind_blob64(s->add, 4, body, body_bytes, SQLITE_STATIC);
    return run(s, s->add, "cannot add to the outbox", fault);
}

enum result outbox_remember(struct outbox_statements *s,
                            const struct viewed *viewed, int64_t now_ms,
                            struct fault *fault)
{
    bind_text(s->remember, 1, viewed->user_id);
    bind_text(s->remember, 2, viewed->video_id);
    bind_uuid(s->remember, 3, &viewed->session_id);
    (void)sqlite3_bind_int64(s->remember, 4, now_ms);
    return run(s, s->remember, "cannot remember a session", fault);
}

enum result outbox_touch_session(struct outbox_statements *s,
                                 const char *viewer, const char *video,
                                 int64_t now_ms, struct fault *fault)
{
    bind_text(s->touch, 1, viewer);
    bind_text(s->touch, 2, video);
    (void)sqlite3_bind_int64(s->touch, 3, now_ms);
    return run(s, s->touch, "cannot touch a session", fault);
}

enum result outbox_remove_row(struct outbox_statements *s, int64_t seq,
                              struct fault *fault)
{
    (void)sqlite3_bind_int64(s->remove, 1, seq);
    return run(s, s->remove, "cannot remove from the outbox", fault);
}

enum result outbox_forget(struct outbox_statements *s, int64_t before_ms,
                          bool *ret_more, struct fault *fault)
{
    (void)sqlite3_bind_int64(s->forget, 1, before_ms);
    (void)sqlite3_bind_int(s->forget, 2, FORGET_ROWS);
    enum result r = run(s, s->forget, "cannot forget old sessions", fault);
    *ret_more = r == RESULT_OK &&
                sqlite3_changes(sqlite_db_handle(s->db)) == FORGET_ROWS;
    return r;
}
