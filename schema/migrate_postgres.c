#include "migrate_postgres.h"

#include <stdio.h>

#include "cleanup.h"

extern const char schema_history_postgres_0001[];
extern const char schema_history_postgres_0002[];

static const char *const steps[] = {
    schema_history_postgres_0001,
    schema_history_postgres_0002,
};

enum {
    VERSIONS = sizeof steps / sizeof steps[0],
    SQL_BYTES_MAX = 96,
};

/* One at a time in a database; the number is any that nobody else uses. */
static const char begin[] =
    "BEGIN; SELECT pg_advisory_xact_lock(5080911640227840);"
    "CREATE TABLE IF NOT EXISTS history_version (version integer NOT NULL)";

static const char ask_version[] =
    "SELECT coalesce(max(version), 0) FROM history_version";

static enum result read_version(struct postgres_db *db, int64_t *ret,
                                struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    enum result r = postgres_db_ask(db, ask_version, NULL, &rows, fault);
    if (r == RESULT_OK)
        *ret = postgres_integer_at(&rows, 0, 0);
    return r;
}

static enum result check_newer(int64_t version, struct fault *fault)
{
    return version <= VERSIONS
               ? RESULT_OK
               : fault_set(fault, RESULT_UNUSABLE,
                           "the database is of version %lld, and this program "
                           "knows none after %d: use a newer one",
                           (long long)version, VERSIONS);
}

static enum result take_step(struct postgres_db *db, int64_t step,
                             struct fault *fault)
{
    char note[SQL_BYTES_MAX];
    (void)snprintf(note, sizeof note,
                   "INSERT INTO history_version (version) VALUES (%lld)",
                   (long long)step + 1);
    enum result r = postgres_db_run(db, steps[step], fault);
    return r == RESULT_OK ? postgres_db_run(db, note, fault) : r;
}

static enum result take_steps(struct postgres_db *db, struct fault *fault)
{
    int64_t version = 0;
    enum result r = read_version(db, &version, fault);
    if (r == RESULT_OK)
        r = check_newer(version, fault);
    for (int64_t step = version; step < VERSIONS && r == RESULT_OK; step++) {
        struct fault why;
        r = take_step(db, step, &why);
        if (r != RESULT_OK)
            (void)fault_set(fault, r,
                            "cannot bring the database to version "
                            "%lld: %s",
                            (long long)step + 1, why.text);
    }
    return r;
}

enum result schema_migrate_postgres(struct postgres_db *db, struct fault *fault)
{
    int64_t version = 0;
    enum result r = schema_check_postgres(db, &version, NULL);
    if (r == RESULT_OK) /* nothing to do, and maybe no right to do it */
        return r;
    r = postgres_db_begin(db, begin, fault);
    if (r == RESULT_OK)
        r = take_steps(db, fault);
    if (r == RESULT_OK)
        r = postgres_db_commit(db, fault);
    if (r != RESULT_OK)
        postgres_db_rollback(db);
    return r;
}

enum result schema_check_postgres(struct postgres_db *db, int64_t *ret_version,
                                  struct fault *fault)
{
    CLEANUP(postgres_rows_done) struct postgres_rows rows = {0};
    *ret_version = 0;
    enum result r =
        postgres_db_ask(db, "SELECT to_regclass('history_version') IS NOT NULL",
                        NULL, &rows, fault);
    if (r != RESULT_OK)
        return r;
    if (!postgres_bool_at(&rows, 0, 0))
        return fault_set(fault, RESULT_UNUSABLE,
                         "the database has no viewing history");
    r = read_version(db, ret_version, fault);
    if (r == RESULT_OK)
        r = check_newer(*ret_version, fault);
    if (r == RESULT_OK && *ret_version < VERSIONS)
        r = fault_set(fault, RESULT_UNUSABLE,
                      "the database is of version %lld, and this program's is "
                      "%d: `serve` brings it there",
                      (long long)*ret_version, VERSIONS);
    return r;
}
