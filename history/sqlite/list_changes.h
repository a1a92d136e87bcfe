#ifndef FLIXTUBE_HISTORY_LIST_CHANGES_H
#define FLIXTUBE_HISTORY_LIST_CHANGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * How often each list has changed, so that an answer made before can be given
 * again without a look at the store. Lists share counters by their hash: a
 * change of one may look like a change of another, never the other way round.
 *
 * The writer says list_changes_begin() before readers can see anything of a
 * change, raises the counters, and says list_changes_end(). In between there
 * are no versions. So who has seen a view by any other way gets, from then on,
 * no version from before it.
 */
enum {
    /* 128 KiB. A batch of 1000 views raises some 3000 of them. */
    LIST_CHANGES_COUNTERS = 16384,
};

struct list_changes { /* zero it before */
    _Atomic bool changing;
    _Atomic uint64_t all;
    _Atomic uint64_t lists[LIST_CHANGES_COUNTERS];
};

/* The writer's thread. */
void list_changes_begin(struct list_changes *changes);
void list_changes_raise(struct list_changes *changes, int64_t list);
void list_changes_raise_all(struct list_changes *changes); /* of all lists */
void list_changes_end(struct list_changes *changes);

/*
 * The list's version, which only grows while the process lives. False while
 * lists are changing. An answer is of this version if it is the same before
 * and after the answer was made. Any thread, waits for nobody.
 */
bool list_changes_version(const struct list_changes *changes, int64_t list,
                          uint64_t *ret);

#endif
