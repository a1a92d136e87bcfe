#include "backup_schedule.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backup_folder.h"
#include "clock.h"
#include "log.h"

enum {
    RETRY_S = 60,        /* after a failure */
    LOOK_MS = 50,        /* at the process that makes one */
    LEAD_LOOK_MS = 1000, /* whether it is ours to do */
};

struct backup_schedule {
    struct backup_schedule_config config;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stopping;
};

/* False when it is time to end. */
static bool sleep_ms(struct backup_schedule *s, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    pthread_mutex_lock(&s->lock);
    int error = 0;
    while (!s->stopping && error == 0)
        error = pthread_cond_timedwait(&s->wake, &s->lock, &until);
    bool stopping = s->stopping;
    pthread_mutex_unlock(&s->lock);
    return !stopping;
}

static enum result wait_for(struct backup_schedule *s, pid_t child,
                            struct fault *fault)
{
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (sleep_ms(s, LOOK_MS))
            continue;
        (void)kill(child, SIGKILL);
        (void)waitpid(child, &status, 0);
        return fault_set(fault, RESULT_STOPPED, "stopping");
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return RESULT_OK;
    return fault_set(fault, RESULT_UNAVAILABLE,
                     "`history backup` ended with %s %d; its words are above",
                     WIFEXITED(status) ? "code" : "signal",
                     WIFEXITED(status) ? WEXITSTATUS(status)
                                       : WTERMSIG(status));
}

static enum result make_one(struct backup_schedule *s, struct fault *fault)
{
    char path[PATH_MAX];
    char program[] = "history";
    char command[] = "backup";
    char quiet[] = "--quiet";
    char *words[] = {program, command, quiet, path, NULL};
    pid_t child;
    enum result r = backup_folder_name(s->config.folder, path, fault);
    if (r != RESULT_OK)
        return r;
    /* SIGTERM of the terminal's group reaches both: each ends as it should. */
    int error =
        posix_spawn(&child, "/proc/self/exe", NULL, NULL, words, environ);
    if (error != 0)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "cannot start `history backup`: %s", strerror(error));
    int64_t started_ms = clock_monotonic_ms();
    r = wait_for(s, child, fault);
    if (r == RESULT_OK)
        log_info("backup made", log_text("file", path),
                 log_int("ms", clock_monotonic_ms() - started_ms), log_end());
    return r;
}

/* How long until the next is due; 0: now. */
static int64_t due_in_ms(struct backup_schedule *s)
{
    char path[PATH_MAX];
    struct fault fault = {0};
    int64_t made_s = 0;
    int64_t now_s = clock_now_ms() / 1000;
    if (backup_folder_newest(s->config.folder, path, &made_s, &fault) !=
        RESULT_OK)
        return 0;
    s->config.counters->last_backup_s = made_s;
    int64_t left_s = made_s + (int64_t)s->config.every_s - now_s;
    /* A clock that was set back must not put it off for long. */
    if (left_s > (int64_t)s->config.every_s)
        left_s = s->config.every_s;
    return left_s > 0 ? left_s * 1000 : 0;
}

static void go_round(struct backup_schedule *s, bool *ret_failed)
{
    struct fault fault = {0};
    enum result r = make_one(s, &fault);
    if (r == RESULT_OK)
        s->config.counters->backups++;
    bool stopping = r == RESULT_STOPPED;
    /* The one that was ended may have had its name already. */
    if (r == RESULT_OK || stopping)
        r = backup_folder_prune(s->config.folder, s->config.keep, &fault);
    *ret_failed = r != RESULT_OK || stopping;
    if (r == RESULT_OK)
        return;
    s->config.counters->backups_failed++;
    log_error("backup failed", log_text("why", fault.text), log_end());
}

static void *run(void *context)
{
    struct backup_schedule *s = context;
    bool failed = false;
    for (;;) {
        int64_t wait_ms = due_in_ms(s);
        if (failed && wait_ms < RETRY_S * 1000)
            wait_ms = RETRY_S * 1000;
        if (!sleep_ms(s, wait_ms))
            return NULL;
        if (due_in_ms(s) > 0)
            continue;
        if (store_leads(s->config.store))
            go_round(s, &failed);
        else if (!sleep_ms(s, LEAD_LOOK_MS))
            return NULL;
    }
}

enum result backup_schedule_start(const struct backup_schedule_config *config,
                                  struct backup_schedule **ret,
                                  struct fault *fault)
{
    if (config->folder[0] == '\0') {
        *ret = NULL;
        return RESULT_OK;
    }
    struct backup_schedule *s = calloc(1, sizeof *s);
    if (s == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    s->config = *config;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&s->thread, NULL, run, s) != 0) {
        pthread_cond_destroy(&s->wake);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot start a thread");
    }
    *ret = s;
    return RESULT_OK;
}

void backup_schedule_stop(struct backup_schedule *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
