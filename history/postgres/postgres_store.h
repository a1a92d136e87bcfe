#ifndef FLIXTUBE_HISTORY_POSTGRES_STORE_H
#define FLIXTUBE_HISTORY_POSTGRES_STORE_H

#include "store_engine.h"

/*
 * The functions of this engine. The contract of each is that of the seam's
 * function of the same name, less `postgres_`.
 */

/* store.h */
enum result postgres_store_open(const struct store_config *config,
                                struct store **ret, struct fault *fault);
enum result postgres_store_close(struct store *base, struct fault *fault);
enum result postgres_store_write(struct store *base, struct store_view *views,
                                 size_t count, struct fault *fault);
enum result postgres_store_write_contained(
    struct store *base, struct store_view *views, size_t count,
    const struct store_contained *contained, struct fault *fault);
struct store_contained postgres_store_contained(const struct store *base);
enum result postgres_store_tidy(struct store *base, bool quiet, bool *ret_more,
                                struct fault *fault);
enum result
postgres_store_query(struct store *base, const struct store_query *query,
                     void (*row)(void *context, const struct store_row *row),
                     void *context, struct store_page *ret_page,
                     struct fault *fault);
bool postgres_store_version(struct store *base, const struct store_query *query,
                            uint64_t *ret);
enum result postgres_store_find(struct store *base, const struct uuid *id,
                                void (*row)(void *context,
                                            const struct store_row *row),
                                void *context, struct fault *fault);
void postgres_store_stats(struct store *base, struct store_stats *ret);
bool postgres_store_sync_failed(const struct store *base);
unsigned postgres_store_readers_default(const char *path);
bool postgres_store_is_in_file(const char *path);
bool postgres_store_can_be_shared(const char *path);
enum result postgres_store_refresh(struct store *base, struct fault *fault);
bool postgres_store_leads(struct store *base);
int64_t postgres_store_shared_poll_ms(const struct store *base);

/* store_erase.h */
enum result postgres_store_erase_step(struct store *base,
                                      struct store_erasure *erasure,
                                      bool *ret_more, struct fault *fault);
enum result postgres_store_erase_resume(struct store *base,
                                        struct fault *fault);
enum result postgres_store_erase_import(struct store *base,
                                        const struct erased_set *set,
                                        int64_t *ret_views,
                                        struct fault *fault);
const struct erased_set *postgres_store_erased(const struct store *base);

/* store_removed.h */
enum result postgres_store_remove(struct store *base, const struct uuid *id,
                                  int64_t now_ms, struct removed_view *ret,
                                  struct fault *fault);
enum result postgres_store_restore_removed(struct store *base,
                                           const struct uuid *id,
                                           int64_t now_ms, struct fault *fault);
enum result postgres_store_restorable(struct store *base, const struct uuid *id,
                                      int64_t now_ms, struct fault *fault);
enum result postgres_store_find_removed(
    struct store *base, const struct uuid *id, int64_t now_ms,
    void (*row)(void *context, const struct store_row *row), void *context,
    struct fault *fault);
int64_t postgres_store_removed_count(const struct store *base);
enum result postgres_store_removed_all(struct store *base,
                                       struct removed_set *set,
                                       struct fault *fault);
enum result postgres_store_removed_import(struct store *base,
                                          const struct removed_set *set,
                                          int64_t *ret_views,
                                          struct fault *fault);

/* store_changes.h */
enum result postgres_store_changes(struct store *base,
                                   const struct store_changes_query *query,
                                   const struct store_changes_taker *taker,
                                   struct store_changes_page *ret,
                                   struct fault *fault);

/* store_import.h */
enum result postgres_store_import_write(struct store *base, const char *name,
                                        struct store_view *views, size_t count,
                                        struct fault *fault);
enum result postgres_store_import_undo_step(struct store *base,
                                            struct store_undo *undo,
                                            bool *ret_more,
                                            struct fault *fault);

/* store_dismissed.h */
enum result postgres_store_dismiss_all(struct store *base,
                                       const struct store_dismissal *all,
                                       size_t count, struct fault *fault);
enum result postgres_store_undismiss(struct store *base, const char *user_id,
                                     const char *video, struct fault *fault);
enum result
postgres_store_dismissed(struct store *base, const char *user_id,
                         void (*each)(void *context, const char *video,
                                      size_t video_bytes, int64_t until_ms),
                         void *context, struct fault *fault);

/* store_paused.h */
enum result postgres_store_set_paused(struct store *base, const char *user_id,
                                      bool paused, int64_t now_ms,
                                      struct store_recording *ret,
                                      struct fault *fault);
struct store_recording postgres_store_recording(const struct store *base,
                                                const char *user_id);

/* store_expire.h */
enum result postgres_store_set_keep_days(struct store *base,
                                         const char *user_id, uint32_t days,
                                         struct fault *fault);
uint32_t postgres_store_keep_days(const struct store *base,
                                  const char *user_id);
enum result postgres_store_keep_all(struct store *base, struct fault *fault);

/* store_videos.h */
enum result postgres_store_videos(
    struct store *base, uint32_t most,
    void (*each)(void *context, const char *video_id, size_t bytes),
    void *context, bool *ret_more, struct fault *fault);

/* store_drilled.h */
enum result postgres_store_note_drilled(const char *path, const char *line,
                                        struct fault *fault);
enum result postgres_store_drilled(struct store *base,
                                   char ret[STORE_DRILLED_BYTES],
                                   struct fault *fault);

/* store_log.h */
enum result postgres_store_log_open(const char *path, struct store_log **ret,
                                    struct fault *fault);
void postgres_store_log_close(struct store_log *base);
enum result
postgres_store_log_read(struct store_log *base, int64_t after, uint32_t limit,
                        bool (*row)(void *context, const struct store_row *row),
                        void *context, int64_t *ret_last, struct fault *fault);
enum result postgres_store_log_end(struct store_log *base, int64_t *ret_seq,
                                   struct uuid *ret_id, struct fault *fault);
enum result postgres_store_log_rules_version(struct store_log *base,
                                             uint64_t *ret,
                                             struct fault *fault);
enum result postgres_store_log_reach(struct store_log *base, int64_t *ret_seq,
                                     struct fault *fault);
enum result postgres_store_log_id(struct store_log *base, int64_t seq,
                                  struct uuid *ret_id, struct fault *fault);

/* store_look.h */
enum result postgres_store_look_open(const char *path, struct store_look **ret,
                                     struct fault *fault);
void postgres_store_look_close(struct store_look *base);
enum result postgres_store_look_has(struct store_look *base,
                                    const struct uuid *id, bool *ret,
                                    struct fault *fault);
enum result postgres_store_look_removed(struct store_look *base,
                                        const struct uuid *id, bool *ret,
                                        struct fault *fault);
enum result postgres_store_look_contained(struct store_look *base,
                                          struct store_contained *ret,
                                          struct fault *fault);
enum result postgres_store_look_erased(struct store_look *base,
                                       struct erased_set *set,
                                       struct fault *fault);
enum result postgres_store_look_removals(struct store_look *base,
                                         struct removed_set *set,
                                         struct fault *fault);
enum result postgres_store_look_expired(struct store_look *base,
                                        const struct viewed *viewed, bool *ret,
                                        struct fault *fault);
enum result postgres_store_look_keep_days(struct store_look *base,
                                          const char *user_id, uint32_t *ret,
                                          struct fault *fault);
enum result postgres_store_look_keep_rules(struct store_look *base,
                                           bool (*each)(void *context,
                                                        const char *user_id,
                                                        uint32_t days),
                                           void *context, struct fault *fault);
enum result postgres_store_look_dismissed(
    struct store_look *base,
    bool (*each)(void *context, const struct store_dismissal *dismissal),
    void *context, struct fault *fault);
enum result postgres_store_look_taken_back(struct store_look *base,
                                           const struct uuid *id, bool *ret,
                                           struct fault *fault);
enum result postgres_store_look_hold(struct store_look *base,
                                     struct fault *fault);
enum result postgres_store_look_next(struct store_look *base,
                                     struct store_row *ret,
                                     struct fault *fault);
enum result postgres_store_look_find(struct store_look *base,
                                     const struct uuid *id,
                                     struct store_row *ret,
                                     struct fault *fault);
bool postgres_store_is_open(const char *path);

/* store_verify.h */
enum result postgres_store_verify(const char *path, struct store_report *ret,
                                  struct fault *fault);

/* store_backup.h */
enum result postgres_store_backup(const char *store_path, const char *file,
                                  bool replace, struct store_report *ret,
                                  struct fault *fault);
enum result postgres_store_restore(const char *file, const char *store_path,
                                   bool replace, char ret_aside[PATH_MAX],
                                   struct store_report *ret,
                                   struct fault *fault);

#endif
