#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char options_help[] =
    "reload: builds again when a source file changes, and restarts the\n"
    "program when the build changed it.\n"
    "\n"
    "  reload --watch PATH... --build COMMAND --run PROGRAM [ARGUMENT...]\n"
    "\n"
    "  --watch PATH...       files, or folders with all below them\n"
    "  --ignore PATTERN...   names to pass over, as the shell matches them\n"
    "                        (names that begin with . or # or end with ~\n"
    "                        always are)\n"
    "  --build COMMAND       for /bin/sh -c; it fails by its exit code. Where\n"
    "                        two of us share a build tree: 'flock FILE ...'\n"
    "  --run PROGRAM ...     what the build makes; all that follows is its\n"
    "                        arguments\n"
    "  --poll-ms N           between two looks at the files (250)\n"
    "  --settle-ms N         of quiet after a change (100)\n"
    "  --grace-ms N          between SIGTERM and SIGKILL (10000)\n"
    "  --build-timeout-ms N  a longer build has failed (600000)\n"
    "  --help, --version\n"
    "\n"
    "PROGRAM is copied to PROGRAM.running and started from there, so a failed\n"
    "build leaves the running one as it is. A program that ends by itself is\n"
    "started again after the next build that succeeds, or after a rest of\n"
    "0.5 s that doubles up to 10 s. SIGTERM, SIGINT and SIGHUP end the\n"
    "program by SIGTERM, then reload; a second one is passed on too.\n"
    "\n"
    "Exit codes: 0 ended by a signal, and the program ended well; 1 it ended\n"
    "badly or had to be killed; 2 wrong usage; 3 cannot start.\n";

static const uint64_t NUMBER_MS_MAX = 3600 * 1000; /* an hour is no wait */

/* Where list options go on collecting: what follows them up to the next. */
enum list { LIST_NONE, LIST_WATCH, LIST_IGNORE };

struct number_option {
    const char *name;
    size_t offset;
    uint64_t min;
};

static const struct number_option number_options[] = {
    {"--poll-ms", offsetof(struct options, poll_ms), 10},
    {"--settle-ms", offsetof(struct options, settle_ms), 0},
    {"--grace-ms", offsetof(struct options, grace_ms), 0},
    {"--build-timeout-ms", offsetof(struct options, build_timeout_ms), 1},
};

static const struct number_option *find_number(const char *name)
{
    size_t count = sizeof number_options / sizeof number_options[0];

    for (size_t i = 0; i < count; i++)
        if (strcmp(name, number_options[i].name) == 0)
            return &number_options[i];
    return NULL;
}

static bool read_number(const struct number_option *option, const char *text,
                        struct options *options, struct reason *reason)
{
    char *end = NULL;
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
        value < option->min || value > NUMBER_MS_MAX)
        return reason_set(reason, "%s takes a number from %llu to %llu",
                          option->name, (unsigned long long)option->min,
                          (unsigned long long)NUMBER_MS_MAX);
    *(uint64_t *)((char *)options + option->offset) = value;
    return true;
}

static bool add_text(const char **list, size_t *count, size_t limit,
                     const char *text, struct reason *reason)
{
    if (text[0] == '\0')
        return reason_set(reason, "an empty name is none");
    if (*count == limit)
        return reason_set(reason, "more than %zu of a kind: '%s'", limit, text);
    list[(*count)++] = text;
    return true;
}

static bool add_item(enum list list, const char *text, struct options *options,
                     struct reason *reason)
{
    switch (list) {
    case LIST_WATCH:
        return add_text(options->watches, &options->watches_count,
                        OPTIONS_WATCHES_MAX, text, reason);
    case LIST_IGNORE:
        return add_text(options->ignores, &options->ignores_count,
                        OPTIONS_IGNORES_MAX, text, reason);
    case LIST_NONE:
        break;
    }
    return reason_set(reason, "what is '%s'?", text);
}

/* One option at argv[*at]; *at moves past the values that it takes. */
static bool read_option(char *const argv[], int *at, enum list *list,
                        struct options *options, struct reason *reason)
{
    const char *name = argv[*at];
    const struct number_option *number = find_number(name);

    *list = LIST_NONE;
    if (strcmp(name, "--help") == 0)
        options->help = true;
    else if (strcmp(name, "--version") == 0)
        options->version = true;
    else if (strcmp(name, "--watch") == 0)
        *list = LIST_WATCH;
    else if (strcmp(name, "--ignore") == 0)
        *list = LIST_IGNORE;
    else if (number == NULL && strcmp(name, "--build") != 0)
        return reason_set(reason, "unknown option '%s'", name);
    else if (argv[*at + 1] == NULL)
        return reason_set(reason, "%s needs a value", name);
    else if (number != NULL)
        return read_number(number, argv[++*at], options, reason);
    else if (options->build != NULL)
        return reason_set(reason, "--build is given twice");
    else
        options->build = argv[++*at];
    return true;
}

static bool check(const struct options *options, struct reason *reason)
{
    if (options->watches_count == 0)
        return reason_set(reason, "nothing to watch: --watch PATH");
    if (options->build == NULL)
        return reason_set(reason, "nothing to build with: --build COMMAND");
    if (options->run == NULL)
        return reason_set(reason, "nothing to run: --run PROGRAM");
    if (options->run[0] == NULL || options->run[0][0] == '\0')
        return reason_set(reason, "--run needs a program");
    return true;
}

bool options_read(int argc, char *const argv[], struct options *ret,
                  struct reason *reason)
{
    enum list list = LIST_NONE;

    *ret = (struct options){
        .poll_ms = 250,
        .settle_ms = 100,
        .grace_ms = 10000,
        .build_timeout_ms = 600000,
    };
    for (int at = 1; at < argc; at++) {
        bool good;

        if (strcmp(argv[at], "--run") == 0) {
            ret->run = (const char *const *)&argv[at + 1];
            break;
        }
        if (argv[at][0] == '-')
            good = read_option(argv, &at, &list, ret, reason);
        else
            good = add_item(list, argv[at], ret, reason);
        if (!good)
            return false;
        if (ret->help || ret->version)
            return true;
    }
    return check(ret, reason);
}
