/*
 * The store against a plain array. Random views are written, merged slice by
 * slice, closed and opened again, and left as by a dead process; in between
 * every kind of query must give what a loop over all views gives.
 */
#include "store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VIEWS_MAX = 40000,
    STEPS = 120,
    QUERIES = 25, /* after each step */
    BATCH_MAX = 3000,
};

struct known {
    struct viewed view;
    int64_t seq;
};

struct world {
    struct fixture *fixture;
    uint64_t random;
    struct known *views; /* in order of arrival */
    size_t count;
    const struct known **sorted; /* by (viewed_at_ms, seq) */
    struct viewed *batch;
    struct kept_page *page;
    int copies;
};

static uint64_t draw(struct world *world, uint64_t below)
{
    return fixture_draw(&world->random) % below;
}

/* Few names and few times, so that lists are long and times are equal. */
static int64_t draw_time(struct world *world)
{
    switch (draw(world, 50)) {
    case 0:
        return CLOCK_MIN_MS;
    case 1:
        return CLOCK_MAX_MS;
    case 2:
        return FIXTURE_TIME + (int64_t)draw(world, 1000000);
    default:
        /* Near the present end of the log, as views mostly are. */
        return FIXTURE_TIME + (int64_t)(world->count + draw(world, 500)) / 20;
    }
}

static struct viewed draw_view(struct world *world, uint32_t number)
{
    struct viewed view = view_make(number);
    view.viewed_at_ms = draw_time(world);
    (void)snprintf(view.user_id, sizeof view.user_id, "user-%u",
                   (unsigned)draw(world, 6));
    (void)snprintf(view.video_id, sizeof view.video_id, "video-%u",
                   (unsigned)draw(world, 5));
    if (draw(world, 10) == 0)
        view.user_id[0] = '\0';
    if (draw(world, 10) == 0)
        view.video_id[0] = '\0';
    if (draw(world, 10) == 0)
        view.position_ms = -1;
    view.session_given = draw(world, 2) == 0;
    view.id_given = draw(world, 2) == 0;
    return view;
}

static int compare_known(const void *a, const void *b)
{
    const struct known *x = *(const struct known *const *)a;
    const struct known *y = *(const struct known *const *)b;
    if (x->view.viewed_at_ms != y->view.viewed_at_ms)
        return x->view.viewed_at_ms < y->view.viewed_at_ms ? -1 : 1;
    return x->seq < y->seq ? -1 : 1;
}

static void learn(struct world *world, const struct viewed *view)
{
    struct known *known = &world->views[world->count];
    known->view = *view;
    known->seq = (int64_t)world->count + 1;
    world->sorted[world->count] = known;
    world->count++;
}

static void write_some(struct world *world)
{
    size_t count = draw(world, draw(world, 4) == 0 ? BATCH_MAX : 50);
    if (world->count + count > VIEWS_MAX)
        return;
    size_t before = world->count;
    for (size_t i = 0; i < count; i++) {
        bool again = world->count > 0 && draw(world, 20) == 0;
        /* One in twenty is known: from long ago or from this very batch. */
        if (again) {
            world->batch[i] = world->views[draw(world, world->count)].view;
            strcpy(world->batch[i].user_id, "nobody");
        } else {
            world->batch[i] = draw_view(world, (uint32_t)world->count);
            learn(world, &world->batch[i]);
        }
    }
    assert_int_equal(store_some(world->fixture->store, world->batch, count),
                     world->count - before);
    qsort(world->sorted, world->count, sizeof world->sorted[0], compare_known);
}

static void reopen_copy(struct world *world)
{
    char path[FIXTURE_PATH_BYTES];
    if (!world->fixture->is_file) {
        fixture_reopen(world->fixture);
        return;
    }
    (void)snprintf(path, sizeof path, "%s/copy-%d.db", world->fixture->folder,
                   world->copies++);
    fixture_copy(world->fixture, path);
    fixture_close(world->fixture);
    strcpy(world->fixture->path, path);
    fixture_open(world->fixture);
}

static struct store_query draw_query(struct world *world)
{
    static char user_id[16];
    static char video_id[16];
    struct store_query query = query_all();
    (void)snprintf(user_id, sizeof user_id, "user-%u",
                   (unsigned)draw(world, 7));
    (void)snprintf(video_id, sizeof video_id, "video-%u",
                   (unsigned)draw(world, 6));
    query.user_id = draw(world, 2) == 0 ? user_id : NULL;
    query.video_id = draw(world, 2) == 0 ? video_id : NULL;
    query.oldest_first = draw(world, 2) == 0;
    query.limit = 1 + (uint32_t)draw(world, draw(world, 4) == 0 ? 1000 : 30);
    if (draw(world, 3) == 0)
        query.since_ms = draw_time(world);
    if (draw(world, 3) == 0)
        query.until_ms = draw_time(world);
    if (draw(world, 3) == 0) {
        query.skip = (uint32_t)draw(world, world->count + 100);
    } else if (draw(world, 2) == 0 && world->count > 0) {
        const struct known *known = &world->views[draw(world, world->count)];
        query.after_given = true;
        query.after.viewed_at_ms = known->view.viewed_at_ms;
        query.after.seq = known->seq + (int64_t)draw(world, 3) - 1;
    }
    query.count = draw(world, 2) == 0;
    return query;
}

static bool is_beyond(const struct known *known,
                      const struct store_query *query)
{
    if (!query->after_given)
        return true;
    struct store_place after = query->after;
    int order = known->seq < after.seq ? -1 : known->seq > after.seq;
    if (known->view.viewed_at_ms != after.viewed_at_ms)
        order = known->view.viewed_at_ms < after.viewed_at_ms ? -1 : 1;
    return query->oldest_first ? order > 0 : order < 0;
}

static bool is_wanted(const struct known *known,
                      const struct store_query *query)
{
    const struct viewed *view = &known->view;
    return view->viewed_at_ms >= query->since_ms &&
           view->viewed_at_ms < query->until_ms &&
           (query->user_id == NULL ||
            strcmp(view->user_id, query->user_id) == 0) &&
           (query->video_id == NULL ||
            strcmp(view->video_id, query->video_id) == 0) &&
           is_beyond(known, query);
}

static int64_t total_wanted(const struct world *world,
                            const struct store_query *query)
{
    struct store_query all = *query;
    int64_t total = 0;
    all.after_given = false;
    for (size_t i = 0; i < world->count; i++)
        total += is_wanted(world->sorted[i], &all);
    return total;
}

static void check(struct world *world, const struct store_query *query)
{
    const struct store_page *page = &world->page->page;
    ask(world->fixture->store, query, world->page);
    uint32_t wanted = 0;
    for (size_t i = 0; i < world->count; i++) {
        const struct known *known =
            world->sorted[query->oldest_first ? i : world->count - 1 - i];
        if (!is_wanted(known, query) || wanted++ < query->skip)
            continue;
        uint32_t at = wanted - query->skip - 1;
        if (at >= query->limit)
            break;
        assert_true(at < page->rows);
        assert_row_is(&world->page->rows[at], &known->view);
        assert_int_equal(world->page->rows[at].row.place.seq, known->seq);
    }
    uint32_t left = wanted > query->skip ? wanted - query->skip : 0;
    assert_int_equal(page->rows, left < query->limit ? left : query->limit);
    assert_int_equal(page->more, left > query->limit);
    assert_int_equal(page->total,
                     query->count ? total_wanted(world, query) : 0);
    if (page->rows > 0)
        assert_memory_equal(&page->last,
                            &world->page->rows[page->rows - 1].row.place,
                            sizeof page->last);
}

static void step(struct world *world)
{
    switch (draw(world, 12)) {
    case 0:
        fixture_reopen(world->fixture);
        break;
    case 1:
        reopen_copy(world);
        break;
    case 2:
    case 3:
    case 4:
    case 5:
        (void)tidy_once(world->fixture->store, true);
        break;
    default:
        write_some(world);
        break;
    }
    for (int i = 0; i < QUERIES; i++) {
        struct store_query query = draw_query(world);
        check(world, &query);
    }
    struct store_stats stats;
    store_stats(world->fixture->store, &stats);
    assert_int_equal(stats.views, world->count);
    assert_int_equal(stats.merged_seq + stats.tail_rows, world->count);
}

static void every_query_gives_what_a_loop_over_all_views_gives(void **state)
{
    struct world world = {
        .fixture = *state,
        .random = fixture_seed(),
        .views = calloc(VIEWS_MAX, sizeof *world.views),
        .sorted = calloc(VIEWS_MAX, sizeof *world.sorted),
        .batch = calloc(BATCH_MAX, sizeof *world.batch),
        .page = kept_page_make(),
    };
    assert_non_null(world.views);
    assert_non_null(world.sorted);
    assert_non_null(world.batch);
    fixture_open(world.fixture);
    for (int i = 0; i < STEPS; i++)
        step(&world);
    print_message("%zu views\n", world.count);
    assert_true(world.count > 2000); /* else nothing was merged */
    free(world.views);
    free(world.sorted);
    free(world.batch);
    kept_page_free(world.page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            every_query_gives_what_a_loop_over_all_views_gives, fixture_make,
            fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
