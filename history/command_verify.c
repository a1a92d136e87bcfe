#include <stdio.h>

#include "cleanup.h"
#include "command.h"
#include "command_words.h"
#include "config.h"
#include "report_text.h"

enum {
    TEXT_BYTES_MAX = 64 * 1024, /* file names have at most 4,096 */
};

static const char help[] =
    "history verify: looks a store through\n"
    "\n"
    "  history verify [FILE] [--json]\n"
    "\n"
    "FILE is HISTORY_DB where none is named, and may be in use. The digest is\n"
    "one number for what all views say, whatever their order: two stores that\n"
    "took the same messages have the same. Exit codes: 0 the store is good, 1\n"
    "it is not or could not be read, 2 wrong usage or setting, 3 no such\n"
    "file.\n";

enum program_exit command_verify(int words_count, char **words)
{
    if (command_help_asked(words_count, words))
        return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
    static struct config config;
    struct fault fault = {0};
    const char *file = config.db;
    size_t files = 0;
    bool json = false;
    const struct command_option options[] = {
        {.name = "--json", .given = &json}};
    if (command_words(words_count, words, options, 1, &file, 0, 1, &files,
                      &fault) != RESULT_OK)
        return command_misused("verify [FILE] [--json]", &fault);
    struct store_report report;
    enum result r = files == 0 ? config_read(&config, &fault) : RESULT_OK;
    if (r == RESULT_OK)
        r = store_verify(file, &report, &fault);
    if (r != RESULT_OK)
        return command_failed(r, &fault);
    CLEANUP(buffer_done) struct buffer text = buffer_make(TEXT_BYTES_MAX);
    (json ? report_json_write : report_text_write)(&text, file, &report);
    enum program_exit printed = program_print(&text);
    return report.problem[0] != '\0' ? PROGRAM_FAILED : printed;
}
