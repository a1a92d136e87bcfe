#ifndef FLIXTUBE_STREAMING_OUTBOX_STATEMENTS_H
#define FLIXTUBE_STREAMING_OUTBOX_STATEMENTS_H

#include <stdint.h>

#include "outbox.h"
#include "sqlite_db.h"

/* The SQL of the outbox, one function a statement; one thread a set. */
struct outbox_statements {
    struct sqlite_db *db;
    sqlite3_stmt *add;
    sqlite3_stmt *remember;
    sqlite3_stmt *touch;
    sqlite3_stmt *remove;
    sqlite3_stmt *forget;
};

enum result outbox_statements_prepare(struct outbox_statements *ret,
                                      struct sqlite_db *db,
                                      struct fault *fault);
void outbox_statements_done(struct outbox_statements *statements);

enum result outbox_add(struct outbox_statements *s, const struct viewed *viewed,
                       int64_t now_ms, const char *body, size_t body_bytes,
                       struct fault *fault);
enum result outbox_remember(struct outbox_statements *s,
                            const struct viewed *viewed, int64_t now_ms,
                            struct fault *fault);
enum result outbox_touch_session(struct outbox_statements *s,
                                 const char *viewer, const char *video,
                                 int64_t now_ms, struct fault *fault);
enum result outbox_remove_row(struct outbox_statements *s, int64_t seq,
                              struct fault *fault);
/* Some of the sessions that were idle since before; *ret_more: not all. */
enum result outbox_forget(struct outbox_statements *s, int64_t before_ms,
                          bool *ret_more, struct fault *fault);

#endif
