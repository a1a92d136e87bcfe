#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "fault_rounds.h"

/* The linker leads the program's allocations here. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

/* Guards what follows: other threads allocate while one heals, and what they
 * have begun must not bring the fault back. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool failing;
static bool fails_for_good;
static bool failed;
static int left;

static sqlite3_mem_methods real_methods;

static bool there_is_memory(void)
{
    pthread_mutex_lock(&lock);
    bool is_refused = failing && left-- <= 0;
    if (is_refused) {
        failed = true;
        failing = fails_for_good;
    }
    pthread_mutex_unlock(&lock);
    return !is_refused;
}

void *__wrap_malloc(size_t bytes)
{
    return there_is_memory() ? __real_malloc(bytes) : NULL;
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return there_is_memory() ? __real_calloc(count, bytes) : NULL;
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return there_is_memory() ? __real_realloc(memory, bytes) : NULL;
}

static void *sqlite_malloc(int bytes)
{
    return there_is_memory() ? real_methods.xMalloc(bytes) : NULL;
}

static void *sqlite_realloc(void *memory, int bytes)
{
    return there_is_memory() ? real_methods.xRealloc(memory, bytes) : NULL;
}

void memory_install(void)
{
    CHECK(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) == SQLITE_OK);
    CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_methods) == SQLITE_OK);
    sqlite3_mem_methods methods = real_methods;
    methods.xMalloc = sqlite_malloc;
    methods.xRealloc = sqlite_realloc;
    CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK);
}

void memory_fail_after(int allocations, bool for_good)
{
    pthread_mutex_lock(&lock);
    failed = false;
    left = allocations;
    fails_for_good = for_good;
    failing = true;
    pthread_mutex_unlock(&lock);
}

bool memory_heal(void)
{
    pthread_mutex_lock(&lock);
    failing = false;
    bool has_failed = failed;
    pthread_mutex_unlock(&lock);
    return has_failed;
}
