#include <stdio.h>
#include <string.h>

#include "api.h"
#include "cleanup.h"
#include "config.h"
#include "healthcheck.h"
#include "log.h"
#include "program.h"
#include "serve.h"

static const char help[] =
    "streaming: serves videos, and publishes who watched them\n"
    "\n"
    "  streaming [serve]      serve the videos, publish the views\n"
    "  streaming --healthcheck  ask the running service whether it is alive\n"
    "  streaming --routes     print the routes as JSON\n"
    "  streaming --version\n"
    "  streaming --help\n"
    "\n"
    "Settings come from the environment: PORT, BIND, RABBIT, OUTBOX_DB,\n"
    "VIDEOS and more; README.md has the table. Exit codes: 0 done, 1 failed "
    "while it\n"
    "ran, 2 wrong usage or setting, 3 cannot start.\n";

static enum program_exit run_help(void)
{
    return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
}

static enum program_exit run_version(void)
{
    return printf("streaming %s\n", FLIXTUBE_VERSION) < 0 ? PROGRAM_FAILED
                                                          : PROGRAM_DONE;
}

static enum program_exit run_routes(void)
{
    CLEANUP(buffer_done) struct buffer text = buffer_make(64 * 1024);
    http_routes_write(api_routes, api_routes_count, &text);
    return fwrite(text.data, 1, text.bytes, stdout) == text.bytes
               ? PROGRAM_DONE
               : PROGRAM_FAILED;
}

static enum program_exit complain(enum result result, const struct fault *fault)
{
    program_complain("streaming", fault->text);
    return program_exit_of(result);
}

static enum program_exit run_healthcheck(void)
{
    struct config config;
    struct fault fault = {0};
    enum result r = config_read(&config, &fault);
    if (r != RESULT_OK)
        return complain(r, &fault);
    if (healthcheck(config.bind, config.port, &fault) == RESULT_OK)
        return PROGRAM_DONE;
    program_complain("streaming", fault.text);
    return PROGRAM_FAILED;
}

static enum program_exit run_serve(void)
{
    static struct config config;
    struct fault fault = {0};
    enum result r = log_start("streaming", &fault);
    if (r == RESULT_OK)
        r = config_read(&config, &fault);
    return r == RESULT_OK ? serve(&config) : complain(r, &fault);
}

struct command {
    const char *name;
    enum program_exit (*run)(void);
};

static const struct command commands[] = {
    {"serve", run_serve},
    {"--help", run_help},
    {"--version", run_version},
    {"--routes", run_routes},
    {"--healthcheck", run_healthcheck},
};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "serve";
    for (size_t i = 0; argc <= 2 && i < sizeof commands / sizeof commands[0];
         i++)
        if (strcmp(commands[i].name, name) == 0)
            return (int)commands[i].run();
    program_complain("streaming", "no such command; see streaming --help");
    return PROGRAM_MISUSED;
}
