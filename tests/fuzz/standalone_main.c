/*
 * Runs a fuzzer without libFuzzer: all files of a folder, then mutations of
 * them by a seeded random generator, so that a failure comes again.
 *
 *   fuzz_<name> <folder of seeds> [<folder for the input that failed>]
 *   fuzz_<name> <one file>        runs it once
 *
 * FUZZ_RUNS, FUZZ_SECONDS and FUZZ_SEED change the limits below.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

enum {
    RUNS = 200000,
    SECONDS = 5, /* whichever comes first */
    SEEDS_MAX = 256,
    INPUT_BYTES_MAX = 32 * 1024, /* beyond the largest limit we fuzz */
    MUTATIONS_MAX = 8,
    CHUNK_BYTES_MAX = 64,
};

struct input {
    uint8_t *data;
    size_t bytes;
};

static struct input seeds[SEEDS_MAX];
static size_t seeds_count;
static struct input current; /* what runs now, for the report of a failure */
static uint64_t random_state;

/* Of the sanitizers' runtimes, where one is linked. */
extern void __sanitizer_set_death_callback(void (*callback)(void))
    __attribute__((weak));

static char failed_path[PATH_MAX]; /* "" for none */

/* Only what a signal handler may call. */
static void keep_failed_input(void)
{
    static const char words[] = "the input that failed is ";
    if (failed_path[0] == '\0')
        return;
    int file = open(failed_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 ||
        write(file, current.data, current.bytes) != (ssize_t)current.bytes ||
        write(STDERR_FILENO, words, sizeof words - 1) < 0 ||
        write(STDERR_FILENO, failed_path, strlen(failed_path)) < 0 ||
        write(STDERR_FILENO, "\n", 1) < 0)
        return; /* the failure itself is told all the same */
    (void)close(file);
}

static void on_abort(int signal_number)
{
    (void)signal_number;
    keep_failed_input();
}

/* xorshift64* (Vigna, 2016): good enough to mix bytes, and the same always. */
static uint64_t random_number(uint64_t below)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * UINT64_C(0x2545f4914f6cdd1d) >> 11) % below;
}

static void fail(const char *what, const char *name)
{
    (void)fprintf(stderr, "%s: %s\n", what, name);
    exit(2);
}

static void read_seed(const char *path)
{
    static uint8_t data[INPUT_BYTES_MAX];
    if (seeds_count == SEEDS_MAX)
        fail("too many seeds", path);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail("cannot read", path);
    size_t bytes = fread(data, 1, sizeof data, file);
    (void)fclose(file);
    uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
    if (copy == NULL)
        fail("no memory for", path);
    memcpy(copy, data, bytes);
    seeds[seeds_count++] = (struct input){copy, bytes};
}

static int by_name(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static void read_seeds(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, by_name);
    if (count < 0)
        fail("cannot read", folder);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            read_seed(path);
        free(entries[i]);
    }
    free(entries);
    if (seeds_count == 0)
        fail("no seeds in", folder);
}

/* Each run has memory of its own size, so that a read past it is seen. */
static void run_once(const uint8_t *data, size_t bytes)
{
    current.data = malloc(bytes > 0 ? bytes : 1);
    if (current.data == NULL)
        fail("no memory for", "an input");
    memcpy(current.data, data, bytes);
    current.bytes = bytes;
    (void)LLVMFuzzerTestOneInput(current.data, bytes);
    free(current.data);
    current = (struct input){NULL, 0};
}

static void insert(struct input *input, size_t at, const uint8_t *data,
                   size_t bytes)
{
    if (bytes > INPUT_BYTES_MAX - input->bytes)
        return;
    memmove(input->data + at + bytes, input->data + at, input->bytes - at);
    memcpy(input->data + at, data, bytes);
    input->bytes += bytes;
}

static void erase(struct input *input, size_t at, size_t bytes)
{
    memmove(input->data + at, input->data + at + bytes,
            input->bytes - at - bytes);
    input->bytes -= bytes;
}

/* Bytes that parsers turn on, and some that break UTF-8. */
static uint8_t telling_byte(void)
{
    static const char bytes[] = "\"\\{}[]:,-+.eE0123456789 \t\r\n/%&=;*ZTzuu\0"
                                "\x01\x7f\x80\xbf\xc0\xc2\xe0\xed\xef\xf4\xff";
    return (uint8_t)bytes[random_number(sizeof bytes - 1)];
}

static size_t chunk_at(const struct input *from, size_t at)
{
    size_t most = from->bytes - at;
    if (most > CHUNK_BYTES_MAX)
        most = CHUNK_BYTES_MAX;
    return most == 0 ? 0 : 1 + random_number(most);
}

static void mutate(struct input *input)
{
    size_t at = random_number(input->bytes + 1);
    uint8_t byte = telling_byte();
    const struct input *other = &seeds[random_number(seeds_count)];
    size_t from = random_number(other->bytes + 1);
    bool inside = at < input->bytes;
    switch (random_number(7)) {
    case 0:
        if (inside)
            input->data[at] ^= (uint8_t)(1U << random_number(8));
        break;
    case 1:
        if (inside)
            input->data[at] = byte;
        break;
    case 2:
        insert(input, at, &byte, 1);
        break;
    case 3:
        erase(input, at, chunk_at(input, at));
        break;
    case 4: /* of another seed */
        insert(input, at, other->data + from, chunk_at(other, from));
        break;
    case 5: { /* doubled */
        uint8_t chunk[CHUNK_BYTES_MAX];
        size_t bytes = chunk_at(input, at);
        memcpy(chunk, input->data + at, bytes);
        insert(input, at, chunk, bytes);
        break;
    }
    default: /* cut off */
        if (random_number(4) == 0)
            input->bytes = at;
        break;
    }
}

static uint64_t setting(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

static uint64_t run_mutations(void)
{
    static uint8_t data[INPUT_BYTES_MAX];
    uint64_t runs_max = setting("FUZZ_RUNS", RUNS);
    time_t end = time(NULL) + (time_t)setting("FUZZ_SECONDS", SECONDS);
    uint64_t runs = 0;
    for (; runs < runs_max && time(NULL) < end; runs++) {
        const struct input *seed = &seeds[random_number(seeds_count)];
        struct input input = {data, seed->bytes};
        memcpy(data, seed->data, seed->bytes);
        for (uint64_t n = 1 + random_number(MUTATIONS_MAX); n > 0; n--)
            mutate(&input);
        run_once(input.data, input.bytes);
    }
    return runs;
}

int main(int count, char **arguments)
{
    if (count < 2)
        fail("usage: <seeds> [<folder for what failed>]", arguments[0]);
    if (count > 2)
        (void)snprintf(failed_path, sizeof failed_path, "%s/failed-input",
                       arguments[2]);
    (void)signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(keep_failed_input);
    uint64_t seed = setting("FUZZ_SEED", 1);
    random_state = seed + UINT64_C(0x9e3779b97f4a7c15); /* never 0 for ours */

    struct stat status;
    if (stat(arguments[1], &status) != 0)
        fail("cannot read", arguments[1]);
    bool folder = S_ISDIR(status.st_mode);
    if (folder)
        read_seeds(arguments[1]);
    else
        read_seed(arguments[1]);
    for (size_t i = 0; i < seeds_count; i++)
        run_once(seeds[i].data, seeds[i].bytes);
    uint64_t runs = folder ? run_mutations() : 0;
    (void)printf("%zu seeds and %llu mutations, seed %llu\n", seeds_count,
                 (unsigned long long)runs, (unsigned long long)seed);
    for (size_t i = 0; i < seeds_count; i++)
        free(seeds[i].data);
    return 0;
}
