#ifndef FLIXTUBE_SCHEMA_MIGRATE_POSTGRES_H
#define FLIXTUBE_SCHEMA_MIGRATE_POSTGRES_H

#include "postgres_db.h"

/*
 * The numbered migrations of schema/history_postgres/, each in a transaction
 * with its version. Of several programs that start at once one does it and the
 * others wait.
 */

/* Brings the database to this program's version. Errors: RESULT_UNUSABLE for a
 * newer version, in words and untouched; RESULT_UNAVAILABLE when a migration
 * failed (rolled back), and postgres_db_run()'s. */
enum result schema_migrate_postgres(struct postgres_db *db,
                                    struct fault *fault);

/* Looks whether there is a history of this program's version and changes
 * nothing. *ret_version: 0 where there is none. Errors: RESULT_UNUSABLE. */
enum result schema_check_postgres(struct postgres_db *db, int64_t *ret_version,
                                  struct fault *fault);

#endif
