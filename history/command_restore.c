#include <stdio.h>

#include "cleanup.h"
#include "command.h"
#include "command_words.h"
#include "config.h"
#include "erased_files.h"
#include "removed_files.h"
#include "report_text.h"
#include "store_backup.h"
#include "store_erase.h"
#include "store_removed.h"

enum {
    TEXT_BYTES_MAX = 64 * 1024,
};

static const char help[] =
    "history restore: makes the store a copy of a backup\n"
    "\n"
    "  history restore FILE [--force] [--no-replay]\n"
    "\n"
    "FILE is verified first. With --force a store that is there is set aside\n"
    "under another name. Then what the stream has behind the backup is "
    "brought\n"
    "in, as by `history replay`, unless --no-replay is said. Settings:\n"
    "HISTORY_DB, which no service may have open, RABBIT, RABBIT_CA_FILE.\n"
    "Exit codes: 0 done, 1 FILE is damaged, the store cannot be written or "
    "the\n"
    "replay did not end, 2 wrong usage or setting, or a store is there "
    "already,\n"
    "3 there is no FILE, the store is in use, or the broker is not reached "
    "(the\n"
    "store is restored then).\n";

struct gone {
    struct erased_set erased;
    struct removed_set removed;
};

static void gone_done(struct gone *gone)
{
    erased_set_done(&gone->erased);
    removed_set_done(&gone->removed);
}

static enum result read_gone(const struct config *config, const char *backup,
                             struct gone *gone, struct fault *fault)
{
    enum result r = command_erased(config, &gone->erased, fault);
    if (r == RESULT_OK)
        r = command_removed(config, &gone->removed, fault);
    if (r == RESULT_OK)
        r = erased_files_read_beside(backup, &gone->erased, fault);
    if (r == RESULT_OK)
        r = removed_files_read_beside(backup, &gone->removed, fault);
    removed_set_sort(&gone->removed);
    return r;
}

static void say_removed(int64_t views, const char *whose)
{
    if (views > 0)
        (void)printf("%-18s %lld views %s\n", "removed again", (long long)views,
                     whose);
}

/* Who was erased, and what was removed, since the backup was made. */
static enum result remove_again(const struct config *config,
                                const struct gone *gone, struct fault *fault)
{
    struct store_config opening = {.path = config->db, .readers = 1};
    struct store *store = NULL;
    int64_t erased = 0;
    int64_t removed = 0;
    if (gone->erased.count == 0 && gone->removed.count == 0)
        return RESULT_OK;
    enum result r = store_open(&opening, &store, fault);
    if (r == RESULT_OK)
        r = store_erase_import(store, &gone->erased, &erased, fault);
    if (r == RESULT_OK)
        r = store_removed_import(store, &gone->removed, &removed, fault);
    enum result closed = store_close(store, r == RESULT_OK ? fault : NULL);
    say_removed(erased, "of erased users");
    say_removed(removed, "that were removed");
    return r == RESULT_OK ? closed : r;
}

enum program_exit command_restore(int words_count, char **words)
{
    if (command_help_asked(words_count, words))
        return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
    static struct config config;
    static char aside[PATH_MAX];
    struct fault fault = {0};
    const char *file = NULL;
    size_t files = 0;
    bool force = false;
    bool no_replay = false;
    const struct command_option options[] = {
        {.name = "--force", .given = &force},
        {.name = "--no-replay", .given = &no_replay}};
    if (command_words(words_count, words, options, 2, &file, 1, 1, &files,
                      &fault) != RESULT_OK)
        return command_misused("restore FILE [--force] [--no-replay]", &fault);
    CLEANUP(gone_done) struct gone gone = {0};
    struct store_report report;
    enum result r = config_read(&config, &fault);
    if (r == RESULT_OK)
        r = read_gone(&config, file, &gone, &fault);
    if (r == RESULT_OK)
        r = store_restore(file, config.db, force, aside, &report, &fault);
    CLEANUP(buffer_done) struct buffer text = buffer_make(TEXT_BYTES_MAX);
    if (r == RESULT_OK)
        report_text_write(&text, config.db, &report);
    if (aside[0] != '\0')
        buffer_append_format(&text, "%-18s %s\n", "set aside", aside);
    enum program_exit printed =
        text.bytes > 0 ? program_print(&text) : PROGRAM_DONE;
    if (r == RESULT_OK)
        r = remove_again(&config, &gone, &fault);
    if (r != RESULT_OK)
        return command_failed(r, &fault);
    return no_replay || printed != PROGRAM_DONE ? printed
                                                : command_replay_rest(&config);
}
