#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "command.h"
#include "command_words.h"
#include "replay.h"

enum {
    TERMINAL_MS = 500, /* between two lines of progress */
    PLAIN_MS = 10 * 1000,
    REPORT_BYTES_MAX = 2048,
};

static const char help[] =
    "history replay: bring the views of the stream viewed.log into the store\n"
    "\n"
    "  history replay [--from WHERE] [--to WHERE] [--into FILE] [--dry-run]\n"
    "                 [--json]\n"
    "\n"
    "  --from   checkpoint (the default: what the store is sure to have),\n"
    "           first, an offset, or a time: 2026-01-31T12:00:00Z\n"
    "  --to     an offset, the last to read, or a time, before which to end;\n"
    "           without it the end of the stream as it is now\n"
    "  --into   a file in the place of HISTORY_DB; it is made where it is not\n"
    "  --dry-run  count, and change nothing\n"
    "\n"
    "What the store has stays as it is, so a replay can be repeated. While\n"
    "history serves the store, what is missing is published to its queue and\n"
    "stored by it. Ctrl-C ends it cleanly and says where to go on.\n"
    "Settings: HISTORY_DB, RABBIT, RABBIT_CA_FILE. Exit codes: 0 done, 1 "
    "ended\n"
    "before its end, 2 wrong usage or setting, 3 broker or store not "
    "reached.\n";

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

static void print_progress(const struct shown *shown,
                           const struct replay_progress *p)
{
    int64_t rate = p->elapsed_ms > 0 ? p->read * 1000 / p->elapsed_ms : 0;
    int64_t left = p->end - p->last;
    int64_t percent = p->end >= p->first ? (p->last - p->first + 1) * 100 /
                                               (p->end - p->first + 1)
                                         : 100;
    (void)fprintf(
        stderr, "%sreplay: %lld read (%lld%%), %lld new, %lld/s, %lld s left%s",
        shown->terminal ? "\r\033[K" : "", (long long)p->read,
        (long long)percent, (long long)p->added, (long long)rate,
        (long long)(rate > 0 ? left / rate : 0), shown->terminal ? "" : "\n");
}

static bool progress(void *context, const struct replay_progress *p)
{
    struct shown *shown = context;
    if (p->elapsed_ms >= shown->next_ms && p->last >= 0) {
        print_progress(shown, p);
        shown->next_ms =
            p->elapsed_ms + (shown->terminal ? TERMINAL_MS : PLAIN_MS);
    }
    return stop_asked != 0;
}

static void write_json(struct buffer *text, const struct replay_progress *p,
                       const char *ended)
{
    buffer_append_format(
        text,
        "{\"ended\":\"%s\",\"first\":%lld,\"last\":%lld,\"end\":%lld,"
        "\"read\":%lld,\"new\":%lld,\"known\":%lld,\"refused\":%lld,\"erased\":"
        "%lld,",
        ended, (long long)p->first, (long long)p->last, (long long)p->end,
        (long long)p->read, (long long)p->added, (long long)p->known,
        (long long)p->refused, (long long)p->erased);
    buffer_append_format(
        text,
        "\"withoutId\":%lld,\"seconds\":%.3f,\"byQueue\":%s,\"noted\":%s}\n",
        (long long)p->without_id, (double)p->elapsed_ms / 1000,
        p->by_queue ? "true" : "false", p->noted ? "true" : "false");
}

static void write_text(struct buffer *text, const struct replay_progress *p)
{
    double seconds = (double)p->elapsed_ms / 1000;
    buffer_append_format(
        text,
        "read     %lld messages, offsets %lld to %lld, in %.1f s (%.0f/s)\n"
        "new      %lld%s\nknown    %lld\nrefused  %lld that cannot be a view\n"
        "erased   %lld of erased users, or removed\n",
        (long long)p->read, (long long)p->first, (long long)p->last, seconds,
        seconds > 0 ? (double)p->read / seconds : 0.0, (long long)p->added,
        p->by_queue ? ", given to the service" : "", (long long)p->known,
        (long long)p->refused, (long long)p->erased);
    if (p->without_id > 0)
        buffer_append_format(text,
                             "of these %lld have no id: each replay from "
                             "elsewhere adds them again\n",
                             (long long)p->without_id);
}

static enum program_exit report(enum result r, const struct fault *fault,
                                const struct replay_progress *p, bool json)
{
    CLEANUP(buffer_done) struct buffer text = buffer_make(REPORT_BYTES_MAX);
    bool began = p->last >= 0 || r == RESULT_OK;
    if (json)
        write_json(&text, p,
                   r == RESULT_OK        ? "done"
                   : r == RESULT_STOPPED ? "stopped"
                                         : "failed");
    else
        write_text(&text, p);
    enum program_exit printed = began ? program_print(&text) : PROGRAM_FAILED;
    if (r == RESULT_OK)
        return printed;
    enum program_exit code = command_complain("replay", r, "%s", fault->text);
    if (!began)
        return r == RESULT_STOPPED ? PROGRAM_FAILED : code;
    (void)command_complain("replay", r, "to go on: history replay --from %lld",
                           (long long)p->last);
    return PROGRAM_FAILED;
}

static enum result run(const struct replay_options *wanted,
                       const struct config *config,
                       struct replay_progress *done, struct fault *fault)
{
    struct amqp_options amqp = command_amqp(config, "history replay");
    struct shown shown = {.terminal = isatty(STDERR_FILENO) != 0};
    struct replay_options options = *wanted;
    options.amqp = &amqp;
    options.progress = progress;
    options.context = &shown;
    CLEANUP(erased_set_done) struct erased_set erased = {0};
    options.erased = &erased;
    CLEANUP(removed_set_done) struct removed_set removed = {0};
    options.removed = &removed;
    enum result r = command_erased(config, &erased, fault);
    if (r == RESULT_OK)
        r = command_removed(config, &removed, fault);
    if (r != RESULT_OK)
        return r;
    (void)signal(SIGINT, ask_stop);
    (void)signal(SIGTERM, ask_stop);
    r = replay(&options, done, fault);
    if (shown.terminal && shown.next_ms > 0)
        (void)fputs("\r\033[K", stderr);
    return r;
}

enum program_exit command_replay_rest(const struct config *config)
{
    struct replay_options options = {.path = config->db, .from = "checkpoint"};
    struct replay_progress done = {0};
    struct fault fault = {0};
    enum result r = run(&options, config, &done, &fault);
    if (r == RESULT_MALFORMED) { /* the checkpoint is of another stream */
        options.from = "first";
        r = run(&options, config, &done, &fault);
    }
    return report(r, &fault, &done, false);
}

enum program_exit command_replay(int words_count, char **words)
{
    static struct config config;
    struct replay_options options = {0};
    struct replay_progress done = {0};
    struct fault fault = {0};
    bool json = false;
    bool wants_help = false;
    size_t names = 0;
    const struct command_option known[] = {
        {.name = "--from", .value = &options.from},
        {.name = "--to", .value = &options.to},
        {.name = "--into", .value = &options.path},
        {.name = "--dry-run", .given = &options.dry_run},
        {.name = "--json", .given = &json},
        {.name = "--help", .given = &wants_help},
    };
    enum result r =
        command_words(words_count, words, known, sizeof known / sizeof known[0],
                      NULL, 0, 0, &names, &fault);
    if (r != RESULT_OK)
        return command_complain("replay", r, "%s", fault.text);
    if (wants_help)
        return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
    enum program_exit code;
    if (!command_config(&config, &code))
        return code;
    if (options.from == NULL)
        options.from = "checkpoint";
    if (options.path == NULL)
        options.path = config.db;
    r = run(&options, &config, &done, &fault);
    return report(r, &fault, &done, json);
}
