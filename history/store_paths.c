#include "store_engine.h"

enum result store_log_open(const char *path, struct store_log **ret,
                           struct fault *fault)
{
    const struct store_engine *engine = store_engine_of(path);
    enum result r = engine->log_open(path, ret, fault);
    if (r == RESULT_OK)
        (*ret)->engine = engine;
    return r;
}

void store_log_close(struct store_log *log)
{
    if (log != NULL)
        log->engine->log_close(log);
}

enum result
store_log_read(struct store_log *log, int64_t after, uint32_t limit,
               bool (*row)(void *context, const struct store_row *row),
               void *context, int64_t *ret_last, struct fault *fault)
{
    if (limit == 0 || limit > STORE_LOG_ROWS_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "a read of the log has 1 to %d rows, not %u",
                         STORE_LOG_ROWS_MAX, limit);
    return log->engine->log_read(log, after, limit, row, context, ret_last,
                                 fault);
}

enum result store_log_end(struct store_log *log, int64_t *ret_seq,
                          struct uuid *ret_id, struct fault *fault)
{
    return log->engine->log_end(log, ret_seq, ret_id, fault);
}

enum result store_log_rules_version(struct store_log *log, uint64_t *ret,
                                    struct fault *fault)
{
    return log->engine->log_rules_version(log, ret, fault);
}

enum result store_log_reach(struct store_log *log, int64_t *ret_seq,
                            struct fault *fault)
{
    return log->engine->log_reach(log, ret_seq, fault);
}

enum result store_log_id(struct store_log *log, int64_t seq,
                         struct uuid *ret_id, struct fault *fault)
{
    return log->engine->log_id(log, seq, ret_id, fault);
}

enum result store_note_drilled(const char *path, const char *line,
                               struct fault *fault)
{
    return store_engine_of(path)->note_drilled(path, line, fault);
}

enum result store_look_open(const char *path, struct store_look **ret,
                            struct fault *fault)
{
    const struct store_engine *engine = store_engine_of(path);
    enum result r = engine->look_open(path, ret, fault);
    if (r == RESULT_OK)
        (*ret)->engine = engine;
    return r;
}

void store_look_close(struct store_look *look)
{
    if (look != NULL)
        look->engine->look_close(look);
}

enum result store_look_has(struct store_look *look, const struct uuid *id,
                           bool *ret, struct fault *fault)
{
    return look->engine->look_has(look, id, ret, fault);
}

enum result store_look_removed(struct store_look *look, const struct uuid *id,
                               bool *ret, struct fault *fault)
{
    return look->engine->look_removed(look, id, ret, fault);
}

enum result store_look_contained(struct store_look *look,
                                 struct store_contained *ret,
                                 struct fault *fault)
{
    return look->engine->look_contained(look, ret, fault);
}

enum result store_look_erased(struct store_look *look, struct erased_set *set,
                              struct fault *fault)
{
    return look->engine->look_erased(look, set, fault);
}

enum result store_look_removals(struct store_look *look,
                                struct removed_set *set, struct fault *fault)
{
    return look->engine->look_removals(look, set, fault);
}

enum result store_look_expired(struct store_look *look,
                               const struct viewed *viewed, bool *ret,
                               struct fault *fault)
{
    return look->engine->look_expired(look, viewed, ret, fault);
}

enum result store_look_keep_days(struct store_look *look, const char *user_id,
                                 uint32_t *ret, struct fault *fault)
{
    return look->engine->look_keep_days(look, user_id, ret, fault);
}

enum result store_look_keep_rules(struct store_look *look,
                                  bool (*each)(void *context,
                                               const char *user_id,
                                               uint32_t days),
                                  void *context, struct fault *fault)
{
    return look->engine->look_keep_rules(look, each, context, fault);
}

enum result store_look_dismissed(
    struct store_look *look,
    bool (*each)(void *context, const struct store_dismissal *dismissal),
    void *context, struct fault *fault)
{
    return look->engine->look_dismissed(look, each, context, fault);
}

enum result store_look_taken_back(struct store_look *look,
                                  const struct uuid *id, bool *ret,
                                  struct fault *fault)
{
    return look->engine->look_taken_back(look, id, ret, fault);
}

enum result store_look_hold(struct store_look *look, struct fault *fault)
{
    return look->engine->look_hold(look, fault);
}

enum result store_look_next(struct store_look *look, struct store_row *ret,
                            struct fault *fault)
{
    return look->engine->look_next(look, ret, fault);
}

enum result store_look_find(struct store_look *look, const struct uuid *id,
                            struct store_row *ret, struct fault *fault)
{
    return look->engine->look_find(look, id, ret, fault);
}

bool store_is_open(const char *path)
{
    return store_engine_of(path)->is_open(path);
}

enum result store_verify(const char *path, struct store_report *ret,
                         struct fault *fault)
{
    return store_engine_of(path)->verify(path, ret, fault);
}

enum result store_backup(const char *store_path, const char *file, bool replace,
                         struct store_report *ret, struct fault *fault)
{
    return store_engine_of(store_path)
        ->backup(store_path, file, replace, ret, fault);
}

enum result store_restore(const char *file, const char *store_path,
                          bool replace, char ret_aside[PATH_MAX],
                          struct store_report *ret, struct fault *fault)
{
    return store_engine_of(store_path)
        ->restore(file, store_path, replace, ret_aside, ret, fault);
}
