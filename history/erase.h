#ifndef FLIXTUBE_HISTORY_ERASE_H
#define FLIXTUBE_HISTORY_ERASE_H

#include "buffer.h"
#include "ingest.h"
#include "store_erase.h"

/* Erases a user, in the service or in a file that no service has open, and
 * says what was done. See store_erase.h and erased_files.h. */
struct erase_receipt {
    struct store_erasure erasure;
    int64_t at_ms;
    bool noted; /* the tombstone is in the files beside the store, too */
    struct fault why_not_noted;
};

/* Errors: RESULT_MALFORMED (no id of a user), and the store's: then it is not
 * done, and the same can be asked again. */
enum result erase_in_service(struct ingest *ingest, const char *db,
                             const char *backup_dir, const char *user_id,
                             struct erase_receipt *ret, struct fault *fault);
enum result erase_in_file(const char *db, const char *backup_dir,
                          const char *user_id, struct erase_receipt *ret,
                          struct fault *fault);

/* {"userId":…,"views":…,…} and a newline. */
void erase_receipt_json(struct buffer *buffer,
                        const struct erase_receipt *receipt);

/* At the service's start: takes over the tombstones of the files, ends what a
 * crash left undone. */
enum result erase_at_start(struct store *store, const char *db,
                           const char *backup_dir, struct fault *fault);

#endif
