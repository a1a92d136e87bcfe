#include "store_compare.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "store_parts.h"

/* Both are read by one connection, in one transaction. */
struct comparing {
    struct sqlite_db *db;
    struct erased_set refused; /* by the live store */
    int64_t since_ms;
    int64_t soon_ms;
    struct store_comparison *result;
    struct store_difference unnamed; /* counted in all, not by name */
};

/* Not older than the live store keeps its user's views; ?1 is a little later
 * than now, for those that it is about to delete. */
#define DAYS(user)                                                             \
    "coalesce((SELECT k.keep_days FROM main.retention k WHERE k.user_id "      \
    "= " user "), 1000000)"
#define IS_KEPT(t)                                                             \
    t ".viewed_at_ms > ?1 - 86400000 * min(" DAYS("''") ", " DAYS(             \
        t ".user_id") ")"

/* --- by user -------------------------------------------------------------- */

/* One store's rows in the order of users, a user at a time. */
struct users {
    sqlite3_stmt *rows;
    bool at_row;
    struct store_row row;
    char user_id[VIEWED_USER_BYTES_MAX + 1];
    struct store_digest digest; /* of the user */
    int64_t without_id;
};

static enum result step(struct comparing *c, struct users *users,
                        struct fault *fault)
{
    int code = sqlite3_step(users->rows);
    users->at_row = code == SQLITE_ROW;
    if (code == SQLITE_ROW)
        store_row_read(users->rows, &users->row);
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? RESULT_OK
               : sqlite_db_fault(c->db, "cannot read", fault);
}

static enum result open_users(struct comparing *c, const char *sql,
                              struct users *ret, struct fault *fault)
{
    enum result r = sqlite_db_prepare(c->db, sql, &ret->rows, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_int64(ret->rows, 1, c->soon_ms);
    return step(c, ret, fault);
}

/* A hand that altered a row may have written any text. */
static void copy_user(char user_id[VIEWED_USER_BYTES_MAX + 1], const char *text,
                      size_t bytes)
{
    size_t kept = bytes < VIEWED_USER_BYTES_MAX ? bytes : VIEWED_USER_BYTES_MAX;
    memcpy(user_id, text, kept);
    user_id[kept] = '\0';
}

/* Reads the rows of the user that the first one has. */
static enum result read_user(struct comparing *c, struct users *users,
                             struct fault *fault)
{
    enum result r = RESULT_OK;
    users->digest = (struct store_digest){.rows = 0};
    copy_user(users->user_id, users->row.user_id, users->row.user_id_bytes);
    while (r == RESULT_OK && users->at_row) {
        char here[VIEWED_USER_BYTES_MAX + 1];
        copy_user(here, users->row.user_id, users->row.user_id_bytes);
        if (strcmp(here, users->user_id) != 0)
            break;
        if (users->row.id_given)
            store_digest_add(&users->digest, &users->row);
        else
            users->without_id++;
        r = step(c, users, fault);
    }
    return r;
}

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

/* Below 0: the live store's user comes first, and the other has it not. */
static int order(const struct users *live, const struct users *rebuilt)
{
    if (live->at_row != rebuilt->at_row)
        return live->at_row ? -1 : 1;
    char one[VIEWED_USER_BYTES_MAX + 1];
    char other[VIEWED_USER_BYTES_MAX + 1];
    copy_user(one, live->row.user_id, live->row.user_id_bytes);
    copy_user(other, rebuilt->row.user_id, rebuilt->row.user_id_bytes);
    return strcmp(one, other);
}

/* The next user of the two. */
static enum result compare_user(struct comparing *c, struct users *live,
                                struct users *rebuilt, struct fault *fault)
{
    int first = order(live, rebuilt);
    struct store_digest none = {.rows = 0};
    enum result r = RESULT_OK;
    if (first <= 0)
        r = read_user(c, live, fault);
    if (r == RESULT_OK && first >= 0)
        r = read_user(c, rebuilt, fault);
    if (r != RESULT_OK)
        return r;
    const struct store_digest *of_live = first <= 0 ? &live->digest : &none;
    const struct store_digest *of_rebuilt =
        first >= 0 ? &rebuilt->digest : &none;
    add(&c->result->live, of_live);
    add(&c->result->rebuilt, of_rebuilt);
    c->result->users++;
    if (!is_same(of_live, of_rebuilt))
        c->result->users_differing++;
    return RESULT_OK;
}

static enum result compare_users(struct comparing *c, struct fault *fault)
{
    struct users live = {.rows = NULL};
    struct users rebuilt = {.rows = NULL};
    enum result r =
        open_users(c,
                   "SELECT " STORE_ROW_COLUMNS
                   " FROM main.views v WHERE " IS_KEPT("v") " ORDER BY user_id",
                   &live, fault);
    if (r == RESULT_OK)
        r = open_users(
            c,
            "SELECT " STORE_ROW_COLUMNS
            " FROM rebuilt.views v WHERE " IS_KEPT("v") " ORDER BY user_id",
            &rebuilt, fault);
    while (r == RESULT_OK && (live.at_row || rebuilt.at_row))
        r = compare_user(c, &live, &rebuilt, fault);
    c->result->live_without_id = live.without_id;
    c->result->rebuilt_without_id = rebuilt.without_id;
    sqlite3_finalize(live.rows);
    sqlite3_finalize(rebuilt.rows);
    return r;
}

/* --- row by row ----------------------------------------------------------- */

static struct store_difference *difference_of(struct comparing *c,
                                              const char *text, size_t bytes)
{
    struct store_comparison *result = c->result;
    char user_id[VIEWED_USER_BYTES_MAX + 1];
    copy_user(user_id, text, bytes);
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

static const char *text_of(sqlite3_stmt *at, int column, size_t *ret_bytes)
{
    const char *text = (const char *)sqlite3_column_text(at, column);
    *ret_bytes = (size_t)sqlite3_column_bytes(at, column);
    return text != NULL ? text : "";
}

static void take_off(struct store_digest *digest, const struct store_row *row)
{
    struct store_digest one = {.rows = 0};
    store_digest_add(&one, row);
    for (size_t i = 0; i < 2; i++)
        digest->sums[i] -= one.sums[i];
    digest->rows--;
}

/* A row of the live store that the rebuilt one has not, or has otherwise. One
 * that was removed when the other was rebuilt has been restored since. */
static void take_live(struct comparing *c, sqlite3_stmt *at)
{
    struct store_comparison *result = c->result;
    struct store_row row;
    store_row_read(at, &row);
    bool is_there = sqlite3_column_int(at, STORE_ROW_COLUMNS_COUNT) != 0;
    if (is_there) {
        size_t bytes;
        const char *other = text_of(at, STORE_ROW_COLUMNS_COUNT + 1, &bytes);
        struct store_difference *of_live =
            difference_of(c, row.user_id, row.user_id_bytes);
        struct store_difference *of_other = difference_of(c, other, bytes);
        of_live->altered++;
        if (of_other != of_live)
            of_other->altered++;
        result->altered++;
        return;
    }
    if (row.received_ms >= c->since_ms ||
        sqlite3_column_int(at, STORE_ROW_COLUMNS_COUNT + 2) != 0) {
        take_off(&result->live, &row);
        result->since++;
        return;
    }
    difference_of(c, row.user_id, row.user_id_bytes)->lost++;
    result->lost++;
    if (result->oldest_lost_ms == 0 || row.received_ms < result->oldest_lost_ms)
        result->oldest_lost_ms = row.received_ms;
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

/* A row that the rebuilt store alone has; or it was removed from the live one,
 * or refused there, while the other was rebuilt. */
static void take_rebuilt(struct comparing *c, sqlite3_stmt *at)
{
    struct store_row row;
    store_row_read(at, &row);
    if (sqlite3_column_int(at, STORE_ROW_COLUMNS_COUNT) != 0 ||
        is_refused(c, &row)) {
        take_off(&c->result->rebuilt, &row);
        return;
    }
    difference_of(c, row.user_id, row.user_id_bytes)->missing++;
    c->result->missing++;
}

static enum result each_row(struct comparing *c, const char *sql,
                            void (*take)(struct comparing *c, sqlite3_stmt *at),
                            struct fault *fault)
{
    sqlite3_stmt *rows = NULL;
    enum result r = sqlite_db_prepare(c->db, sql, &rows, fault);
    int code = SQLITE_DONE;
    if (r == RESULT_OK)
        sqlite3_bind_int64(rows, 1, c->soon_ms);
    while (r == RESULT_OK && (code = sqlite3_step(rows)) == SQLITE_ROW)
        take(c, rows);
    if (r == RESULT_OK && code != SQLITE_DONE)
        r = sqlite_db_fault(c->db, "cannot read", fault);
    sqlite3_finalize(rows);
    return r;
}

#define COLUMNS_OF(t)                                                          \
    t ".seq, " t ".viewed_at_ms, " t ".id, " t ".flags, " t ".user_id, " t     \
      ".video_id, " t ".video_path, " t ".received_ms, " t ".position_ms, " t  \
      ".duration_ms, " t ".session_id, " t ".rule, " t ".trace"

/* flags & 1: the id was given; & 2: the time was. */
#define IS_OTHERWISE                                                           \
    "(l.user_id IS NOT r.user_id OR l.video_id IS NOT r.video_id"              \
    " OR l.video_path IS NOT r.video_path"                                     \
    " OR (l.viewed_at_ms <> r.viewed_at_ms AND l.flags & 2)"                   \
    " OR l.position_ms IS NOT r.position_ms"                                   \
    " OR l.duration_ms IS NOT r.duration_ms"                                   \
    " OR l.session_id IS NOT r.session_id OR l.rule <> r.rule"                 \
    " OR l.trace IS NOT r.trace"                                               \
    " OR (l.flags & 3) <> (r.flags & 3))"

static const char live_rows[] = "SELECT " COLUMNS_OF(
    "l") ", r.id IS NOT NULL, r.user_id, EXISTS ("
         "SELECT 1 FROM rebuilt.removed d WHERE d.id = l.id)"
         " FROM main.views l LEFT JOIN rebuilt.views r ON r.id = l.id"
         " WHERE l.flags & 1 AND (r.id IS NULL OR " IS_OTHERWISE ")"
         " AND " IS_KEPT("l");

static const char rebuilt_rows[] = "SELECT " COLUMNS_OF(
    "r") ", EXISTS ("
         "SELECT 1 FROM main.removed d WHERE d.id = r.id)"
         " OR r.id IN (SELECT id FROM main.taken_back)"
         " FROM rebuilt.views r LEFT JOIN main.views l ON l.id = r.id"
         " WHERE r.flags & 1 AND l.id IS NULL AND " IS_KEPT("r");

static enum result compare_rows(struct comparing *c, struct fault *fault)
{
    enum result r = each_row(c, live_rows, take_live, fault);
    return r == RESULT_OK ? each_row(c, rebuilt_rows, take_rebuilt, fault) : r;
}

static enum result attach(struct comparing *c, const char *rebuilt,
                          struct fault *fault)
{
    sqlite3_stmt *statement = NULL;
    enum result r =
        sqlite_db_prepare(c->db, "ATTACH ?1 AS rebuilt", &statement, fault);
    if (r != RESULT_OK)
        return r;
    sqlite3_bind_text(statement, 1, rebuilt, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) != SQLITE_DONE)
        r = sqlite_db_fault(c->db, "cannot open the rebuilt store", fault);
    sqlite3_finalize(statement);
    return r;
}

enum result store_compare(const char *live, const char *rebuilt,
                          int64_t since_ms, struct store_comparison *ret,
                          struct fault *fault)
{
    *ret = (struct store_comparison){.users = 0};
    struct comparing c = {
        .since_ms = since_ms,
        .soon_ms = clock_now_ms() + 60 * 1000,
        .result = ret,
    };
    enum result r = sqlite_db_open_visitor(live, &c.db, fault);
    if (r == RESULT_OK)
        r = attach(&c, rebuilt, fault);
    if (r == RESULT_OK)
        r = sqlite_db_run(c.db, "BEGIN", fault);
    if (r == RESULT_OK)
        r = store_erased_rows(c.db, &c.refused, fault);
    if (r == RESULT_OK)
        r = store_paused_rows(c.db, &c.refused, fault);
    if (r == RESULT_OK)
        r = compare_users(&c, fault);
    if (r == RESULT_OK && ret->users_differing > 0)
        r = compare_rows(&c, fault);
    if (c.db != NULL)
        (void)sqlite_db_run(c.db, "COMMIT", NULL); /* it has written nothing */
    (void)sqlite_db_close(c.db, NULL);
    erased_set_done(&c.refused);
    if (r == RESULT_OK)
        ret->users_differing = (int64_t)ret->named;
    return r;
}

bool store_comparison_is_equal(const struct store_comparison *comparison)
{
    return comparison->lost == 0 && comparison->missing == 0 &&
           comparison->altered == 0 &&
           is_same(&comparison->live, &comparison->rebuilt);
}
