#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cleanup.h"
#include "command.h"
#include "command_words.h"
#include "config.h"
#include "copy.h"

enum {
    REPORT_BYTES_MAX = 4096,
    TERMINAL_MS = 200, /* between two lines of progress */
    PLAIN_MS = 5000,
};

static const char help[] =
    "history copy: brings all of a store into another\n"
    "\n"
    "  history copy FROM [--json]\n"
    "\n"
    "FROM is a store as HISTORY_DB names one, a file or an address, and may be "
    "in\n"
    "use; the other one is HISTORY_DB, which is made where it is not there.\n"
    "Views that are there already are known, so it can be stopped and done\n"
    "again. Then start the service on the other: what came meanwhile it "
    "brings\n"
    "from the stream by itself, and `history verify` of both gives one "
    "digest.\n"
    "What is not to be continued and days to keep are copied too; days that\n"
    "are set there already stay. Which view came by which import is not.\n"
    "Exit codes: 0 done, 1 failed or stopped, 2 wrong usage or setting, 3 no\n"
    "such store.\n";

static volatile sig_atomic_t stop_asked;

static void ask_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

struct shown {
    bool terminal;
    int64_t next_ms;
};

static int64_t per_s(const struct copy_progress *p)
{
    return p->elapsed_ms > 0 ? p->read * 1000 / p->elapsed_ms : 0;
}

static bool progress(void *context, const struct copy_progress *p)
{
    struct shown *shown = context;
    if (p->elapsed_ms >= shown->next_ms) {
        int64_t percent = p->reach > 0 ? p->at * 100 / p->reach : 100;
        (void)fprintf(stderr, "%scopy: %lld read (%lld%%), %lld new, %lld/s%s",
                      shown->terminal ? "\r\033[K" : "", (long long)p->read,
                      (long long)percent, (long long)p->added,
                      (long long)per_s(p), shown->terminal ? "" : "\n");
        shown->next_ms =
            p->elapsed_ms + (shown->terminal ? TERMINAL_MS : PLAIN_MS);
    }
    return stop_asked != 0;
}

static void write_report(struct buffer *text, const struct copy_progress *p,
                         bool json)
{
    buffer_append_format(
        text,
        json ? "{\"read\":%lld,\"new\":%lld,\"known\":%lld,\"refused\":%lld,"
               "\"seconds\":%.3f}\n"
             : "read     %lld views\nnew      %lld\nknown    %lld\n"
               "refused  %lld of erased users, removed, or too old\n"
               "in       %.1f s\n",
        (long long)p->read, (long long)p->added, (long long)p->known,
        (long long)p->refused, (double)p->elapsed_ms / 1000);
}

enum program_exit command_copy(int words_count, char **words)
{
    if (command_help_asked(words_count, words))
        return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
    static struct config config;
    struct fault fault = {0};
    const char *from = NULL;
    size_t names = 0;
    bool json = false;
    const struct command_option known[] = {{.name = "--json", .given = &json}};
    if (command_words(words_count, words, known, 1, &from, 1, 1, &names,
                      &fault) != RESULT_OK)
        return command_misused("copy FROM [--json]", &fault);
    enum program_exit code;
    if (!command_config(&config, &code))
        return code;
    struct shown shown = {.terminal = isatty(STDERR_FILENO) != 0};
    struct copy_progress done;
    const struct copy_options options = {
        .from = from, .to = config.db, .progress = progress, .context = &shown};
    (void)signal(SIGINT, ask_stop);
    (void)signal(SIGTERM, ask_stop);
    enum result r = copy_store(&options, &done, &fault);
    if (shown.terminal && shown.next_ms > 0)
        (void)fputs("\r\033[K", stderr);
    CLEANUP(buffer_done) struct buffer text = buffer_make(REPORT_BYTES_MAX);
    write_report(&text, &done, json);
    code =
        r == RESULT_OK || done.read > 0 ? program_print(&text) : PROGRAM_FAILED;
    return r == RESULT_OK ? code
                          : command_complain("copy", r, "%s", fault.text);
}
