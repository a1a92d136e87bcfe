#ifndef FLIXTUBE_HISTORY_STORE_IMPORT_H
#define FLIXTUBE_HISTORY_STORE_IMPORT_H

#include "store.h"

/*
 * Views that come from a file, under a name by which they can be taken back.
 * What an import has added is known by its places in the log: a view that was
 * there before is none of them, and one that has been removed and restored
 * since is not either.
 */
enum {
    STORE_IMPORT_NAME_BYTES_MAX = 64,
    STORE_UNDO_ROWS = 200, /* of a step: some 15 ms */
};

/* 1 to STORE_IMPORT_NAME_BYTES_MAX of A-Z a-z 0-9 . _ -, a dot or a dash not
 * first. Pure. */
bool store_import_name_is_good(const char *name);

/* As store_write(); what was new is noted, in the same transaction, as what the
 * import added. The writer's thread. Errors: store_write()'s. */
enum result store_import_write(struct store *store, const char *name,
                               struct store_view *views, size_t count,
                               struct fault *fault);

/* A view that was taken back. */
struct store_gone {
    struct uuid id;
    int64_t seq; /* where it was */
    char user_id[VIEWED_USER_BYTES_MAX + 1];
};

enum store_undo_phase {
    STORE_UNDO_BEGIN,
    STORE_UNDO_VIEWS,
    STORE_UNDO_VIDEOS,
    STORE_UNDO_END,
};

/* An undo on its way, begun as {.name = …}; the store's in between. */
struct store_undo {
    const char *name;
    int64_t views; /* out: taken back so far */
    /* out: those of this step, for live readers */
    struct store_gone gone[STORE_UNDO_ROWS];
    size_t gone_count;
    enum store_undo_phase phase;
    int64_t number;
    char after_video[VIEWED_VIDEO_BYTES_MAX + 1];
};

/*
 * One step, in a transaction of its own: takes some of the import's views away,
 * with their entries and their count, and notes each as a change. They are not
 * refused afterwards. The last step forgets the import; an undo that a crash
 * has ended is begun again. The writer's thread. Errors: RESULT_NOT_FOUND (no
 * import of that name has added a view), RESULT_UNAVAILABLE, RESULT_UNUSABLE:
 * the step may be tried again.
 */
enum result store_import_undo_step(struct store *store, struct store_undo *undo,
                                   bool *ret_more, struct fault *fault);

#endif
