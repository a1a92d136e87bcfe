#ifndef FLIXTUBE_SCHEMA_MIGRATE_H
#define FLIXTUBE_SCHEMA_MIGRATE_H

#include "result.h"
#include "sqlite_db.h"

/*
 * Numbered migrations, each in one transaction with its user_version. A file
 * is ours by its application_id; a new, empty file becomes ours.
 */
enum schema_kind {
    SCHEMA_HISTORY, /* schema/history/NNNN_*.sql */
    SCHEMA_OUTBOX,  /* schema/outbox/NNNN_*.sql */
};

/*
 * Brings the file to this program's version. Errors: RESULT_UNUSABLE for
 * another program's file, for the other kind's, and for a newer version, in
 * words and untouched; RESULT_UNAVAILABLE when a migration failed (rolled
 * back).
 */
enum result schema_migrate(struct sqlite_db *db, enum schema_kind kind,
                           struct fault *fault);

/*
 * Looks whether the file is of that kind and of this program's version, and
 * changes nothing. *ret_version is set for every file of the kind.
 * Errors: RESULT_UNUSABLE, in words; RESULT_UNAVAILABLE.
 */
enum result schema_check(struct sqlite_db *db, enum schema_kind kind,
                         int64_t *ret_version, struct fault *fault);

/* The version this program knows. */
int schema_version(enum schema_kind kind);

#endif
