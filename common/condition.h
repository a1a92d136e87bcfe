#ifndef FLIXTUBE_COMMON_CONDITION_H
#define FLIXTUBE_COMMON_CONDITION_H

#include <pthread.h>
#include <stdbool.h>

#include "result.h"

/*
 * Whether a part works, and if not, why: set by the part, read by readiness
 * checks and metrics on other threads.
 */
struct condition {
    pthread_mutex_t lock;
    bool works;
    struct fault why;
};

void condition_init(struct condition *condition, bool works, const char *why);
void condition_done(struct condition *condition);

/* Returns whether `works` is another than before, so that it is logged once. */
bool condition_set(struct condition *condition, bool works, const char *why);

/* False, with the reason, when it does not work; ret_why may be NULL. */
bool condition_works(struct condition *condition, struct fault *ret_why);

#endif
