#include "sessions.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "siphash.h"

/*
 * A hash table with chains, and one list of all sessions in the order of their
 * last event. A session is pinned, and neither leaves nor changes hands, while
 * it is being recalled or counted.
 */
struct session {
    struct session *chain; /* the next in its bucket */
    struct session *older;
    struct session *newer;
    uint64_t hash;
    struct uuid viewer;
    struct uuid id;
    struct view_session view;
    int64_t touched_ms; /* the active_ms that is on disk; when VIEW_COUNTED */
    bool recalling;
    char video[];
};

struct sessions {
    struct sessions_config config;
    struct siphash_key hash_key; /* secret: clients choose what is hashed */
    pthread_mutex_t lock;        /* of all below */
    pthread_cond_t recalled;     /* some session is not recalling any more */
    struct session *newest;
    struct session *oldest;
    size_t count;
    size_t buckets_mask;
    struct session *buckets[];
};

struct key {
    const struct uuid *viewer;
    const char *video;
    size_t video_bytes;
    uint64_t hash;
};

static enum result make_key(const struct sessions *sessions,
                            const struct uuid *viewer, const char *video,
                            struct key *ret, struct fault *fault)
{
    uint8_t text[sizeof *viewer + VIEWED_VIDEO_BYTES_MAX];
    size_t video_bytes = strnlen(video, VIEWED_VIDEO_BYTES_MAX + 1);
    if (video_bytes > VIEWED_VIDEO_BYTES_MAX)
        return fault_set(fault, RESULT_MALFORMED,
                         "the video's id has more than %d bytes",
                         VIEWED_VIDEO_BYTES_MAX);
    memcpy(text, viewer, sizeof *viewer);
    memcpy(text + sizeof *viewer, video, video_bytes);
    *ret = (struct key){
        .viewer = viewer,
        .video = video,
        .video_bytes = video_bytes,
        .hash =
            siphash(&sessions->hash_key, text, sizeof *viewer + video_bytes),
    };
    return RESULT_OK;
}

static struct session **bucket_of(struct sessions *sessions, uint64_t hash)
{
    return &sessions->buckets[hash & sessions->buckets_mask];
}

static struct session *find(struct sessions *sessions, const struct key *key)
{
    struct session *session = *bucket_of(sessions, key->hash);
    while (session != NULL &&
           (session->hash != key->hash ||
            memcmp(&session->viewer, key->viewer, sizeof *key->viewer) != 0 ||
            strcmp(session->video, key->video) != 0))
        session = session->chain;
    return session;
}

static void list_remove(struct sessions *sessions, struct session *session)
{
    *(session->newer != NULL ? &session->newer->older : &sessions->newest) =
        session->older;
    *(session->older != NULL ? &session->older->newer : &sessions->oldest) =
        session->newer;
}

static void list_add_newest(struct sessions *sessions, struct session *session)
{
    session->newer = NULL;
    session->older = sessions->newest;
    *(session->older != NULL ? &session->older->newer : &sessions->oldest) =
        session;
    sessions->newest = session;
}

static void forget(struct sessions *sessions, struct session *session)
{
    struct session **link = bucket_of(sessions, session->hash);
    while (*link != session)
        link = &(*link)->chain;
    *link = session->chain;
    list_remove(sessions, session);
    sessions->count--;
    view_rule_done(&session->view);
    free(session);
}

static bool is_pinned(const struct session *session)
{
    return session->recalling || session->view.state == VIEW_COUNTING;
}

/* Pinned ones are as many as requests are running, so the walk is short. */
static bool forget_oldest(struct sessions *sessions)
{
    struct session *session = sessions->oldest;
    while (session != NULL && is_pinned(session))
        session = session->newer;
    if (session == NULL)
        return false;
    forget(sessions, session);
    return true;
}

static enum result add(struct sessions *sessions, const struct key *key,
                       int64_t now_ms, struct session **ret,
                       struct fault *fault)
{
    if (sessions->count >= sessions->config.sessions_max &&
        !forget_oldest(sessions))
        return fault_set(fault, RESULT_LIMIT,
                         "all of %u sessions are being counted",
                         (unsigned)sessions->config.sessions_max);
    struct session *session = calloc(1, sizeof *session + key->video_bytes + 1);
    if (session == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory for a session");
    session->hash = key->hash;
    session->viewer = *key->viewer;
    session->view = view_rule_begin(now_ms);
    memcpy(session->video, key->video, key->video_bytes + 1);
    struct session **bucket = bucket_of(sessions, key->hash);
    session->chain = *bucket;
    *bucket = session;
    list_add_newest(sessions, session);
    sessions->count++;
    *ret = session;
    return RESULT_OK;
}

/* Asks the disk, without the lock, while the pin keeps the session in place. */
static enum result recall(struct sessions *sessions, struct session *session,
                          int64_t now_ms, struct fault *fault)
{
    struct uuid id;
    session->recalling = true;
    (void)pthread_mutex_unlock(&sessions->lock);
    enum result result = sessions->config.recall(
        sessions->config.recall_context, &session->viewer, session->video,
        now_ms, &id, fault);
    (void)pthread_mutex_lock(&sessions->lock);
    session->recalling = false;
    (void)pthread_cond_broadcast(&sessions->recalled);

    if (result == RESULT_OK) {
        session->id = id;
        session->view.state = VIEW_COUNTED;
        session->touched_ms =
            now_ms - sessions_touch_ms(sessions->config.idle_ms);
    } else if (result == RESULT_NOT_FOUND) {
        session->id = uuid_make();
        result = RESULT_OK;
    } else {
        forget(sessions, session); /* the next event asks again */
    }
    return result;
}

/* The session of that key as it is now: going on, recalled, or begun. */
static enum result enter(struct sessions *sessions, const struct key *key,
                         int64_t now_ms, struct session **ret,
                         struct fault *fault)
{
    struct session *session = find(sessions, key);
    while (session != NULL && session->recalling) {
        (void)pthread_cond_wait(&sessions->recalled, &sessions->lock);
        session = find(sessions, key);
    }
    if (session == NULL) {
        enum result result = add(sessions, key, now_ms, &session, fault);
        if (result == RESULT_OK)
            result = recall(sessions, session, now_ms, fault);
        if (result != RESULT_OK)
            return result;
    } else if (view_rule_is_over(&session->view, now_ms,
                                 sessions->config.idle_ms)) {
        /* No recall: what is on disk is no younger than what is here. */
        view_rule_done(&session->view);
        session->view = view_rule_begin(now_ms);
        session->id = uuid_make();
    }
    list_remove(sessions, session);
    list_add_newest(sessions, session);
    *ret = session;
    return RESULT_OK;
}

static bool needs_touch(struct sessions *sessions, struct session *session,
                        int64_t now_ms)
{
    int64_t age_ms = now_ms - session->touched_ms;
    if (age_ms >= 0 && age_ms < sessions_touch_ms(sessions->config.idle_ms))
        return false;
    session->touched_ms = now_ms;
    return true;
}

/* One event; each kind reads its own part. */
struct event {
    enum viewed_rule (*apply)(struct view_session *view,
                              const struct event *event);
    int64_t now_ms;
    const struct view_report *report;
    int64_t file_duration_ms;
    uint64_t first;
    uint64_t last;
    uint64_t file_bytes;
};

static enum viewed_rule apply_report(struct view_session *view,
                                     const struct event *event)
{
    return view_rule_report(view, event->now_ms, event->report,
                            event->file_duration_ms);
}

static enum viewed_rule apply_delivered(struct view_session *view,
                                        const struct event *event)
{
    return view_rule_delivered(view, event->now_ms, event->first, event->last,
                               event->file_bytes);
}

static enum viewed_rule apply_mark(struct view_session *view,
                                   const struct event *event)
{
    view_rule_mark_reporting(view, event->now_ms);
    return VIEWED_RULE_NONE;
}

static enum result happen(struct sessions *sessions, const struct uuid *viewer,
                          const char *video, const struct event *event,
                          struct session_outcome *ret, struct fault *fault)
{
    struct key key;
    enum result result = make_key(sessions, viewer, video, &key, fault);
    if (result != RESULT_OK)
        return result;

    (void)pthread_mutex_lock(&sessions->lock);
    struct session *session = NULL;
    result = enter(sessions, &key, event->now_ms, &session, fault);
    if (result == RESULT_OK) {
        bool counted_before = session->view.state == VIEW_COUNTED;
        enum viewed_rule rule = event->apply(&session->view, event);
        *ret = (struct session_outcome){
            .counts = rule != VIEWED_RULE_NONE,
            .rule = rule,
            .counted_before = counted_before,
            .touch =
                counted_before && needs_touch(sessions, session, event->now_ms),
            .session_id = session->id,
            .position_ms = session->view.position_ms,
            .duration_ms = session->view.duration_ms,
        };
    }
    (void)pthread_mutex_unlock(&sessions->lock);
    return result;
}

enum result sessions_report(struct sessions *sessions,
                            const struct uuid *viewer, const char *video,
                            const struct view_report *report,
                            int64_t file_duration_ms, int64_t now_ms,
                            struct session_outcome *ret, struct fault *fault)
{
    struct event event = {
        .apply = apply_report,
        .now_ms = now_ms,
        .report = report,
        .file_duration_ms = file_duration_ms,
    };
    return happen(sessions, viewer, video, &event, ret, fault);
}

enum result sessions_delivered(struct sessions *sessions,
                               const struct uuid *viewer, const char *video,
                               uint64_t first, uint64_t last,
                               uint64_t file_bytes, int64_t now_ms,
                               struct session_outcome *ret, struct fault *fault)
{
    struct event event = {
        .apply = apply_delivered,
        .now_ms = now_ms,
        .first = first,
        .last = last,
        .file_bytes = file_bytes,
    };
    return happen(sessions, viewer, video, &event, ret, fault);
}

enum result sessions_mark_reporting(struct sessions *sessions,
                                    const struct uuid *viewer,
                                    const char *video, int64_t now_ms,
                                    struct session_outcome *ret,
                                    struct fault *fault)
{
    struct event event = {.apply = apply_mark, .now_ms = now_ms};
    return happen(sessions, viewer, video, &event, ret, fault);
}

void sessions_settle(struct sessions *sessions, const struct uuid *viewer,
                     const char *video, const struct uuid *session_id,
                     bool stored)
{
    struct key key;
    if (make_key(sessions, viewer, video, &key, NULL) != RESULT_OK)
        return; /* no event took it either */
    (void)pthread_mutex_lock(&sessions->lock);
    struct session *session = find(sessions, &key);
    if (session != NULL &&
        memcmp(&session->id, session_id, sizeof *session_id) == 0) {
        view_rule_settle(&session->view, stored);
        session->touched_ms = session->view.active_ms;
    }
    (void)pthread_mutex_unlock(&sessions->lock);
}

int64_t sessions_touch_ms(int64_t idle_ms)
{
    return idle_ms < SESSIONS_TOUCH_PARTS ? 1 : idle_ms / SESSIONS_TOUCH_PARTS;
}

size_t sessions_count(struct sessions *sessions)
{
    (void)pthread_mutex_lock(&sessions->lock);
    size_t count = sessions->count;
    (void)pthread_mutex_unlock(&sessions->lock);
    return count;
}

enum result sessions_open(const struct sessions_config *config,
                          struct sessions **ret, struct fault *fault)
{
    assert(config->sessions_max >= 1);
    assert(config->idle_ms >= 1);
    assert(config->recall != NULL);
    size_t buckets = 1;
    while (buckets < config->sessions_max)
        buckets *= 2;
    struct sessions *sessions =
        calloc(1, sizeof *sessions + buckets * sizeof(struct session *));
    if (sessions == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory for sessions");
    if (getrandom(&sessions->hash_key, sizeof sessions->hash_key, 0) !=
        (ssize_t)sizeof sessions->hash_key) {
        free(sessions);
        return fault_set(fault, RESULT_UNAVAILABLE, "no randomness");
    }
    sessions->config = *config;
    sessions->buckets_mask = buckets - 1;
    (void)pthread_mutex_init(&sessions->lock, NULL);
    (void)pthread_cond_init(&sessions->recalled, NULL);
    *ret = sessions;
    return RESULT_OK;
}

void sessions_close(struct sessions *sessions)
{
    if (sessions == NULL)
        return;
    while (sessions->newest != NULL)
        forget(sessions, sessions->newest);
    (void)pthread_cond_destroy(&sessions->recalled);
    (void)pthread_mutex_destroy(&sessions->lock);
    free(sessions);
}
