/* Ingest over the store: deliveries doubled, shuffled and given again, a view
 * that cannot be stored at every place, and a disk or a link that fails
 * beneath. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "fault_link.h"
#include "fault_rounds.h"
#include "fault_vfs.h"
#include "ingest.h"
#include "store_verify.h"

enum {
    VIEWS_MAX = 3000,
    CHUNK_MAX = 120,
    POISONED_ON_SERVER_MAX = 30, /* each view of such a batch is a commit */
    CHUNKS_MIN = 5,
    CHUNKS_MORE = 15,
    TRIES_MAX = 50,
    OPERATIONS_MAX = 100,
};

struct ingest_round {
    struct round *round;
    struct store *store;
    struct ingest *ingest;
    struct counters counters;
    _Atomic unsigned lost;
    uint32_t given;
    uint8_t stored[VIEWS_MAX]; /* was said to be; else not known */
    pthread_mutex_t lock;      /* what follows */
    pthread_cond_t done;
    size_t left; /* of the chunk, not settled */
};

struct delivery {
    struct ingest_view view;
    struct ingest_round *owner;
    uint32_t number;
    bool poison;
};

static void settled(struct batch_item *item)
{
    struct ingest_round *r = ((struct delivery *)item)->owner;
    pthread_mutex_lock(&r->lock);
    if (--r->left == 0)
        pthread_cond_signal(&r->done);
    pthread_mutex_unlock(&r->lock);
}

static void lost(void *context, const char *why)
{
    struct ingest_round *r = context;
    CHECK(why[0] != '\0');
    r->lost++;
}

static void start(struct ingest_round *r)
{
    struct store_config store = {.path = r->round->store, .readers = 1};
    struct fault fault = {""};
    CHECK(store_open(&store, &r->store, &fault) == RESULT_OK);
    struct ingest_config config = {
        .store = r->store,
        .counters = &r->counters,
        .lost = lost,
        .lost_context = r,
        .batch_max = 1 + draw(r->round, CHUNK_MAX),
        .queue_max = CHUNK_MAX,
        .linger_ms = draw(r->round, 2),
    };
    r->lost = 0;
    CHECK(ingest_start(&config, &r->ingest, &fault) == RESULT_OK);
}

static void stop(struct ingest_round *r)
{
    ingest_stop(r->ingest);
    (void)store_close(r->store, NULL);
}

/* Hands them over as a consumer does, and waits. */
static void submit(struct ingest_round *r, struct delivery *chunk, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        chunk[i].view.item = (struct batch_item){
            .settled = settled,
            .next = i + 1 < count ? &chunk[i + 1].view.item : NULL};
    }
    pthread_mutex_lock(&r->lock);
    r->left = count;
    pthread_mutex_unlock(&r->lock);
    CHECK(ingest_submit(r->ingest, &chunk[0].view, count) == RESULT_OK);
    pthread_mutex_lock(&r->lock);
    while (r->left > 0)
        pthread_cond_wait(&r->done, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static struct delivery delivery_make(struct ingest_round *r, uint32_t number)
{
    return (struct delivery){
        .view = {.viewed = view_make(number), .received_ms = FIXTURE_TIME},
        .owner = r,
        .number = number};
}

/* What the table refuses, however it came past the decoder. */
static void make_poison(struct delivery *delivery)
{
    delivery->poison = true;
    delivery->view.viewed.video_id[0] = '\0';
    delivery->view.viewed.video_path[0] = '\0';
    /* An id of its own: what is known already is no poison. */
    memset(delivery->view.viewed.id.bytes + 8, 0xff, 8);
}

static uint32_t choose(struct ingest_round *r)
{
    if (r->given > 0 && draw_one_in(r->round, 3))
        return draw(r->round, r->given);
    return r->given < VIEWS_MAX ? r->given++ : draw(r->round, r->given);
}

static void shuffle(struct round *round, struct delivery *chunk, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = draw(round, (uint32_t)i);
        struct delivery held = chunk[i - 1];
        chunk[i - 1] = chunk[j];
        chunk[j] = held;
    }
}

static size_t fill(struct ingest_round *r, struct delivery *chunk)
{
    size_t count = 1 + draw(r->round, CHUNK_MAX - 1);
    for (size_t i = 0; i < count; i++)
        chunk[i] = delivery_make(r, choose(r));
    shuffle(r->round, chunk, count);
    return count;
}

static void check_all(struct ingest_round *r)
{
    struct store_report report;
    struct fault fault = {""};
    int64_t expected = 0;
    for (uint32_t i = 0; i < r->given; i++)
        expected += r->stored[i];
    CHECK(expected == r->given);
    CHECK(store_verify(r->round->store, &report, &fault) == RESULT_OK);
    CHECK(report.problem[0] == '\0');
    CHECK(report.views == expected);
}

static struct ingest_round *make(struct round *round)
{
    struct ingest_round *r = calloc(1, sizeof *r);
    CHECK(r != NULL);
    r->round = round;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->done, NULL);
    if (round->is_file)
        fault_vfs_record(round->store);
    start(r);
    return r;
}

static void done(struct ingest_round *r)
{
    stop(r);
    check_all(r);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->done);
    free(r);
}

void round_ingest_poison(struct round *round)
{
    struct ingest_round *r = make(round);
    struct delivery *chunk = calloc(CHUNK_MAX, sizeof *chunk);
    CHECK(chunk != NULL);
    size_t places = 1 + draw(round, round->is_file ? CHUNK_MAX - 1
                                                   : POISONED_ON_SERVER_MAX);
    for (size_t place = 0; place < places; place++) {
        for (size_t i = 0; i < places; i++)
            chunk[i] = delivery_make(r, choose(r));
        make_poison(&chunk[place]);
        submit(r, chunk, places);
        for (size_t i = 0; i < places; i++) {
            CHECK(chunk[i].view.item.result ==
                  (i == place ? RESULT_MALFORMED : RESULT_OK));
            if (i != place)
                r->stored[chunk[i].number] = 1;
        }
    }
    for (uint32_t i = 0; i < r->given; i++) {
        chunk[0] = delivery_make(r, i);
        submit(r, chunk, 1);
        CHECK(chunk[0].view.item.result == RESULT_OK);
        r->stored[i] = 1;
    }
    free(chunk);
    done(r);
}

static void fail_somehow(struct ingest_round *r)
{
    if (!r->round->is_file) {
        round_cut_link(r->round, draw_one_in(r->round, 2));
        return;
    }
    uint32_t after = draw(r->round, 1 + draw(r->round, OPERATIONS_MAX));
    fault_vfs_fail_kinds_after(1 + (int)draw(r->round, 7), after,
                               FAULT_CODE_OF_KIND, draw_one_in(r->round, 2));
}

static void heal(void)
{
    (void)fault_vfs_heal();
    (void)fault_link_heal();
}

/* Acknowledges what was stored, gives the rest again, as the consumer does. */
static void work_off(struct ingest_round *r, struct delivery *chunk,
                     size_t count)
{
    for (int tries = 0; count > 0; tries++) {
        CHECK(tries < TRIES_MAX);
        submit(r, chunk, count);
        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
            if (chunk[i].view.item.result == RESULT_OK)
                r->stored[chunk[i].number] = 1;
            else
                chunk[kept++] = chunk[i];
        }
        count = kept;
        if (count > 0)
            heal();
        CHECK(r->lost <= 1);
        if (r->lost > 0) { /* the process ends, and is started again */
            heal();
            stop(r);
            start(r);
        }
    }
}

static void fail_and_give_again(struct round *round)
{
    struct ingest_round *r = make(round);
    struct delivery *chunk = calloc(CHUNK_MAX, sizeof *chunk);
    CHECK(chunk != NULL);
    uint32_t chunks = CHUNKS_MIN + draw(round, CHUNKS_MORE);
    for (uint32_t i = 0; i < chunks; i++) {
        size_t count = fill(r, chunk);
        fail_somehow(r);
        work_off(r, chunk, count);
    }
    heal();
    free(chunk);
    done(r);
}

void round_ingest_io(struct round *round)
{
    fail_and_give_again(round);
}

void round_ingest_link(struct round *round)
{
    fail_and_give_again(round);
}
