#include "program.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "healthcheck.h"

enum {
    ROUTES_BYTES_MAX = 64 * 1024,
    LARGE_BLOCK_BYTES = 512 * 1024,
};

enum program_exit program_exit_of(enum result result)
{
    if (result == RESULT_OK)
        return PROGRAM_DONE;
    return result == RESULT_MALFORMED ? PROGRAM_MISUSED : PROGRAM_CANNOT_START;
}

enum program_exit program_complain(const char *program, enum result result,
                                   const char *words)
{
    (void)fprintf(stderr, "%s: %s\n", program, words);
    return program_exit_of(result);
}

enum program_exit program_print(const struct buffer *text)
{
    if (text->failed ||
        fwrite(text->data, 1, text->bytes, stdout) != text->bytes ||
        fflush(stdout) != 0)
        return PROGRAM_FAILED;
    return PROGRAM_DONE;
}

static enum program_exit run_serve(const struct program *program)
{
    return program->serve();
}

static enum program_exit run_help(const struct program *program)
{
    return fputs(program->help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
}

static enum program_exit run_version(const struct program *program)
{
    return printf("%s %s\n", program->name, FLIXTUBE_VERSION) < 0
               ? PROGRAM_FAILED
               : PROGRAM_DONE;
}

static enum program_exit run_routes(const struct program *program)
{
    CLEANUP(buffer_done) struct buffer text = buffer_make(ROUTES_BYTES_MAX);
    program->routes(&text);
    return program_print(&text);
}

static enum program_exit run_healthcheck(const struct program *program)
{
    struct fault fault = {0};
    char bind[PROGRAM_BIND_BYTES];
    uint16_t port = 0;
    enum result r = program->address(bind, &port, &fault);
    if (r != RESULT_OK)
        return program_complain(program->name, r, fault.text);
    r = healthcheck(bind, port, &fault);
    if (r == RESULT_OK)
        return PROGRAM_DONE;
    (void)program_complain(program->name, r, fault.text);
    return PROGRAM_FAILED; /* the code that container engines expect */
}

struct shared_command {
    const char *name;
    enum program_exit (*run)(const struct program *program);
};

static const struct shared_command shared_commands[] = {
    {"serve", run_serve},     {"--healthcheck", run_healthcheck},
    {"--routes", run_routes}, {"--version", run_version},
    {"--help", run_help},
};

/* A large block goes back to the system when it is freed. By itself glibc takes
 * the largest that was ever freed for the limit, up to 32 MB, and a heap keeps
 * that much. An allocator that does not know this goes on as it does. */
static void give_large_blocks_back(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
}

enum program_exit program_run(const struct program *program, int argc,
                              char **argv)
{
    const char *name = argc < 2 ? "serve" : argv[1];
    give_large_blocks_back();
    for (size_t i = 0; i < program->commands_count; i++)
        if (strcmp(program->commands[i].name, name) == 0)
            return program->commands[i].run(argc - 2, argv + 2);
    size_t count = sizeof shared_commands / sizeof shared_commands[0];
    for (size_t i = 0; i < count; i++) {
        if (strcmp(shared_commands[i].name, name) != 0)
            continue;
        if (argc > 2)
            return program_complain(program->name, RESULT_MALFORMED,
                                    "this command takes no arguments");
        return shared_commands[i].run(program);
    }
    (void)fprintf(stderr, "%s: no such command: %s (see %s --help)\n",
                  program->name, name, program->name);
    return PROGRAM_MISUSED;
}
