#ifndef FLIXTUBE_COMMON_RESULT_H
#define FLIXTUBE_COMMON_RESULT_H

/*
 * How a function of ours ended. The value says what the caller does next; the
 * words that a person needs are in the struct fault beside it.
 */
enum result {
    RESULT_OK,
    RESULT_MALFORMED,   /* the input is wrong: refuse it, no retry helps */
    RESULT_NOT_FOUND,   /* nothing of that name */
    RESULT_LIMIT,       /* a stated limit was reached: refuse, or try later */
    RESULT_UNAVAILABLE, /* the world failed: a retry may help */
    RESULT_UNUSABLE,    /* file or setting that we must not go on with */
    RESULT_STOPPED,     /* we are shutting down */
};

enum {
    FAULT_TEXT_BYTES = 256, /* one line of a log, cut when longer */
};

/* Why a call failed, in one line for people. Owned by the caller. */
struct fault {
    char text[FAULT_TEXT_BYTES];
};

/*
 * Writes the line (cut to fit) and returns `result`, so that a failure reads
 * `return fault_set(fault, RESULT_UNAVAILABLE, "cannot open %s", path);`.
 * `fault` may be NULL: then only the result is returned.
 */
enum result fault_set(struct fault *fault, enum result result,
                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The result's name, for logs: "malformed", "unavailable", ... Never NULL. */
const char *result_text(enum result result);

#endif
