#include "condition.h"

void condition_init(struct condition *condition, bool works, const char *why)
{
    pthread_mutex_init(&condition->lock, NULL);
    condition->works = works;
    (void)fault_set(&condition->why, RESULT_OK, "%s", why);
}

void condition_done(struct condition *condition)
{
    pthread_mutex_destroy(&condition->lock);
}

bool condition_set(struct condition *condition, bool works, const char *why)
{
    pthread_mutex_lock(&condition->lock);
    bool changed = condition->works != works;
    condition->works = works;
    (void)fault_set(&condition->why, RESULT_OK, "%s", why);
    pthread_mutex_unlock(&condition->lock);
    return changed;
}

bool condition_works(struct condition *condition, struct fault *ret_why)
{
    pthread_mutex_lock(&condition->lock);
    bool works = condition->works;
    if (!works && ret_why != NULL)
        *ret_why = condition->why;
    pthread_mutex_unlock(&condition->lock);
    return works;
}
