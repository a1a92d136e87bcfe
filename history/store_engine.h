#ifndef FLIXTUBE_HISTORY_STORE_ENGINE_H
#define FLIXTUBE_HISTORY_STORE_ENGINE_H

#include "store.h"
#include "store_backup.h"
#include "store_changes.h"
#include "store_dismissed.h"
#include "store_drilled.h"
#include "store_erase.h"
#include "store_expire.h"
#include "store_import.h"
#include "store_log.h"
#include "store_look.h"
#include "store_paused.h"
#include "store_removed.h"
#include "store_verify.h"
#include "store_videos.h"

/*
 * What an engine is, beneath the seam: a function for each of the seam's that
 * depend on how a store is kept. Their contracts are those of the headers
 * above, and the names are the same. What does not depend on it (the limits of
 * a query, the loop of store_erase(), store_compare()) is done once, above.
 *
 * An engine's own store, log and look begin with the structs below, so that
 * each is what it is by the pointer to its first member. `engine` is the
 * seam's: it is set when the engine's function has opened one. No function here
 * is called with NULL for what it closes.
 */
struct store_engine;

struct store {
    const struct store_engine *engine;
};

struct store_log {
    const struct store_engine *engine;
};

struct store_look {
    const struct store_engine *engine;
};

struct store_engine {
    const char *name;

    /* Whether a store of that path is this engine's. Of two that take it the
     * first in store_engines.c has it. */
    bool (*takes)(const char *path);

    /* store.h */
    enum result (*open)(const struct store_config *config, struct store **ret,
                        struct fault *fault);
    enum result (*close)(struct store *store, struct fault *fault);
    enum result (*write)(struct store *store, struct store_view *views,
                         size_t count, struct fault *fault);
    enum result (*write_contained)(struct store *store,
                                   struct store_view *views, size_t count,
                                   const struct store_contained *contained,
                                   struct fault *fault);
    struct store_contained (*contained)(const struct store *store);
    enum result (*tidy)(struct store *store, bool quiet, bool *ret_more,
                        struct fault *fault);
    enum result (*query)(struct store *store, const struct store_query *query,
                         void (*row)(void *context,
                                     const struct store_row *row),
                         void *context, struct store_page *ret_page,
                         struct fault *fault);
    bool (*version)(struct store *store, const struct store_query *query,
                    uint64_t *ret);
    enum result (*find)(struct store *store, const struct uuid *id,
                        void (*row)(void *context, const struct store_row *row),
                        void *context, struct fault *fault);
    void (*stats)(struct store *store, struct store_stats *ret);
    bool (*sync_failed)(const struct store *store);
    unsigned (*readers_default)(const char *path);
    bool (*is_in_file)(const char *path);
    bool (*can_be_shared)(const char *path);
    void (*shown_name)(const char *path, char *ret, size_t ret_bytes);
    enum result (*refresh)(struct store *store, struct fault *fault);
    bool (*leads)(struct store *store);
    int64_t (*shared_poll_ms)(const struct store *store);

    /* store_erase.h */
    enum result (*erase_step)(struct store *store,
                              struct store_erasure *erasure, bool *ret_more,
                              struct fault *fault);
    enum result (*erase_resume)(struct store *store, struct fault *fault);
    enum result (*erase_import)(struct store *store,
                                const struct erased_set *set,
                                int64_t *ret_views, struct fault *fault);
    const struct erased_set *(*erased)(const struct store *store);

    /* store_removed.h */
    enum result (*remove)(struct store *store, const struct uuid *id,
                          int64_t now_ms, struct removed_view *ret,
                          struct fault *fault);
    enum result (*restore_removed)(struct store *store, const struct uuid *id,
                                   int64_t now_ms, struct fault *fault);
    enum result (*restorable)(struct store *store, const struct uuid *id,
                              int64_t now_ms, struct fault *fault);
    enum result (*find_removed)(struct store *store, const struct uuid *id,
                                int64_t now_ms,
                                void (*row)(void *context,
                                            const struct store_row *row),
                                void *context, struct fault *fault);
    int64_t (*removed_count)(const struct store *store);
    enum result (*removed_all)(struct store *store, struct removed_set *set,
                               struct fault *fault);
    enum result (*removed_import)(struct store *store,
                                  const struct removed_set *set,
                                  int64_t *ret_views, struct fault *fault);

    /* store_changes.h */
    enum result (*changes)(struct store *store,
                           const struct store_changes_query *query,
                           const struct store_changes_taker *taker,
                           struct store_changes_page *ret, struct fault *fault);

    /* store_import.h */
    enum result (*import_write)(struct store *store, const char *name,
                                struct store_view *views, size_t count,
                                struct fault *fault);
    enum result (*import_undo_step)(struct store *store,
                                    struct store_undo *undo, bool *ret_more,
                                    struct fault *fault);

    /* store_dismissed.h */
    enum result (*dismiss_all)(struct store *store,
                               const struct store_dismissal *all, size_t count,
                               struct fault *fault);
    enum result (*undismiss)(struct store *store, const char *user_id,
                             const char *video, struct fault *fault);
    enum result (*dismissed)(struct store *store, const char *user_id,
                             void (*each)(void *context, const char *video,
                                          size_t video_bytes, int64_t until_ms),
                             void *context, struct fault *fault);

    /* store_paused.h */
    enum result (*set_paused)(struct store *store, const char *user_id,
                              bool paused, int64_t now_ms,
                              struct store_recording *ret, struct fault *fault);
    struct store_recording (*recording)(const struct store *store,
                                        const char *user_id);

    /* store_expire.h */
    enum result (*set_keep_days)(struct store *store, const char *user_id,
                                 uint32_t days, struct fault *fault);
    uint32_t (*keep_days)(const struct store *store, const char *user_id);
    enum result (*keep_all)(struct store *store, struct fault *fault);

    /* store_videos.h */
    enum result (*videos)(struct store *store, uint32_t most,
                          void (*each)(void *context, const char *video_id,
                                       size_t bytes),
                          void *context, bool *ret_more, struct fault *fault);

    /* store_drilled.h */
    enum result (*note_drilled)(const char *path, const char *line,
                                struct fault *fault);
    enum result (*drilled)(struct store *store, char ret[STORE_DRILLED_BYTES],
                           struct fault *fault);

    /* store_log.h */
    enum result (*log_open)(const char *path, struct store_log **ret,
                            struct fault *fault);
    void (*log_close)(struct store_log *log);
    enum result (*log_read)(
        struct store_log *log, int64_t after, uint32_t limit,
        bool (*row)(void *context, const struct store_row *row), void *context,
        int64_t *ret_last, struct fault *fault);
    enum result (*log_end)(struct store_log *log, int64_t *ret_seq,
                           struct uuid *ret_id, struct fault *fault);
    enum result (*log_rules_version)(struct store_log *log, uint64_t *ret,
                                     struct fault *fault);
    enum result (*log_reach)(struct store_log *log, int64_t *ret_seq,
                             struct fault *fault);
    enum result (*log_id)(struct store_log *log, int64_t seq,
                          struct uuid *ret_id, struct fault *fault);

    /* store_look.h */
    enum result (*look_open)(const char *path, struct store_look **ret,
                             struct fault *fault);
    void (*look_close)(struct store_look *look);
    enum result (*look_has)(struct store_look *look, const struct uuid *id,
                            bool *ret, struct fault *fault);
    enum result (*look_removed)(struct store_look *look, const struct uuid *id,
                                bool *ret, struct fault *fault);
    enum result (*look_contained)(struct store_look *look,
                                  struct store_contained *ret,
                                  struct fault *fault);
    enum result (*look_erased)(struct store_look *look, struct erased_set *set,
                               struct fault *fault);
    enum result (*look_removals)(struct store_look *look,
                                 struct removed_set *set, struct fault *fault);
    enum result (*look_expired)(struct store_look *look,
                                const struct viewed *viewed, bool *ret,
                                struct fault *fault);
    enum result (*look_keep_days)(struct store_look *look, const char *user_id,
                                  uint32_t *ret, struct fault *fault);
    enum result (*look_keep_rules)(struct store_look *look,
                                   bool (*each)(void *context,
                                                const char *user_id,
                                                uint32_t days),
                                   void *context, struct fault *fault);
    enum result (*look_dismissed)(
        struct store_look *look,
        bool (*each)(void *context, const struct store_dismissal *dismissal),
        void *context, struct fault *fault);
    enum result (*look_taken_back)(struct store_look *look,
                                   const struct uuid *id, bool *ret,
                                   struct fault *fault);
    enum result (*look_hold)(struct store_look *look, struct fault *fault);
    enum result (*look_next)(struct store_look *look, struct store_row *ret,
                             struct fault *fault);
    enum result (*look_find)(struct store_look *look, const struct uuid *id,
                             struct store_row *ret, struct fault *fault);
    bool (*is_open)(const char *path);

    /* store_verify.h */
    enum result (*verify)(const char *path, struct store_report *ret,
                          struct fault *fault);

    /* store_backup.h */
    enum result (*backup)(const char *store_path, const char *file,
                          bool replace, struct store_report *ret,
                          struct fault *fault);
    enum result (*restore)(const char *file, const char *store_path,
                           bool replace, char ret_aside[PATH_MAX],
                           struct store_report *ret, struct fault *fault);
};

/* The engine that a store of that path is kept by; there is always one. Any
 * thread. */
const struct store_engine *store_engine_of(const char *path);

#endif
