#include "erased_set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "durable_file.h"
#include "siphash.h"

enum {
    LINE_BYTES_MAX = 80, /* 32 digits, twice a space and 20 more, the end */
    CAPACITY_MIN = 16,
};

struct erased_user erased_user_of(const char *user_id, size_t bytes)
{
    static const struct siphash_key keys[2] = {
        {UINT64_C(0x452821e638d01377), UINT64_C(0xbe5466cf34e90c6c)},
        {UINT64_C(0xc0ac29b7c97c50dd), UINT64_C(0x3f84d5b5b5470917)},
    };
    struct erased_user user;
    for (size_t half = 0; half < 2; half++) {
        uint64_t bits = siphash(&keys[half], user_id, bytes);
        for (size_t i = 0; i < 8; i++)
            user.hash[half * 8 + i] = (uint8_t)(bits >> (8 * i));
    }
    return user;
}

void erased_set_done(struct erased_set *set)
{
    free(set->entries);
    *set = (struct erased_set){0};
}

static int compare(const struct erased_entry *entry,
                   const struct erased_user *user, int64_t from_ms)
{
    int order = memcmp(entry->user.hash, user->hash, sizeof user->hash);
    if (order != 0)
        return order;
    return entry->from_ms < from_ms ? -1 : entry->from_ms > from_ms;
}

/* Where the entry is, or would be. */
static size_t place_of(const struct erased_set *set,
                       const struct erased_user *user, int64_t from_ms)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&set->entries[middle], user, from_ms) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct erased_entry *erased_set_find(const struct erased_set *set,
                                           const struct erased_user *user,
                                           int64_t from_ms)
{
    size_t at = place_of(set, user, from_ms);
    bool found =
        at < set->count && compare(&set->entries[at], user, from_ms) == 0;
    return found ? &set->entries[at] : NULL;
}

bool erased_set_reserve(struct erased_set *set)
{
    if (set->count < set->capacity)
        return true;
    size_t capacity = set->capacity > 0 ? set->capacity * 2 : CAPACITY_MIN;
    struct erased_entry *entries =
        reallocarray(set->entries, capacity, sizeof *entries);
    if (entries == NULL)
        return false;
    set->entries = entries;
    set->capacity = capacity;
    return true;
}

bool erased_is_pause(const struct erased_entry *entry)
{
    return entry->from_ms != ERASED_FROM_EVER;
}

bool erased_set_covers(const struct erased_set *set,
                       const struct erased_entry *entry)
{
    const struct erased_entry *mine =
        erased_set_find(set, &entry->user, entry->from_ms);
    if (mine == NULL)
        return false;
    return erased_is_pause(entry) ? mine->until_ms <= entry->until_ms
                                  : mine->until_ms >= entry->until_ms;
}

bool erased_set_add(struct erased_set *set, const struct erased_entry *entry)
{
    size_t at = place_of(set, &entry->user, entry->from_ms);
    if (erased_set_find(set, &entry->user, entry->from_ms) != NULL) {
        if (!erased_set_covers(set, entry))
            set->entries[at].until_ms = entry->until_ms;
        return true;
    }
    if (!erased_set_reserve(set))
        return false;
    memmove(&set->entries[at + 1], &set->entries[at],
            (set->count - at) * sizeof *set->entries);
    set->entries[at] = *entry;
    set->count++;
    return true;
}

static bool is_of(const struct erased_entry *entry,
                  const struct erased_user *user)
{
    return memcmp(entry->user.hash, user->hash, sizeof user->hash) == 0;
}

/* Pauses of one user come one after the other: the last that began before is
 * the one that the time may be in. */
enum erased_why erased_set_why(const struct erased_set *set,
                               const struct erased_question *question)
{
    if (set->count == 0 || question->user_id_bytes == 0)
        return ERASED_NOT;
    int64_t ms = question->viewed_at_ms;
    struct erased_user user =
        erased_user_of(question->user_id, question->user_id_bytes);
    const struct erased_entry *tombstone =
        erased_set_find(set, &user, ERASED_FROM_EVER);
    if (tombstone != NULL &&
        (!question->time_given || ms <= tombstone->until_ms))
        return ERASED_USER;
    size_t at = place_of(set, &user, ms + 1);
    const struct erased_entry *pause = at > 0 ? &set->entries[at - 1] : NULL;
    return pause != NULL && is_of(pause, &user) && erased_is_pause(pause) &&
                   ms <= pause->until_ms
               ? ERASED_PAUSE
               : ERASED_NOT;
}

size_t erased_set_pauses(const struct erased_set *set,
                         const struct erased_user *user,
                         const struct erased_entry **ret_open)
{
    size_t at = place_of(set, user, ERASED_FROM_EVER + 1);
    size_t count = 0;
    *ret_open = NULL;
    for (; at < set->count && is_of(&set->entries[at], user); at++, count++)
        if (set->entries[at].until_ms == ERASED_OPEN)
            *ret_open = &set->entries[at];
    return count;
}

bool erased_set_is_same(const struct erased_set *a, const struct erased_set *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct erased_entry *one = &a->entries[i];
        const struct erased_entry *other = &b->entries[i];
        if (compare(one, &other->user, other->from_ms) != 0 ||
            one->until_ms != other->until_ms)
            return false;
    }
    return true;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool read_line(const char *line, struct erased_entry *ret)
{
    struct erased_entry entry = {.from_ms = ERASED_FROM_EVER};
    for (size_t i = 0; i < sizeof entry.user.hash; i++, line += 2) {
        int high = hex_value(line[0]);
        int low = high < 0 ? -1 : hex_value(line[1]);
        if (low < 0)
            return false;
        entry.user.hash[i] = (uint8_t)(high << 4 | low);
    }
    if (*line++ != ' ' || !decimal_take(&line, &entry.until_ms))
        return false;
    if (*line != '\0') {
        entry.from_ms = entry.until_ms;
        if (!decimal_take(&line, &entry.until_ms))
            return false;
    }
    if (*line != '\0')
        return false;
    *ret = entry;
    return true;
}

static enum result read_lines(struct erased_set *set, FILE *file,
                              const char *path, struct fault *fault)
{
    char line[LINE_BYTES_MAX];
    while (fgets(line, sizeof line, file) != NULL) {
        struct erased_entry entry;
        if (!read_line(line, &entry))
            return fault_set(fault, RESULT_UNUSABLE,
                             "%s is no list of erased users", path);
        if (!erased_set_add(set, &entry))
            return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    }
    if (ferror(file))
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot read %s: %s", path,
                         strerror(errno));
    return RESULT_OK;
}

enum result erased_set_read(struct erased_set *set, const char *path,
                            struct fault *fault)
{
    FILE *file = fopen(path, "re");
    if (file == NULL && errno == ENOENT)
        return RESULT_OK;
    if (file == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "cannot read %s: %s", path,
                         strerror(errno));
    enum result r = read_lines(set, file, path, fault);
    (void)fclose(file); /* nothing was written */
    return r;
}

static bool write_lines(FILE *file, const void *context)
{
    const struct erased_set *set = context;
    for (size_t i = 0; i < set->count; i++) {
        const struct erased_entry *entry = &set->entries[i];
        for (size_t j = 0; j < sizeof entry->user.hash; j++)
            (void)fprintf(file, "%02x", entry->user.hash[j]);
        if (entry->from_ms != ERASED_FROM_EVER)
            (void)fprintf(file, " %" PRId64, entry->from_ms);
        (void)fprintf(file, " %" PRId64 "\n", entry->until_ms);
    }
    return !ferror(file);
}

enum result erased_set_write(const struct erased_set *set, const char *path,
                             struct fault *fault)
{
    return durable_file_write(path, write_lines, set, fault);
}
