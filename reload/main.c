#include <signal.h>
#include <stdio.h>

#include "options.h"
#include "say.h"
#include "supervisor.h"

static int print(const char *text)
{
    return fputs(text, stdout) == EOF || fflush(stdout) != 0
               ? SUPERVISOR_CANNOT_START
               : SUPERVISOR_ENDED;
}

int main(int argc, char *argv[])
{
    static struct options options;
    struct reason reason = {0};

    /* A closed terminal or pipe must not end us before our children. */
    signal(SIGPIPE, SIG_IGN);
    if (!options_read(argc, argv, &options, &reason)) {
        say("%s; see reload --help", reason.text);
        return SUPERVISOR_USAGE;
    }
    if (options.help)
        return print(options_help);
    if (options.version)
        return print("reload " FLIXTUBE_VERSION "\n");
    return (int)supervisor_run(&options);
}
