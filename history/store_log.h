#ifndef FLIXTUBE_HISTORY_STORE_LOG_H
#define FLIXTUBE_HISTORY_STORE_LOG_H

#include "store.h"

/*
 * The log in order of arrival, by a connection of its own, so that who
 * follows it takes no reader away from queries. No later commit shows an
 * earlier seq, however many write: what was read up to a seq is all there ever
 * was up to it, less what is erased since. Any thread; calls wait for each
 * other.
 */
struct store_log;

enum {
    STORE_LOG_ROWS_MAX = 1000, /* of one read: some 3 ms */
};

/* The store is open. On success the caller owns *ret. Errors:
 * RESULT_UNAVAILABLE, RESULT_UNUSABLE. */
enum result store_log_open(const char *path, struct store_log **ret,
                           struct fault *fault);
void store_log_close(struct store_log *log); /* NULL is fine */

/*
 * Hands out what is committed after `after`, at most `limit` rows, until `row`
 * says false. *ret_last is the last seq that was handed out, or `after`.
 * Errors: RESULT_UNAVAILABLE, RESULT_UNUSABLE; RESULT_MALFORMED for a limit
 * that is 0 or over STORE_LOG_ROWS_MAX.
 */
enum result
store_log_read(struct store_log *log, int64_t after, uint32_t limit,
               bool (*row)(void *context, const struct store_row *row),
               void *context, int64_t *ret_last, struct fault *fault);

/* The last view's seq and id; 0 and zeros for an empty log. */
enum result store_log_end(struct store_log *log, int64_t *ret_seq,
                          struct uuid *ret_id, struct fault *fault);

/* How far the log has ever come: its last views may have been removed. */
enum result store_log_reach(struct store_log *log, int64_t *ret_seq,
                            struct fault *fault);

/*
 * A number that grows whenever another service erases, removes, restores or
 * takes back anything: what was read before may then show what is no more. 0
 * for ever where the store is ours alone. Errors: RESULT_UNAVAILABLE,
 * RESULT_UNUSABLE.
 */
enum result store_log_rules_version(struct store_log *log, uint64_t *ret,
                                    struct fault *fault);

/* The id of the view there; RESULT_NOT_FOUND. */
enum result store_log_id(struct store_log *log, int64_t seq,
                         struct uuid *ret_id, struct fault *fault);

#endif
