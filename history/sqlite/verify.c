#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "migrate.h"
#include "sqlite_parts.h"

/* A mapped page that cannot be read is a signal; we want it in words. */
static const char settings[] = "PRAGMA mmap_size = 0;"
                               "PRAGMA cell_size_check = ON;"
                               "BEGIN";

/* A set of entries of the index by its size and the sum of its hashes: two
 * sets that are equal in both are the same, and neither is held in memory. */
struct entries {
    int64_t count;
    uint64_t sum;
};

struct verify {
    struct sqlite_db *db;
    struct siphash_key list_key;
    struct store_report *report;
    struct entries wanted;
    struct entries found;
};

static void entries_add(struct entries *entries, const struct tail_entry *entry)
{
    static const struct siphash_key key = {1, 2};
    const int64_t words[3] = {entry->list, entry->place.viewed_at_ms,
                              entry->place.seq};
    entries->sum += siphash(&key, words, sizeof words);
    entries->count++;
}

/* SQLite says where on one line and what on the next. */
static enum result integrity_fault(const char *words, struct fault *fault)
{
    char line[FAULT_TEXT_BYTES];
    (void)snprintf(line, sizeof line, "%s", words);
    for (char *at = line; *at != '\0'; at++)
        if ((unsigned char)*at < ' ')
            *at = ' ';
    return fault_set(fault, RESULT_UNUSABLE, "integrity_check: %s", line);
}

static enum result check_integrity(struct verify *v, struct fault *fault)
{
    sqlite3_stmt *check = NULL;
    enum result result =
        sqlite_db_prepare(v->db, "PRAGMA integrity_check(1)", &check, fault);
    if (result != RESULT_OK)
        return result;
    int code = sqlite3_step(check);
    const char *words =
        code == SQLITE_ROW ? (const char *)sqlite3_column_text(check, 0) : NULL;
    if (words == NULL)
        result = sqlite_db_fault(v->db, "cannot check", fault);
    else if (strcmp(words, "ok") != 0)
        result = integrity_fault(words, fault);
    sqlite3_finalize(check);
    return result;
}

/* Calls `row` for each row that the statement has; ends the statement. */
static enum result each_row(struct verify *v, const char *sql,
                            void (*row)(struct verify *v, sqlite3_stmt *at),
                            struct fault *fault)
{
    sqlite3_stmt *statement = NULL;
    enum result result = sqlite_db_prepare(v->db, sql, &statement, fault);
    if (result != RESULT_OK)
        return result;
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        row(v, statement);
    if (code != SQLITE_DONE)
        result = sqlite_db_fault(v->db, "cannot read", fault);
    sqlite3_finalize(statement);
    return result;
}

static void widen(struct store_report *report, const struct store_row *row)
{
    int64_t viewed_ms = row->place.viewed_at_ms;
    bool first = report->views == 1;
    if (first || viewed_ms < report->first_viewed_ms)
        report->first_viewed_ms = viewed_ms;
    if (first || viewed_ms > report->last_viewed_ms)
        report->last_viewed_ms = viewed_ms;
    if (first || row->received_ms > report->last_received_ms)
        report->last_received_ms = row->received_ms;
}

static void take_view(struct verify *v, sqlite3_stmt *at)
{
    struct store_row row;
    sqlite_store_row_read(at, &row);
    v->report->views++;
    v->report->views_without_id += !row.id_given;
    widen(v->report, &row);
    store_digest_add(&v->report->digest, &row);
    if (row.place.seq > v->report->mark)
        return;
    struct tail_entry entries[TAIL_LISTS_MAX];
    size_t count = sqlite_store_entries(&v->list_key, row.user_id, row.video_id,
                                        row.place, entries);
    for (size_t i = 0; i < count; i++)
        entries_add(&v->wanted, &entries[i]);
}

/* Beyond the mark are entries of a merge that is under way. */
static void take_entry(struct verify *v, sqlite3_stmt *at)
{
    struct tail_entry entry = {
        .list = sqlite3_column_int64(at, 0),
        .place = {sqlite3_column_int64(at, 1), sqlite3_column_int64(at, 2)}};
    if (entry.place.seq <= v->report->mark)
        entries_add(&v->found, &entry);
}

static enum result compare(struct verify *v, int64_t views_kept,
                           struct fault *fault)
{
    v->report->entries = v->found.count;
    if (views_kept != v->report->views)
        return fault_set(fault, RESULT_UNUSABLE,
                         "the store counts %lld views and has %lld",
                         (long long)views_kept, (long long)v->report->views);
    if (v->found.count != v->wanted.count)
        return fault_set(fault, RESULT_UNUSABLE,
                         "the index has %lld entries where the views up to "
                         "its mark make %lld",
                         (long long)v->found.count, (long long)v->wanted.count);
    if (v->found.sum != v->wanted.sum)
        return fault_set(fault, RESULT_UNUSABLE,
                         "entries of the index are not those of the views");
    return RESULT_OK;
}

enum {
    VERSION_REMOVED = 2, /* from which on there is a table `removed` */
};

static enum result check_removed(struct verify *v, struct fault *fault)
{
    int64_t both = 0;
    if (v->report->version < VERSION_REMOVED)
        return RESULT_OK;
    enum result r = sqlite_db_integer(
        v->db,
        "SELECT count(*) FROM removed JOIN views ON views.id = removed.id",
        &both, fault);
    return r == RESULT_OK && both > 0
               ? fault_set(fault, RESULT_UNUSABLE,
                           "%lld views are there that were removed",
                           (long long)both)
               : r;
}

static enum result look_through(struct verify *v, struct fault *fault)
{
    int64_t views_kept = 0;
    enum result r = sqlite_db_run(v->db, settings, fault);
    if (r == RESULT_OK)
        r = schema_check(v->db, SCHEMA_HISTORY, &v->report->version, fault);
    if (r == RESULT_OK)
        r = check_integrity(v, fault);
    if (r == RESULT_OK)
        r = check_removed(v, fault);
    if (r == RESULT_OK)
        r = sqlite_store_read_key(v->db, &v->list_key, fault);
    if (r == RESULT_OK)
        r = sqlite_db_integer(v->db, "SELECT mark FROM store", &v->report->mark,
                              fault);
    if (r == RESULT_OK)
        r = sqlite_db_integer(v->db, "SELECT stream_offset FROM store",
                              &v->report->contained, fault);
    if (r == RESULT_OK)
        r = sqlite_db_integer(v->db, "SELECT views FROM store", &views_kept,
                              fault);
    if (r == RESULT_OK)
        r = each_row(v, "SELECT " STORE_ROW_COLUMNS " FROM views", take_view,
                     fault);
    if (r == RESULT_OK)
        r = each_row(v, "SELECT list, viewed_at_ms, seq FROM listed",
                     take_entry, fault);
    return r == RESULT_OK ? compare(v, views_kept, fault) : r;
}

enum result sqlite_store_verify(const char *path, struct store_report *ret,
                                struct fault *fault)
{
    if (access(path, R_OK) != 0)
        return fault_set(
            fault, errno == ENOENT ? RESULT_NOT_FOUND : RESULT_UNAVAILABLE,
            "cannot open %s: %s", path, strerror(errno));
    struct store_report report = {.contained = -1};
    struct verify v = {.report = &report};
    struct fault why = {""};
    enum result result = sqlite_db_open_visitor(path, &v.db, &why);
    if (result == RESULT_OK)
        result = look_through(&v, &why);
    (void)sqlite_db_close(v.db, NULL); /* a reader has nothing to lose */
    if (result == RESULT_UNUSABLE)
        strcpy(report.problem, why.text);
    else if (result != RESULT_OK)
        return fault_set(fault, result, "cannot verify %s: %s", path, why.text);
    *ret = report;
    return RESULT_OK;
}
