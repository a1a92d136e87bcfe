#include "migrate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    PRAGMA_BYTES_MAX = 64,
};

extern const char schema_history_0001[];
extern const char schema_history_0002[];
extern const char schema_history_0003[];
extern const char schema_history_0004[];
extern const char schema_history_0005[];
extern const char schema_history_0006[];
extern const char schema_outbox_0001[];

static const char *const history_steps[] = {
    schema_history_0001, schema_history_0002, schema_history_0003,
    schema_history_0004, schema_history_0005, schema_history_0006};
static const char *const outbox_steps[] = {schema_outbox_0001};

struct kind {
    const char *name;
    int32_t application_id;   /* never changes: it is in every file */
    const char *const *steps; /* step n leads from version n to n + 1 */
    int versions;
};

static const struct kind kinds[] = {
    [SCHEMA_HISTORY] = {"a viewing history", 0x46747648, history_steps,
                        sizeof history_steps / sizeof history_steps[0]},
    [SCHEMA_OUTBOX] = {"an outbox", 0x4674764f, outbox_steps,
                       sizeof outbox_steps / sizeof outbox_steps[0]},
};

enum {
    KINDS = sizeof kinds / sizeof kinds[0],
};

struct state {
    int64_t application_id;
    int64_t version;
    int64_t tables;
};

int schema_version(enum schema_kind kind)
{
    return kinds[kind].versions;
}

static enum result read_state(struct sqlite_db *db, struct state *ret,
                              struct fault *fault)
{
    enum result result = sqlite_db_integer(db, "PRAGMA application_id",
                                           &ret->application_id, fault);
    if (result == RESULT_OK)
        result =
            sqlite_db_integer(db, "PRAGMA user_version", &ret->version, fault);
    if (result == RESULT_OK)
        result = sqlite_db_integer(db, "SELECT count(*) FROM sqlite_schema",
                                   &ret->tables, fault);
    return result;
}

static bool is_new(const struct state *state)
{
    return state->application_id == 0 && state->version == 0 &&
           state->tables == 0;
}

static enum result check_ours(const struct state *state,
                              const struct kind *kind, struct fault *fault)
{
    if (is_new(state))
        return RESULT_OK;
    if (state->application_id == kind->application_id) {
        if (state->version > kind->versions)
            return fault_set(fault, RESULT_UNUSABLE,
                             "the file is of version %lld, and this program "
                             "knows none after %d: use a newer one",
                             (long long)state->version, kind->versions);
        if (state->version < 1)
            return fault_set(fault, RESULT_UNUSABLE,
                             "the file is damaged: it says version %lld",
                             (long long)state->version);
        return RESULT_OK;
    }
    for (size_t i = 0; i < KINDS; i++) {
        if (state->application_id == kinds[i].application_id)
            return fault_set(fault, RESULT_UNUSABLE, "the file is %s, not %s",
                             kinds[i].name, kind->name);
    }
    return fault_set(fault, RESULT_UNUSABLE,
                     "the file is another program's database, not %s",
                     kind->name);
}

static enum result set_pragma(struct sqlite_db *db, const char *name, int value,
                              struct fault *fault)
{
    char sql[PRAGMA_BYTES_MAX];
    (void)snprintf(sql, sizeof sql, "PRAGMA %s = %d", name, value);
    return sqlite_db_run(db, sql, fault);
}

static enum result take_step(struct sqlite_db *db, const struct kind *kind,
                             int step, struct fault *fault)
{
    enum result result = sqlite_db_run(db, "BEGIN IMMEDIATE", fault);
    if (result != RESULT_OK)
        return result;
    result = sqlite_db_run(db, kind->steps[step], fault);
    if (result == RESULT_OK)
        result = set_pragma(db, "application_id", kind->application_id, fault);
    if (result == RESULT_OK)
        result = set_pragma(db, "user_version", step + 1, fault);
    if (result == RESULT_OK)
        result = sqlite_db_run(db, "COMMIT", fault);
    /* Some faults (a full disk) have rolled back already. */
    if (result != RESULT_OK && !sqlite3_get_autocommit(sqlite_db_handle(db)))
        (void)sqlite_db_run(db, "ROLLBACK", NULL);
    return result;
}

enum result schema_migrate(struct sqlite_db *db, enum schema_kind kind_number,
                           struct fault *fault)
{
    const struct kind *kind = &kinds[kind_number];
    struct state state;
    enum result result = read_state(db, &state, fault);
    if (result == RESULT_OK)
        result = check_ours(&state, kind, fault);
    if (result == RESULT_OK)
        result = sqlite_db_wal(db, fault);
    if (result != RESULT_OK)
        return result;
    for (int step = (int)state.version; step < kind->versions; step++) {
        struct fault why;
        result = take_step(db, kind, step, &why);
        if (result == RESULT_OK)
            continue;
        if (result != RESULT_UNUSABLE)
            result = RESULT_UNAVAILABLE;
        return fault_set(fault, result,
                         "cannot bring the file to version %d: %s", step + 1,
                         why.text);
    }
    return RESULT_OK;
}

enum result schema_check(struct sqlite_db *db, enum schema_kind kind_number,
                         int64_t *ret_version, struct fault *fault)
{
    const struct kind *kind = &kinds[kind_number];
    struct state state;
    enum result result = read_state(db, &state, fault);
    if (result == RESULT_OK && is_new(&state))
        return fault_set(fault, RESULT_UNUSABLE, "the file is empty");
    if (result == RESULT_OK)
        result = check_ours(&state, kind, fault);
    if (result != RESULT_OK)
        return result;
    *ret_version = state.version;
    if (state.version != kind->versions)
        return fault_set(fault, RESULT_UNUSABLE,
                         "the file is of version %lld, and this program's is "
                         "%d: `serve` brings it there",
                         (long long)state.version, kind->versions);
    return RESULT_OK;
}
