#include <stdio.h>

#include "api.h"
#include "config.h"
#include "log.h"
#include "program.h"
#include "serve.h"

static const char help[] =
    "streaming: serves videos, and publishes who watched them\n"
    "\n"
    "  streaming [serve]       serve the videos, publish the views\n"
    "  streaming --healthcheck ask the running service whether it is alive\n"
    "  streaming --routes      print the routes as JSON\n"
    "  streaming --version\n"
    "  streaming --help\n"
    "\n"
    "Settings come from the environment: PORT, BIND, RABBIT, OUTBOX_DB, "
    "VIDEOS\n"
    "and more; README.md has the table. Exit codes: 0 done, 1 failed while\n"
    "it ran, 2 wrong usage or setting, 3 cannot start.\n";

static enum program_exit read_and_serve(void)
{
    static struct config config;
    struct fault fault = {0};
    enum result r = log_start("streaming", &fault);
    if (r == RESULT_OK)
        r = config_read(&config, &fault);
    return r == RESULT_OK ? serve(&config)
                          : program_complain("streaming", r, fault.text);
}

static enum result address(char bind[PROGRAM_BIND_BYTES], uint16_t *ret_port,
                           struct fault *fault)
{
    static struct config config;
    enum result r = config_read(&config, fault);
    if (r != RESULT_OK)
        return r;
    (void)snprintf(bind, PROGRAM_BIND_BYTES, "%s", config.bind);
    *ret_port = config.port;
    return RESULT_OK;
}

static void routes(struct buffer *text)
{
    http_routes_write(api_routes, api_routes_count, text);
}

int main(int argc, char **argv)
{
    const struct program program = {
        .name = "streaming",
        .help = help,
        .serve = read_and_serve,
        .address = address,
        .routes = routes,
    };
    return (int)program_run(&program, argc, argv);
}
