#include <string.h>

#include "list_key.h"
#include "sqlite_parts.h"
#include "tail_cursor.h"

enum {
    /* Entries that are stepped over one by one rather than by a jump, which
     * costs about as much as so many steps. */
    STEPS_MAX = 64,
};

/* A query on its way through one list, in `listed` and the tail at once. */
struct walk {
    const struct store_query *query;
    struct store_reader *reader;
    const struct tail_snapshot *snapshot;
    struct fault *fault;
    int64_t list;
    int64_t mark; /* as this read transaction sees it */
    struct place_range range;
    struct tail_cursor tail;
    sqlite3_stmt *listed;
    bool listed_here; /* listed_place is the next in `listed` */
    struct store_place listed_place;
};

static enum result reader_fault(struct walk *walk)
{
    return sqlite_db_fault(walk->reader->db, "cannot read", walk->fault);
}

static struct place_range query_range(const struct store_query *query)
{
    /* No view has the least seq, so both bounds are times and exclusive. */
    struct place_range range = {
        {query->since_ms, INT64_MIN},
        {query->until_ms, INT64_MIN},
    };
    if (!query->after_given)
        return range;
    if (query->oldest_first) {
        if (store_place_compare(query->after, range.low) > 0)
            range.low = query->after;
    } else if (store_place_compare(query->after, range.high) < 0) {
        range.high = query->after;
    }
    return range;
}

static enum result read_mark(struct walk *walk)
{
    sqlite3_stmt *statement = walk->reader->mark;
    enum result result = RESULT_OK;
    if (sqlite3_step(statement) == SQLITE_ROW)
        walk->mark = sqlite3_column_int64(statement, 0);
    else
        result = reader_fault(walk);
    sqlite3_reset(statement);
    return result;
}

/* Moves to the next entry of `listed` that is within the log as we show it. */
static enum result listed_step(struct walk *walk)
{
    int code = sqlite3_step(walk->listed);
    walk->listed_here = code == SQLITE_ROW;
    if (walk->listed_here) {
        walk->listed_place.seq = sqlite3_column_int64(walk->listed, 0);
        walk->listed_place.viewed_at_ms = sqlite3_column_int64(walk->listed, 1);
    }
    return walk->listed_here || code == SQLITE_DONE ? RESULT_OK
                                                    : reader_fault(walk);
}

static enum result listed_open(struct walk *walk)
{
    bool oldest_first = walk->query->oldest_first;
    struct store_place near = oldest_first ? walk->range.low : walk->range.high;
    walk->listed = walk->reader->listed[oldest_first];
    sqlite3_bind_int64(walk->listed, 1, walk->list);
    sqlite3_bind_int64(walk->listed, 2, near.viewed_at_ms);
    sqlite3_bind_int64(walk->listed, 3, near.seq);
    sqlite3_bind_int64(walk->listed, 4,
                       oldest_first ? walk->query->until_ms
                                    : walk->query->since_ms);
    sqlite3_bind_int64(walk->listed, 5, walk->snapshot->last_seq);
    return listed_step(walk);
}

/* Where a walk stands. */
struct stand {
    struct store_place place;
    bool in_tail;
    bool in_listed; /* and its row is the present one of walk->listed */
};

/* The next place of the two together; false at the end. */
static bool walk_peek(const struct walk *walk, struct stand *ret)
{
    struct store_place tail_place;
    bool tail_here = tail_cursor_peek(&walk->tail, &tail_place);
    int order = 0; /* below 0: the tail's comes first; 0: one and the same */
    if (!tail_here && !walk->listed_here)
        return false;
    if (!walk->listed_here)
        order = -1;
    else if (!tail_here)
        order = 1;
    else if (walk->query->oldest_first)
        order = store_place_compare(tail_place, walk->listed_place);
    else
        order = store_place_compare(walk->listed_place, tail_place);
    *ret = (struct stand){order <= 0 ? tail_place : walk->listed_place,
                          order <= 0, order >= 0};
    return true;
}

static enum result walk_pass(struct walk *walk, const struct stand *stand)
{
    if (stand->in_tail)
        (void)tail_cursor_pass(&walk->tail, stand->place);
    return stand->in_listed ? listed_step(walk) : RESULT_OK;
}

/* Up to here all entries are in `listed`, and the log is as we show it. */
static int64_t merged_seq(const struct walk *walk)
{
    return walk->mark < walk->snapshot->last_seq ? walk->mark
                                                 : walk->snapshot->last_seq;
}

/*
 * The place of the `nth` merged entry (from 1) of the range. The bound at the
 * far end is the caller's to check.
 */
static enum result jump(struct walk *walk, uint32_t nth,
                        struct store_place *ret_place, bool *ret_found)
{
    bool oldest_first = walk->query->oldest_first;
    sqlite3_stmt *statement = walk->reader->jump[oldest_first];
    sqlite3_bind_int64(statement, 1, walk->list);
    sqlite3_bind_int64(statement, 2,
                       oldest_first ? walk->query->since_ms
                                    : walk->query->until_ms);
    sqlite3_bind_int64(statement, 3, merged_seq(walk));
    sqlite3_bind_int64(statement, 4, (int64_t)nth - 1);
    int code = sqlite3_step(statement);
    *ret_found = code == SQLITE_ROW;
    if (code == SQLITE_ROW) {
        ret_place->viewed_at_ms = sqlite3_column_int64(statement, 0);
        ret_place->seq = sqlite3_column_int64(statement, 1);
    }
    enum result result = code == SQLITE_ROW || code == SQLITE_DONE
                             ? RESULT_OK
                             : reader_fault(walk);
    sqlite3_reset(statement);
    return result;
}

/* Passes over all places up to this one; returns how many the tail had. */
static size_t walk_from(struct walk *walk, struct store_place place)
{
    if (walk->query->oldest_first)
        walk->range.low = place;
    else
        walk->range.high = place;
    return tail_cursor_pass(&walk->tail, place);
}

/*
 * Skips most of *left in `listed` at one go. Of the next n places of the two
 * together the tail has at most as many as it holds of this list, so the rest
 * are merged entries, and those can be jumped over. Where all of the tail lies
 * beyond the place that a jump of all n leads to, that is the place.
 * *ret_found is false when there are fewer places than that.
 */
static enum result skip_merged(struct walk *walk, uint32_t *left,
                               bool *ret_found)
{
    struct store_place place;
    bool found = true;
    uint32_t passed = 0; /* merged entries */
    size_t in_tail = tail_cursor_left(&walk->tail);
    if (*left > in_tail + STEPS_MAX) {
        passed = *left - (uint32_t)in_tail;
        enum result result = jump(walk, passed, &place, &found);
        *ret_found = found;
        if (result != RESULT_OK || !found)
            return result;
        *left -= passed + (uint32_t)walk_from(walk, place);
    }
    if (*left <= STEPS_MAX)
        return RESULT_OK;
    enum result result = jump(walk, passed + *left, &place, &found);
    if (result == RESULT_OK && found &&
        tail_cursor_count(&walk->tail, place) == 0) {
        (void)walk_from(walk, place);
        *left = 0;
    }
    return result;
}

/* The same in the tail, where all of `listed` lies beyond. */
static void skip_tail(struct walk *walk, uint32_t *left)
{
    struct store_place place;
    if (!tail_cursor_nth(&walk->tail, *left, &place))
        return;
    int order = 1;
    if (walk->listed_here)
        order = store_place_compare(walk->listed_place, place);
    if (walk->listed_here && !walk->query->oldest_first)
        order = -order;
    if (order <= 0)
        return;
    (void)tail_cursor_pass(&walk->tail, place);
    *left = 0;
}

/*
 * Goes to where the page begins and opens `listed` there. What is skipped is
 * counted by its entries, without a look at the rows.
 */
static enum result skip(struct walk *walk, bool *ret_found)
{
    uint32_t left = walk->query->skip;
    bool found = true;
    enum result result = RESULT_OK;
    if (left > STEPS_MAX)
        result = skip_merged(walk, &left, &found);
    if (result == RESULT_OK && found)
        result = listed_open(walk);
    if (result == RESULT_OK && found && left > STEPS_MAX)
        skip_tail(walk, &left);
    for (; result == RESULT_OK && found && left > 0; left--) {
        struct stand stand;
        found = walk_peek(walk, &stand);
        if (found)
            result = walk_pass(walk, &stand);
    }
    *ret_found = found;
    return result;
}

static bool is_text(const char *wanted, const char *text, size_t bytes)
{
    return wanted == NULL ||
           (strlen(wanted) == bytes && memcmp(wanted, text, bytes) == 0);
}

/* Two lists may share a hash: the row says whose it is. */
static bool is_asked_for(const struct store_query *query,
                         const struct store_row *row)
{
    return is_text(query->user_id, row->user_id, row->user_id_bytes) &&
           is_text(query->video_id, row->video_id, row->video_id_bytes) &&
           (!query->session_given ||
            (row->session_given &&
             memcmp(row->session_id.bytes, query->session_id.bytes,
                    sizeof row->session_id.bytes) == 0));
}

struct receiver {
    void (*row)(void *context, const struct store_row *row);
    void *context;
    uint32_t passed; /* rows that were not asked for */
    struct store_page page;
};

/* Hands the row on, or notes that there is one more. */
static void receive(const struct walk *walk, struct store_row *row,
                    struct store_place place, struct receiver *receiver)
{
    if (!is_asked_for(walk->query, row)) {
        receiver->page.last = place;
        receiver->page.more = ++receiver->passed == STORE_PASSED_MAX;
    } else if (receiver->page.rows == walk->query->limit) {
        receiver->page.more = true;
    } else {
        row->place = place;
        if (receiver->page.rows == 0)
            receiver->page.first = place;
        receiver->row(receiver->context, row);
        receiver->page.rows++;
        receiver->page.last = place;
    }
}

/* A row whose entry is in the tail alone. */
static enum result visit_tail(struct walk *walk, struct store_place place,
                              struct receiver *receiver)
{
    sqlite3_stmt *statement = walk->reader->row;
    sqlite3_bind_int64(statement, 1, place.seq);
    int code = sqlite3_step(statement);
    enum result result = RESULT_OK;
    if (code == SQLITE_ROW) {
        struct store_row row;
        sqlite_store_row_read(statement, &row);
        receive(walk, &row, place, receiver);
    } else if (code != SQLITE_DONE) {
        result = reader_fault(walk);
    }
    sqlite3_reset(statement);
    return result;
}

static enum result visit(struct walk *walk, const struct stand *stand,
                         struct receiver *receiver)
{
    if (!stand->in_listed)
        return visit_tail(walk, stand->place, receiver);
    struct store_row row;
    sqlite_store_row_read(walk->listed, &row);
    receive(walk, &row, stand->place, receiver);
    return RESULT_OK;
}

/* What `listed` has up to the mark, and the tail, which has all beyond it. */
static enum result count_list(struct walk *walk, int64_t *ret)
{
    const struct store_query *query = walk->query;
    const struct place_range times = {
        {query->since_ms, INT64_MIN},
        {query->until_ms, INT64_MIN},
    };
    struct tail_cursor tail;
    tail_cursor_open(&tail, walk->snapshot, walk->mark, walk->list, &times,
                     true);
    int64_t in_tail = (int64_t)tail_cursor_left(&tail);
    sqlite3_stmt *count = walk->reader->count;
    sqlite3_bind_int64(count, 1, walk->list);
    sqlite3_bind_int64(count, 2, query->since_ms);
    sqlite3_bind_int64(count, 3, query->until_ms);
    sqlite3_bind_int64(count, 4, merged_seq(walk));
    sqlite3_bind_int64(count, 5, STORE_TOTAL_MAX);
    enum result result = RESULT_OK;
    if (sqlite3_step(count) == SQLITE_ROW)
        *ret = sqlite3_column_int64(count, 0) + in_tail;
    else
        result = reader_fault(walk);
    sqlite3_reset(count);
    if (*ret > STORE_TOTAL_MAX)
        *ret = STORE_TOTAL_MAX;
    return result;
}

static enum result walk_page(struct walk *walk, struct receiver *receiver)
{
    enum result result = read_mark(walk);
    if (result == RESULT_OK && walk->query->count)
        result = count_list(walk, &receiver->page.total);
    if (result != RESULT_OK)
        return result;
    tail_cursor_open(&walk->tail, walk->snapshot, walk->mark, walk->list,
                     &walk->range, walk->query->oldest_first);
    bool found;
    result = skip(walk, &found);
    struct stand stand;
    while (result == RESULT_OK && found && walk_peek(walk, &stand)) {
        result = visit(walk, &stand, receiver);
        if (receiver->page.more)
            break;
        if (result == RESULT_OK)
            result = walk_pass(walk, &stand);
    }
    return result;
}

static enum result read_page(struct walk *walk, struct receiver *receiver)
{
    if (sqlite3_step(walk->reader->begin) != SQLITE_DONE) {
        enum result result = reader_fault(walk);
        sqlite3_reset(walk->reader->begin);
        return result;
    }
    sqlite3_reset(walk->reader->begin);
    enum result result = walk_page(walk, receiver);
    if (walk->listed != NULL)
        sqlite3_reset(walk->listed);
    /* The end of a read has nothing to fail; the next begin would tell. */
    (void)sqlite3_step(walk->reader->end);
    sqlite3_reset(walk->reader->end);
    return result;
}

enum result
sqlite_store_query(struct store *base, const struct store_query *query,
                   void (*row)(void *context, const struct store_row *row),
                   void *context, struct store_page *ret_page,
                   struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    enum result result = RESULT_OK;
    struct receiver receiver = {.row = row, .context = context};
    struct walk walk = {
        .query = query, .fault = fault, .range = query_range(query)};
    if (list_key(&store->list_key, query->user_id, query->video_id,
                 &walk.list)) {
        result =
            sqlite_store_readers_take(&store->readers, &walk.reader, fault);
        if (result != RESULT_OK)
            return result;
        walk.snapshot = tail_take(store->tail);
        result = read_page(&walk, &receiver);
        tail_release(walk.snapshot);
        sqlite_store_readers_give(&store->readers, walk.reader);
    }
    if (result == RESULT_OK)
        *ret_page = receiver.page;
    return result;
}

bool sqlite_store_version(struct store *base, const struct store_query *query,
                          uint64_t *ret)
{
    struct sqlite_store *store = sqlite_store_of(base);
    int64_t list;
    return list_key(&store->list_key, query->user_id, query->video_id, &list) &&
           list_changes_version(&store->changes, list, ret);
}

static enum result find(struct store_reader *reader, const struct uuid *id,
                        void (*row)(void *context, const struct store_row *row),
                        void *context, struct fault *fault)
{
    enum result result = RESULT_OK;
    sqlite3_bind_blob(reader->find, 1, id->bytes, sizeof id->bytes,
                      SQLITE_STATIC);
    int code = sqlite3_step(reader->find);
    if (code == SQLITE_ROW) {
        struct store_row found;
        sqlite_store_row_read(reader->find, &found);
        row(context, &found);
    } else if (code == SQLITE_DONE) {
        result = fault_set(fault, RESULT_NOT_FOUND, "no view has that id");
    } else {
        result = sqlite_db_fault(reader->db, "cannot read", fault);
    }
    sqlite3_reset(reader->find);
    return result;
}

enum result sqlite_store_find(struct store *base, const struct uuid *id,
                              void (*row)(void *context,
                                          const struct store_row *row),
                              void *context, struct fault *fault)
{
    struct sqlite_store *store = sqlite_store_of(base);
    struct store_reader *reader = NULL;
    enum result result =
        sqlite_store_readers_take(&store->readers, &reader, fault);
    if (result != RESULT_OK)
        return result;
    result = find(reader, id, row, context, fault);
    sqlite_store_readers_give(&store->readers, reader);
    return result;
}
