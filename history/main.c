#include <stdio.h>

#include "api.h"
#include "command.h"
#include "config.h"
#include "log.h"
#include "program.h"
#include "serve.h"

static const char help[] =
    "history: keeps who watched what, and answers for it over HTTP\n"
    "\n"
    "  history [serve]       take views from RabbitMQ, serve the history\n"
    "  history dead …        the messages that could not be a view\n"
    "  history verify …      look a store through: whole, counts, digest\n"
    "  history backup …      copy the store, which may be in use\n"
    "  history restore …     make the store a copy of a backup\n"
    "  history replay …      bring the stream's views into the store\n"
    "  history copy FROM     bring another store's views, of any engine\n"
    "  history import …      bring views from files, of other programs too\n"
    "  history drill …       rebuild the store aside, and compare\n"
    "  history erase --user U  remove a user's views, for good\n"
    "  history token …       make a token for a user or an operator\n"
    "  history --healthcheck ask the running service whether it is alive\n"
    "  history --routes      print the routes as JSON\n"
    "  history --version\n"
    "  history --help\n"
    "\n"
    "A command's own words: history dead --help, and so on.\n"
    "Settings come from the environment: PORT, BIND, RABBIT, HISTORY_DB\n"
    "and more; README.md has the table. Exit codes: 0 done, 1 failed while\n"
    "it ran, 2 wrong usage or setting, 3 cannot start.\n";

static enum program_exit read_and_serve(void)
{
    static struct config config;
    struct fault fault = {0};
    enum result r = log_start("history", &fault);
    if (r == RESULT_OK)
        r = config_read(&config, &fault);
    return r == RESULT_OK ? serve(&config)
                          : program_complain("history", r, fault.text);
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

static const struct program_command commands[] = {
    {"dead", command_dead},     {"drill", command_drill},
    {"erase", command_erase},   {"verify", command_verify},
    {"backup", command_backup}, {"restore", command_restore},
    {"replay", command_replay}, {"token", command_token},
    {"import", command_import}, {"copy", command_copy},
};

int main(int argc, char **argv)
{
    const struct program program = {
        .name = "history",
        .help = help,
        .serve = read_and_serve,
        .address = address,
        .routes = routes,
        .commands = commands,
        .commands_count = sizeof commands / sizeof commands[0],
    };
    return (int)program_run(&program, argc, argv);
}
