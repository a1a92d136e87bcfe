#ifndef FLIXTUBE_TESTS_FAULT_VFS_H
#define FLIXTUBE_TESTS_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A disk that fails when told to, between SQLite and the real one, and that
 * knows what a loss of power would leave. These functions are one thread's;
 * the databases may be other threads'.
 */
enum {
    FAULT_WRITES = 1,
    FAULT_SYNCS = 2,
    FAULT_TRUNCATIONS = 4,
    FAULT_OPENS = 8,
    FAULT_CODE_OF_KIND = 0, /* the code that fits what fails */
};

/* From now on all databases are opened on it. Once a process. */
void fault_vfs_install(void);

/*
 * Lets `operations` writes, truncations and syncs pass; the next one fails
 * with SQLite's `code`, and so do all after it when `for_good`.
 */
void fault_vfs_fail_after(unsigned operations, int code, bool for_good);

/* The same, for operations of these kinds alone. */
void fault_vfs_fail_kinds_after(int kinds, unsigned operations, int code,
                                bool for_good);

/* All goes well again. Returns whether anything had failed. */
bool fault_vfs_heal(void);

/* From now on, of this file and its WAL, what is written and not synced is
 * known, for crash images. What they have now counts as synced, and a sync
 * goes to the record alone. */
void fault_vfs_record(const char *path);

/*
 * Writes the file and its WAL to `to` as they may be after a loss of power:
 * what was synced, and of what was written since some sectors of 512 bytes.
 */
void fault_vfs_crash_image(const char *path, const char *to, uint64_t *random);

/* Forgets what was recorded. */
void fault_vfs_forget(void);

#endif
