#include <stdio.h>

#include "cleanup.h"
#include "command.h"
#include "command_words.h"
#include "config.h"
#include "report_text.h"
#include "store_backup.h"

enum {
    TEXT_BYTES_MAX = 64 * 1024,
};

static const char help[] =
    "history backup: copies the store, which may be in use\n"
    "\n"
    "  history backup FILE [--force] [--json] [--quiet]\n"
    "\n"
    "The copy is verified, and FILE is there as a whole or not at all; "
    "--force\n"
    "replaces one that is there. Setting: HISTORY_DB. Exit codes: 0 done, 1\n"
    "the store is damaged or FILE cannot be written, 2 wrong usage or "
    "setting,\n"
    "or FILE is there already, 3 there is no store.\n";

enum program_exit command_backup(int words_count, char **words)
{
    if (command_help_asked(words_count, words))
        return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
    static struct config config;
    struct fault fault = {0};
    const char *file = NULL;
    size_t files = 0;
    bool force = false;
    bool json = false;
    bool quiet = false;
    const struct command_option options[] = {
        {.name = "--force", .given = &force},
        {.name = "--json", .given = &json},
        {.name = "--quiet", .given = &quiet}};
    if (command_words(words_count, words, options, 3, &file, 1, 1, &files,
                      &fault) != RESULT_OK)
        return command_misused("backup FILE [--force] [--json] [--quiet]",
                               &fault);
    struct store_report report;
    enum result r = config_read(&config, &fault);
    if (r == RESULT_OK)
        r = store_backup(config.db, file, force, &report, &fault);
    if (r != RESULT_OK)
        return command_failed(r, &fault);
    if (quiet)
        return PROGRAM_DONE;
    CLEANUP(buffer_done) struct buffer text = buffer_make(TEXT_BYTES_MAX);
    (json ? report_json_write : report_text_write)(&text, file, &report);
    return program_print(&text);
}
