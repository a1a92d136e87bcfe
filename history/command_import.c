#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "command.h"
#include "command_words.h"
#include "import.h"
#include "json_write.h"

enum {
    TERMINAL_MS = 500, /* between two lines of progress */
    REPORT_BYTES_MAX = 4096,
};

static const char help[] =
    "history import: bring the views of a file into the store\n"
    "\n"
    "  history import FILE|- [--format FORMAT] [--user ID] [--name NAME]\n"
    "                 [--dry-run] [--json]\n"
    "  history import --undo NAME [--json]\n"
    "\n"
    "  --format   flixtube (GET /history?format=ndjson), takeout (Google's\n"
    "             watch-history.json), tautulli (get_history), trakt (its\n"
    "             history); without it, by what the file says\n"
    "  --user     whose views they are, where the file does not say: Google's\n"
    "             and Trakt's do not\n"
    "  --name     what the import is called; without it, an id is made\n"
    "  --dry-run  the same report, and nothing is changed\n"
    "  --undo     takes back what the import of that name has added, and no\n"
    "             more; the file may be imported again afterwards\n"
    "\n"
    "What the store has stays as it is, so an import can be repeated. Items\n"
    "without a time or a title are skipped and counted. While history serves\n"
    "the store, the service is asked, which for --undo takes ADMIN_API=on\n"
    "there, or for both an HS256 key where AUTH_KEYS are. Ctrl-C ends it\n"
    "cleanly.\n"
    "Settings: HISTORY_DB, BACKUP_DIR, PORT, BIND, AUTH_KEYS. Exit codes: 0\n"
    "done, 1 ended before its end, 2 wrong usage or setting, 3 file, store or\n"
    "service not reached, or no such import.\n";

static volatile sig_atomic_t stop_asked;

static void ask_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

/* --- the file ------------------------------------------------------------- */

static enum result read_file(void *context, char *to, size_t bytes,
                             size_t *ret_bytes, struct fault *fault)
{
    const int *file = context;
    ssize_t got;
    do
        got = read(*file, to, bytes);
    while (got < 0 && errno == EINTR && stop_asked == 0);
    if (got < 0)
        return errno == EINTR ? fault_set(fault, RESULT_STOPPED, "stopped")
                              : fault_set(fault, RESULT_UNAVAILABLE,
                                          "cannot read: %s", strerror(errno));
    *ret_bytes = (size_t)got;
    return RESULT_OK;
}

/* --- what is said --------------------------------------------------------- */

struct shown {
    bool terminal;
    int64_t next_ms;
};

static bool progress(void *context, const struct import_progress *p)
{
    struct shown *shown = context;
    if (shown->terminal && p->elapsed_ms >= shown->next_ms) {
        (void)fprintf(stderr, "\r\033[Kimport: %lld read, %lld new",
                      (long long)p->counts.read, (long long)p->counts.added);
        shown->next_ms = p->elapsed_ms + TERMINAL_MS;
    }
    return stop_asked != 0;
}

struct wish {
    struct import_options options;
    bool json;
};

static void write_json(struct buffer *text, const struct wish *wish,
                       const struct import_progress *p, const char *ended)
{
    const struct import_counts *c = &p->counts;
    bool any = false;
    buffer_append_format(
        text,
        "{\"ended\":\"%s\",\"import\":\"%s\",\"format\":\"%s\",\"dryRun\":%s,"
        "\"read\":%lld,\"new\":%lld,\"known\":%lld,\"refused\":{"
        "\"erased\":%lld,\"removed\":%lld,\"paused\":%lld,\"expired\":%lld},"
        "\"skipped\":{",
        ended, wish->options.name, import_format_name(p->format),
        wish->options.dry_run ? "true" : "false", (long long)c->read,
        (long long)c->added, (long long)c->known, (long long)c->erased,
        (long long)c->removed, (long long)c->paused, (long long)c->expired);
    for (size_t i = 0; i < IMPORT_SKIPS; i++) {
        if (c->skipped[i] == 0)
            continue;
        buffer_append_format(text, "%s\"%s\":%lld", any ? "," : "",
                             import_skip_name((enum import_skip)i),
                             (long long)c->skipped[i]);
        any = true;
    }
    buffer_append_format(text, "},\"byService\":%s,\"seconds\":%.3f}\n",
                         p->by_service ? "true" : "false",
                         (double)p->elapsed_ms / 1000);
}

static void write_reason(struct buffer *text, int64_t count, const char *words)
{
    if (count > 0)
        buffer_append_format(text, "  %-8lld %s\n", (long long)count, words);
}

static void write_text(struct buffer *text, const struct wish *wish,
                       const struct import_progress *p)
{
    const struct import_counts *c = &p->counts;
    if (!wish->options.dry_run && c->added > 0) /* else --undo finds none */
        buffer_append_format(text, "import   %s\n", wish->options.name);
    buffer_append_format(
        text, "format   %s\nread     %lld items in %.1f s\nnew      %lld%s\n",
        import_format_name(p->format), (long long)c->read,
        (double)p->elapsed_ms / 1000, (long long)c->added,
        wish->options.dry_run ? ", if it were no dry run"
        : p->by_service       ? ", by the service"
                              : "");
    buffer_append_format(text, "known    %lld\nrefused  %lld\n",
                         (long long)c->known, (long long)import_refused(c));
    write_reason(text, c->erased, "of an erased user");
    write_reason(text, c->removed, "were removed");
    write_reason(text, c->paused, "of a pause");
    write_reason(text, c->expired, "older than views are kept");
    buffer_append_format(text, "skipped  %lld\n", (long long)import_skipped(c));
    for (size_t i = 0; i < IMPORT_SKIPS; i++)
        write_reason(text, c->skipped[i],
                     import_skip_text((enum import_skip)i));
    if (p->uncounted)
        buffer_append_text(text, "the file is so large that views which it has "
                                 "twice may be counted as new\n");
}

/* 1 for what ended before its end, as the help says. */
static enum program_exit exit_of(enum result r)
{
    return r == RESULT_LIMIT       ? PROGRAM_MISUSED
           : r == RESULT_NOT_FOUND ? PROGRAM_CANNOT_START
                                   : PROGRAM_FAILED;
}

static enum program_exit report(enum result r, const struct fault *fault,
                                const struct wish *wish,
                                const struct import_progress *p)
{
    CLEANUP(buffer_done) struct buffer text = buffer_make(REPORT_BYTES_MAX);
    enum program_exit printed = PROGRAM_DONE;
    bool began = r == RESULT_OK || p->counts.read > 0;
    if (began && wish->json)
        write_json(&text, wish, p,
                   r == RESULT_OK        ? "done"
                   : r == RESULT_STOPPED ? "stopped"
                                         : "failed");
    else if (began)
        write_text(&text, wish, p);
    if (began)
        printed = program_print(&text);
    if (r == RESULT_OK)
        return printed;
    (void)command_complain("import", r, "%s", fault->text);
    return exit_of(r);
}

/* --- the command ---------------------------------------------------------- */

static enum program_exit import_file(const char *path, struct wish *wish)
{
    struct import_progress done = {.by_service = false};
    struct shown shown = {.terminal = isatty(STDERR_FILENO) != 0};
    struct fault fault = {0};
    bool is_input = strcmp(path, "-") == 0;
    int file = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        (void)command_complain("import", RESULT_UNAVAILABLE,
                               "cannot open %s: %s", path, strerror(errno));
        return PROGRAM_CANNOT_START;
    }
    wish->options.read = read_file;
    wish->options.read_context = &file;
    wish->options.progress = progress;
    wish->options.context = &shown;
    struct sigaction stop = {.sa_handler = ask_stop}; /* interrupts a read */
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    enum result r = import_run(&wish->options, &done, &fault);
    if (!is_input)
        (void)close(file);
    if (shown.terminal && shown.next_ms > 0)
        (void)fputs("\r\033[K", stderr);
    return report(r, &fault, wish, &done);
}

static enum program_exit undo(const struct config *config, const char *name,
                              bool json)
{
    CLEANUP(buffer_done) struct buffer text = buffer_make(REPORT_BYTES_MAX);
    struct fault fault = {0};
    int64_t views = 0;
    enum result r = import_undo(config, name, &views, &fault);
    if (r != RESULT_OK) {
        (void)command_complain("import", r, "%s", fault.text);
        return r == RESULT_UNAVAILABLE ? PROGRAM_FAILED : PROGRAM_CANNOT_START;
    }
    buffer_append_format(&text,
                         json ? "{\"import\":\"%s\",\"views\":%lld}\n"
                              : "import   %s\ntaken    %lld views back\n",
                         name, (long long)views);
    return program_print(&text);
}

/* What was said that does not go together. */
static const char *misuse(const struct wish *wish, const char *format,
                          const char *undo_name, bool any_file)
{
    const struct import_options *o = &wish->options;
    if (undo_name != NULL &&
        (any_file || format != NULL || o->user_id != NULL || o->name != NULL ||
         o->dry_run))
        return "--undo goes with --json alone";
    if (undo_name == NULL && !any_file)
        return "say FILE, or - for what comes in";
    if (format != NULL && import_format_of(format) == IMPORT_UNKNOWN)
        return "--format is flixtube, takeout, tautulli or trakt";
    if (o->user_id != NULL &&
        (o->user_id[0] == '\0' || strlen(o->user_id) > VIEWED_USER_BYTES_MAX))
        return "the id of a user has 1 to 128 bytes";
    const char *name = undo_name != NULL ? undo_name : o->name;
    if (name != NULL && !store_import_name_is_good(name))
        return "a name has 1 to 64 of A-Z a-z 0-9 . _ -, a dot or a dash not "
               "first";
    return NULL;
}

enum program_exit command_import(int words_count, char **words)
{
    static struct config config;
    static char made[UUID_TEXT_BYTES];
    struct wish wish = {.options = {.config = &config}};
    struct import_options *options = &wish.options;
    struct fault fault = {0};
    const char *file[1] = {NULL};
    const char *format = NULL;
    const char *undo_name = NULL;
    bool wants_help = false;
    size_t files = 0;
    const struct command_option known[] = {
        {.name = "--format", .value = &format},
        {.name = "--user", .value = &options->user_id},
        {.name = "--name", .value = &options->name},
        {.name = "--undo", .value = &undo_name},
        {.name = "--dry-run", .given = &options->dry_run},
        {.name = "--json", .given = &wish.json},
        {.name = "--help", .given = &wants_help},
    };
    enum result r =
        command_words(words_count, words, known, sizeof known / sizeof known[0],
                      file, 0, 1, &files, &fault);
    if (r != RESULT_OK)
        return command_complain("import", r, "%s", fault.text);
    if (wants_help)
        return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
    const char *wrong = misuse(&wish, format, undo_name, files > 0);
    if (wrong != NULL)
        return command_complain("import", RESULT_MALFORMED, "%s", wrong);
    enum program_exit code;
    if (!command_config(&config, &code))
        return code;
    if (undo_name != NULL)
        return undo(&config, undo_name, wish.json);
    struct uuid id = uuid_make();
    uuid_format(&id, made);
    options->format =
        format != NULL ? import_format_of(format) : IMPORT_UNKNOWN;
    options->user_id = options->user_id != NULL ? options->user_id : "";
    options->name = options->name != NULL ? options->name : made;
    return import_file(file[0], &wish);
}
