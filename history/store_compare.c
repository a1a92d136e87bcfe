#include "store_compare.h"

#include <string.h>

#include "clock.h"
#include "store_look.h"

enum {
    SOON_MS = 60 * 1000, /* what the live store deletes in this time is gone */
};

static const int64_t day_ms = INT64_C(24) * 60 * 60 * 1000;

/* One store's rows, in the order of users and their ids. */
struct side {
    struct store_look *look;
    bool at_row;
    struct store_row row;
    char kept_user[VIEWED_USER_BYTES_MAX + 1]; /* whose keep_days these are */
    bool kept_user_given;
    uint32_t keep_days;
};

struct comparing {
    struct side live;
    struct side rebuilt;
    struct erased_set refused; /* by the live store */
    int64_t since_ms;
    int64_t soon_ms;
    char user_id[VIEWED_USER_BYTES_MAX + 1]; /* the last that was counted */
    struct store_comparison *result;
    struct store_difference unnamed; /* counted in all, not by name */
};

/* A hand that altered a row may have written any text. */
static void copy_user(char user_id[VIEWED_USER_BYTES_MAX + 1], const char *text,
                      size_t bytes)
{
    size_t kept = bytes < VIEWED_USER_BYTES_MAX ? bytes : VIEWED_USER_BYTES_MAX;
    memcpy(user_id, text, kept);
    user_id[kept] = '\0';
}

/* --- the rows of a side --------------------------------------------------- */

/* By the days of the live store, which both are held to. */
static enum result is_kept(struct comparing *c, struct side *side, bool *ret,
                           struct fault *fault)
{
    char user_id[VIEWED_USER_BYTES_MAX + 1];
    enum result r = RESULT_OK;
    copy_user(user_id, side->row.user_id, side->row.user_id_bytes);
    if (!side->kept_user_given || strcmp(user_id, side->kept_user) != 0)
        r = store_look_keep_days(c->live.look, user_id, &side->keep_days,
                                 fault);
    memcpy(side->kept_user, user_id, sizeof side->kept_user);
    side->kept_user_given = true;
    *ret = side->keep_days == 0 ||
           side->row.place.viewed_at_ms > c->soon_ms - side->keep_days * day_ms;
    return r;
}

/* To the next row that is not older than the live store keeps it. */
static enum result step(struct comparing *c, struct side *side,
                        struct fault *fault)
{
    bool kept = false;
    enum result r = RESULT_OK;
    while (r == RESULT_OK && !kept) {
        r = store_look_next(side->look, &side->row, fault);
        side->at_row = r == RESULT_OK;
        if (r == RESULT_OK)
            r = is_kept(c, side, &kept, fault);
    }
    return r == RESULT_NOT_FOUND ? RESULT_OK : r;
}

static int compare_bytes(const char *a, size_t a_bytes, const char *b,
                         size_t b_bytes)
{
    int found = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    return found != 0 ? found : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

/* Below 0: the live store's row comes first, and the other has it not there. */
static int order(const struct side *live, const struct side *rebuilt)
{
    if (!live->at_row || !rebuilt->at_row)
        return live->at_row ? -1 : 1;
    const struct store_row *a = &live->row;
    const struct store_row *b = &rebuilt->row;
    int found = compare_bytes(a->user_id, a->user_id_bytes, b->user_id,
                              b->user_id_bytes);
    return found != 0 ? found
                      : memcmp(a->id.bytes, b->id.bytes, sizeof a->id.bytes);
}

/* --- what is counted ------------------------------------------------------ */

static void add(struct store_digest *sum, const struct store_digest *digest)
{
    for (size_t i = 0; i < 2; i++)
        sum->sums[i] += digest->sums[i];
    sum->rows += digest->rows;
}

static bool is_same(const struct store_digest *a, const struct store_digest *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static struct store_digest digest_of(const struct store_row *row)
{
    struct store_digest digest = {.rows = 0};
    store_digest_add(&digest, row);
    return digest;
}

static void count_user(struct comparing *c, const struct store_row *row)
{
    char user_id[VIEWED_USER_BYTES_MAX + 1];
    copy_user(user_id, row->user_id, row->user_id_bytes);
    if (c->result->users > 0 && strcmp(user_id, c->user_id) == 0)
        return;
    memcpy(c->user_id, user_id, sizeof c->user_id);
    c->result->users++;
}

static struct store_difference *difference_of(struct comparing *c,
                                              const struct store_row *row)
{
    struct store_comparison *result = c->result;
    char user_id[VIEWED_USER_BYTES_MAX + 1];
    copy_user(user_id, row->user_id, row->user_id_bytes);
    for (size_t i = 0; i < result->named; i++)
        if (strcmp(result->differences[i].user_id, user_id) == 0)
            return &result->differences[i];
    if (result->named == STORE_COMPARE_NAMED)
        return &c->unnamed;
    struct store_difference *made = &result->differences[result->named++];
    *made = (struct store_difference){.lost = 0};
    memcpy(made->user_id, user_id, sizeof made->user_id);
    return made;
}

static void count_altered(struct comparing *c, const struct store_row *live,
                          const struct store_row *rebuilt)
{
    struct store_difference *of_live = difference_of(c, live);
    struct store_difference *of_rebuilt = difference_of(c, rebuilt);
    of_live->altered++;
    if (of_rebuilt != of_live)
        of_rebuilt->altered++;
    c->result->altered++;
}

static void count_lost(struct comparing *c, const struct store_row *row)
{
    struct store_comparison *result = c->result;
    difference_of(c, row)->lost++;
    result->lost++;
    if (result->oldest_lost_ms == 0 ||
        row->received_ms < result->oldest_lost_ms)
        result->oldest_lost_ms = row->received_ms;
}

/* --- row by row ----------------------------------------------------------- */

static void take_both(struct comparing *c)
{
    const struct store_row *live = &c->live.row;
    const struct store_row *rebuilt = &c->rebuilt.row;
    struct store_digest of_live = digest_of(live);
    struct store_digest of_rebuilt = digest_of(rebuilt);
    if (live->id_given)
        add(&c->result->live, &of_live);
    else
        c->result->live_without_id++;
    if (rebuilt->id_given)
        add(&c->result->rebuilt, &of_rebuilt);
    else
        c->result->rebuilt_without_id++;
    if (live->id_given && !is_same(&of_live, &of_rebuilt))
        count_altered(c, live, rebuilt);
}

/* A row that only the live store has under this user. One that was removed
 * when the other was rebuilt has been restored since. */
static enum result take_live(struct comparing *c, struct fault *fault)
{
    const struct store_row *row = &c->live.row;
    struct store_digest digest = digest_of(row);
    struct store_row other;
    bool removed = false;
    if (!row->id_given) {
        c->result->live_without_id++;
        return RESULT_OK;
    }
    enum result r = store_look_find(c->rebuilt.look, &row->id, &other, fault);
    bool is_there = r == RESULT_OK;
    if (r == RESULT_NOT_FOUND)
        r = store_look_removed(c->rebuilt.look, &row->id, &removed, fault);
    if (r != RESULT_OK)
        return r;
    if (!is_there && (removed || row->received_ms >= c->since_ms)) {
        c->result->since++;
        return RESULT_OK;
    }
    add(&c->result->live, &digest);
    if (!is_there) {
        count_lost(c, row);
        return RESULT_OK;
    }
    struct store_digest of_other = digest_of(&other);
    if (!is_same(&digest, &of_other))
        count_altered(c, row, &other);
    return RESULT_OK;
}

static bool is_refused(const struct comparing *c, const struct store_row *row)
{
    struct erased_question question = {
        .user_id = row->user_id,
        .user_id_bytes = row->user_id_bytes,
        .time_given = row->time_given,
        .viewed_at_ms = row->place.viewed_at_ms,
    };
    return erased_set_why(&c->refused, &question) != ERASED_NOT;
}

/* Whether the live store took it away, or would not have it. */
static enum result is_unwanted(struct comparing *c, const struct store_row *row,
                               bool *ret, struct fault *fault)
{
    bool removed = false;
    bool taken_back = false;
    enum result r = store_look_removed(c->live.look, &row->id, &removed, fault);
    if (r == RESULT_OK)
        r = store_look_taken_back(c->live.look, &row->id, &taken_back, fault);
    *ret = removed || taken_back || is_refused(c, row);
    return r;
}

/* A row that only the rebuilt store has under this user; or it was removed
 * from the live one, or refused there, while the other was rebuilt. */
static enum result take_rebuilt(struct comparing *c, struct fault *fault)
{
    const struct store_row *row = &c->rebuilt.row;
    struct store_digest digest = digest_of(row);
    struct store_row other;
    bool unwanted = false;
    if (!row->id_given) {
        c->result->rebuilt_without_id++;
        return RESULT_OK;
    }
    enum result r = store_look_find(c->live.look, &row->id, &other, fault);
    bool is_there = r == RESULT_OK; /* where it is told as altered */
    if (r == RESULT_NOT_FOUND)
        r = is_unwanted(c, row, &unwanted, fault);
    if (r != RESULT_OK || unwanted)
        return r;
    add(&c->result->rebuilt, &digest);
    if (!is_there) {
        difference_of(c, row)->missing++;
        c->result->missing++;
    }
    return RESULT_OK;
}

static enum result compare_next(struct comparing *c, struct fault *fault)
{
    int first = order(&c->live, &c->rebuilt);
    enum result r = RESULT_OK;
    count_user(c, first <= 0 ? &c->live.row : &c->rebuilt.row);
    if (first == 0)
        take_both(c);
    else
        r = first < 0 ? take_live(c, fault) : take_rebuilt(c, fault);
    if (r == RESULT_OK && first <= 0)
        r = step(c, &c->live, fault);
    if (r == RESULT_OK && first >= 0)
        r = step(c, &c->rebuilt, fault);
    return r;
}

static enum result open_side(const char *path, struct side *side,
                             struct fault *fault)
{
    enum result r = store_look_open(path, &side->look, fault);
    return r == RESULT_OK ? store_look_hold(side->look, fault) : r;
}

enum result store_compare(const char *live, const char *rebuilt,
                          int64_t since_ms, struct store_comparison *ret,
                          struct fault *fault)
{
    *ret = (struct store_comparison){.users = 0};
    struct comparing c = {
        .since_ms = since_ms,
        .soon_ms = clock_now_ms() + SOON_MS,
        .result = ret,
    };
    enum result r = open_side(live, &c.live, fault);
    if (r == RESULT_OK)
        r = open_side(rebuilt, &c.rebuilt, fault);
    if (r == RESULT_OK)
        r = store_look_erased(c.live.look, &c.refused, fault);
    if (r == RESULT_OK)
        r = step(&c, &c.live, fault);
    if (r == RESULT_OK)
        r = step(&c, &c.rebuilt, fault);
    while (r == RESULT_OK && (c.live.at_row || c.rebuilt.at_row))
        r = compare_next(&c, fault);
    store_look_close(c.live.look);
    store_look_close(c.rebuilt.look);
    erased_set_done(&c.refused);
    ret->users_differing = (int64_t)ret->named;
    return r;
}

bool store_comparison_is_equal(const struct store_comparison *comparison)
{
    return comparison->lost == 0 && comparison->missing == 0 &&
           comparison->altered == 0 &&
           is_same(&comparison->live, &comparison->rebuilt);
}
