#include "fault_vfs.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_fixture.h"

enum {
    FILES = 2, /* the database and its WAL */
    NAME_BYTES = 256,
    SECTOR_BYTES = 512,
};

/* Bytes of a file, as long as it is. */
struct image {
    unsigned char *bytes;
    size_t count;
    size_t room;
};

/* A write (or, without bytes, a truncation) that is not synced. */
struct pending {
    struct pending *next;
    size_t at;
    size_t count;
    bool truncates;
    unsigned char bytes[];
};

struct record {
    char name[NAME_BYTES];
    struct image synced;
    struct pending *first;
    struct pending **last;
};

struct fault_file {
    sqlite3_file base;
    struct record *record; /* NULL: not recorded */
    sqlite3_file *real;    /* right behind this struct */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs fault_vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* what follows */
static bool failing;
static int failing_kinds;
static bool failed;
static bool fails_for_good;
static unsigned passes_left;
static int fail_code;
static bool recording;
static struct record records[FILES];

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct fault_file *)file)->real;
}

static struct record *record_of(sqlite3_file *file)
{
    return recording ? ((struct fault_file *)file)->record : NULL;
}

static int code_of(int kind)
{
    if (fail_code != FAULT_CODE_OF_KIND)
        return fail_code;
    switch (kind) {
    case FAULT_SYNCS:
        return SQLITE_IOERR_FSYNC;
    case FAULT_TRUNCATIONS:
        return SQLITE_IOERR_TRUNCATE;
    case FAULT_OPENS:
        return SQLITE_CANTOPEN;
    default:
        return SQLITE_IOERR_WRITE;
    }
}

/* SQLITE_OK, or the code that this operation fails with. */
static int next_outcome(int kind)
{
    int code = SQLITE_OK;
    pthread_mutex_lock(&lock);
    if (failing && (failing_kinds & kind) != 0) {
        if (passes_left > 0) {
            passes_left--;
        } else {
            failed = true;
            failing = fails_for_good;
            code = code_of(kind);
        }
    }
    pthread_mutex_unlock(&lock);
    return code;
}

/* Not by malloc(): that may be what a test lets fail. */
static void *take(size_t bytes)
{
    enum {
        ALIGNMENT = 64,
    };
    void *memory = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) /
                                                ALIGNMENT * ALIGNMENT);
    assert(memory != NULL);
    return memory;
}

static void image_resize(struct image *image, size_t count)
{
    if (count > image->room) {
        unsigned char *bytes = take(2 * count);
        if (image->count > 0)
            memcpy(bytes, image->bytes, image->count);
        free(image->bytes);
        image->bytes = bytes;
        image->room = 2 * count;
    }
    if (count > image->count)
        memset(image->bytes + image->count, 0, count - image->count);
    image->count = count;
}

static void image_write(struct image *image, size_t at, const void *bytes,
                        size_t count)
{
    if (at + count > image->count)
        image_resize(image, at + count);
    memcpy(image->bytes + at, bytes, count);
}

static struct image image_copy(const struct image *from)
{
    struct image copy = {NULL, 0, 0};
    if (from->count > 0)
        image_write(&copy, 0, from->bytes, from->count);
    return copy;
}

static void pending_add(struct record *record, size_t at, const void *bytes,
                        size_t count, bool truncates)
{
    struct pending *pending = take(sizeof *pending + count);
    *pending = (struct pending){NULL, at, count, truncates};
    if (count > 0)
        memcpy(pending->bytes, bytes, count);
    pthread_mutex_lock(&lock);
    *record->last = pending;
    record->last = &pending->next;
    pthread_mutex_unlock(&lock);
}

static void record_forget(struct record *record)
{
    while (record->first != NULL) {
        struct pending *pending = record->first;
        record->first = pending->next;
        free(pending);
    }
    record->last = &record->first;
}

static void apply(struct image *image, const struct pending *pending)
{
    if (pending->truncates)
        image_resize(image, pending->at);
    else
        image_write(image, pending->at, pending->bytes, pending->count);
}

static void record_sync(struct record *record)
{
    pthread_mutex_lock(&lock);
    for (struct pending *p = record->first; p != NULL; p = p->next)
        apply(&record->synced, p);
    record_forget(record);
    pthread_mutex_unlock(&lock);
}

/* Of each write some sectors, as if the disk had not come to the rest. */
static void apply_in_part(struct image *image, const struct pending *pending,
                          uint64_t *random)
{
    if (pending->truncates) {
        if (fixture_draw(random) % 2 == 0)
            apply(image, pending);
        return;
    }
    for (size_t i = 0; i < pending->count; i += SECTOR_BYTES) {
        size_t count = pending->count - i;
        if (count > SECTOR_BYTES)
            count = SECTOR_BYTES;
        if (fixture_draw(random) % 2 == 0)
            image_write(image, pending->at + i, pending->bytes + i, count);
    }
}

static int file_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int file_read(sqlite3_file *file, void *bytes, int count,
                     sqlite3_int64 at)
{
    return real(file)->pMethods->xRead(real(file), bytes, count, at);
}

static int file_write(sqlite3_file *file, const void *bytes, int count,
                      sqlite3_int64 at)
{
    int code = next_outcome(FAULT_WRITES);
    if (code == SQLITE_OK)
        code = real(file)->pMethods->xWrite(real(file), bytes, count, at);
    if (code == SQLITE_OK && record_of(file) != NULL)
        pending_add(record_of(file), (size_t)at, bytes, (size_t)count, false);
    return code;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 bytes)
{
    int code = next_outcome(FAULT_TRUNCATIONS);
    if (code == SQLITE_OK)
        code = real(file)->pMethods->xTruncate(real(file), bytes);
    if (code == SQLITE_OK && record_of(file) != NULL)
        pending_add(record_of(file), (size_t)bytes, NULL, 0, true);
    return code;
}

static int file_sync(sqlite3_file *file, int flags)
{
    int code = next_outcome(FAULT_SYNCS);
    if (code == SQLITE_OK && record_of(file) != NULL)
        record_sync(record_of(file));
    else if (code == SQLITE_OK)
        code = real(file)->pMethods->xSync(real(file), flags);
    return code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    return real(file)->pMethods->xFileSize(real(file), ret);
}

static int file_lock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xLock(real(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int file_check_lock(sqlite3_file *file, int *ret)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), ret);
}

static int file_control(sqlite3_file *file, int operation, void *argument)
{
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int file_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int file_traits(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int file_shm_map(sqlite3_file *file, int region, int bytes, int extend,
                        void volatile **ret)
{
    return real(file)->pMethods->xShmMap(real(file), region, bytes, extend,
                                         ret);
}

static int file_shm_lock(sqlite3_file *file, int at, int count, int flags)
{
    return real(file)->pMethods->xShmLock(real(file), at, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int file_shm_unmap(sqlite3_file *file, int delete)
{
    return real(file)->pMethods->xShmUnmap(real(file), delete);
}

static int file_fetch(sqlite3_file *file, sqlite3_int64 at, int count,
                      void **ret)
{
    return real(file)->pMethods->xFetch(real(file), at, count, ret);
}

static int file_unfetch(sqlite3_file *file, sqlite3_int64 at, void *bytes)
{
    return real(file)->pMethods->xUnfetch(real(file), at, bytes);
}

static const sqlite3_io_methods methods = {
    3,
    file_close,
    file_read,
    file_write,
    file_truncate,
    file_sync,
    file_size,
    file_lock,
    file_unlock,
    file_check_lock,
    file_control,
    file_sector,
    file_traits,
    file_shm_map,
    file_shm_lock,
    file_shm_barrier,
    file_shm_unmap,
    file_fetch,
    file_unfetch,
};

static struct record *record_find(const char *name)
{
    for (size_t i = 0; i < FILES; i++)
        if (strcmp(records[i].name, name) == 0)
            return &records[i];
    return NULL;
}

static int vfs_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file,
                    int flags, int *ret_flags)
{
    struct fault_file *mine = (struct fault_file *)file;
    (void)vfs;
    memset(mine, 0, sizeof *mine);
    mine->real = (sqlite3_file *)(mine + 1);
    if (next_outcome(FAULT_OPENS) != SQLITE_OK)
        return SQLITE_CANTOPEN;
    int code = real_vfs->xOpen(real_vfs, name, mine->real, flags, ret_flags);
    if (mine->real->pMethods != NULL)
        mine->base.pMethods = &methods;
    if (code == SQLITE_OK && recording && name != NULL)
        mine->record = record_find(name);
    return code;
}

/* A clean end removes the WAL. */
static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    int code = next_outcome(FAULT_TRUNCATIONS);
    if (code == SQLITE_OK)
        code = real_vfs->xDelete(real_vfs, name, sync_folder);
    struct record *record = recording ? record_find(name) : NULL;
    if (code == SQLITE_OK && record != NULL) {
        pthread_mutex_lock(&lock);
        record_forget(record);
        image_resize(&record->synced, 0);
        pthread_mutex_unlock(&lock);
    }
    return code;
}

void fault_vfs_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    fault_vfs = *real_vfs;
    fault_vfs.zName = "fault";
    fault_vfs.szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile;
    fault_vfs.xOpen = vfs_open;
    fault_vfs.xDelete = vfs_delete;
    int code = sqlite3_vfs_register(&fault_vfs, 1);
    assert(code == SQLITE_OK);
    (void)code;
}

void fault_vfs_fail_after(unsigned operations, int code, bool for_good)
{
    fault_vfs_fail_kinds_after(FAULT_WRITES | FAULT_SYNCS | FAULT_TRUNCATIONS,
                               operations, code, for_good);
}

void fault_vfs_fail_kinds_after(int kinds, unsigned operations, int code,
                                bool for_good)
{
    pthread_mutex_lock(&lock);
    failing = true;
    failing_kinds = kinds;
    failed = false;
    fails_for_good = for_good;
    passes_left = operations;
    fail_code = code;
    pthread_mutex_unlock(&lock);
}

bool fault_vfs_heal(void)
{
    pthread_mutex_lock(&lock);
    failing = false;
    bool had_failed = failed;
    pthread_mutex_unlock(&lock);
    return had_failed;
}

static void image_load(struct image *image, const char *from)
{
    unsigned char bytes[64 * 1024];
    FILE *file = fopen(from, "rb");
    size_t count;
    if (file == NULL)
        return;
    while ((count = fread(bytes, 1, sizeof bytes, file)) > 0)
        image_write(image, image->count, bytes, count);
    (void)fclose(file);
}

void fault_vfs_record(const char *path)
{
    recording = true;
    for (size_t i = 0; i < FILES; i++) {
        (void)snprintf(records[i].name, sizeof records[i].name, "%s%s", path,
                       i == 0 ? "" : "-wal");
        records[i].last = &records[i].first;
        image_load(&records[i].synced, records[i].name);
    }
}

static void image_save(const struct image *image, const char *to)
{
    FILE *file = fopen(to, "wb");
    assert(file != NULL);
    size_t count =
        image->count > 0 ? fwrite(image->bytes, 1, image->count, file) : 0;
    assert(count == image->count);
    (void)count;
    (void)fclose(file);
}

static void crash_file(const char *path, const char *to, uint64_t *random)
{
    const struct record *record = record_find(path);
    assert(record != NULL);
    struct image image = image_copy(&record->synced);
    for (struct pending *p = record->first; p != NULL; p = p->next)
        apply_in_part(&image, p, random);
    image_save(&image, to);
    free(image.bytes);
}

void fault_vfs_crash_image(const char *path, const char *to, uint64_t *random)
{
    char wal[NAME_BYTES];
    char to_wal[NAME_BYTES];
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    (void)snprintf(to_wal, sizeof to_wal, "%s-wal", to);
    pthread_mutex_lock(&lock);
    crash_file(path, to, random);
    crash_file(wal, to_wal, random);
    pthread_mutex_unlock(&lock);
}

void fault_vfs_forget(void)
{
    recording = false;
    for (size_t i = 0; i < FILES; i++) {
        if (records[i].last != NULL)
            record_forget(&records[i]);
        free(records[i].synced.bytes);
        memset(&records[i], 0, sizeof records[i]);
    }
}
