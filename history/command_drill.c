#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup_folder.h"
#include "cleanup.h"
#include "clock.h"
#include "command.h"
#include "command_words.h"
#include "drill_result.h"
#include "json_write.h"
#include "store.h"
#include "terminal_text.h"

enum {
    TEXT_BYTES_MAX = 256 * 1024,
    WAIT_MS = 10 * 1000,
};

static const char help[] =
    "history drill: rebuild the store aside and compare it with the one in "
    "use\n"
    "\n"
    "  history drill [--from first | --backup FILE] [--scratch FOLDER] "
    "[--json]\n"
    "\n"
    "From the newest backup in BACKUP_DIR (or FILE) and the stream; --from\n"
    "first, or no backup: from the stream alone. The second store is a file,\n"
    "made in FOLDER and removed; FOLDER is else that of HISTORY_DB, or, where\n"
    "that is a database, BACKUP_DIR or the temporary folder. Each user's\n"
    "views are compared by count and digest. Settings: HISTORY_DB, "
    "BACKUP_DIR,\n"
    "RABBIT, RABBIT_CA_FILE. Exit codes: 0 PASS, 1 FAIL, 2 wrong usage or\n"
    "setting, 3 it could not be done.\n";

static volatile sig_atomic_t stop_asked;

static void ask_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

static bool is_stopped(void *context, const struct replay_progress *progress)
{
    (void)context;
    (void)progress;
    return stop_asked != 0;
}

static void add_time(struct buffer *text, int64_t ms)
{
    char time[CLOCK_TEXT_BYTES];
    clock_format(ms, time);
    buffer_append_text(text, time);
}

/* --- as JSON -------------------------------------------------------------- */

static void add_users_json(struct buffer *text,
                           const struct store_comparison *c)
{
    buffer_append_text(text, "\"users\":[");
    for (size_t i = 0; i < c->named; i++) {
        const struct store_difference *user = &c->differences[i];
        buffer_append_text(text, i > 0 ? ",{\"userId\":" : "{\"userId\":");
        if (user->user_id[0] != '\0')
            json_write_text(text, user->user_id);
        else
            buffer_append_text(text, "null");
        buffer_append_format(
            text, ",\"lost\":%lld,\"missing\":%lld,\"altered\":%lld}",
            (long long)user->lost, (long long)user->missing,
            (long long)user->altered);
    }
    buffer_append_text(text, "]");
}

static void write_json(struct buffer *text, const struct drill_report *report,
                       const char *backup)
{
    const struct store_comparison *c = &report->comparison;
    char digest[STORE_DIGEST_TEXT_BYTES];
    buffer_append_format(text, "{\"result\":\"%s\",\"startedAt\":\"",
                         report->passed ? "PASS" : "FAIL");
    add_time(text, report->started_ms);
    buffer_append_text(text, "\",\"backup\":");
    if (backup != NULL)
        json_write_text(text, backup);
    else
        buffer_append_text(text, "null");
    buffer_append_text(text, ",\"recoveryPoint\":\"");
    add_time(text, report->point_ms);
    buffer_append_format(
        text,
        "\",\"recoverySeconds\":%.3f,\"restoreSeconds\":%.3f,"
        "\"replaySeconds\":%.3f,\"messagesRead\":%lld,",
        (double)(report->restore_ms + report->replay_ms) / 1000,
        (double)report->restore_ms / 1000, (double)report->replay_ms / 1000,
        (long long)report->read);
    store_digest_format(&c->live, digest);
    buffer_append_format(text, "\"live\":{\"views\":%lld,\"digest\":\"%s\"},",
                         (long long)c->live.rows, digest);
    store_digest_format(&c->rebuilt, digest);
    buffer_append_format(text,
                         "\"rebuilt\":{\"views\":%lld,\"digest\":\"%s\"},",
                         (long long)c->rebuilt.rows, digest);
    buffer_append_format(
        text,
        "\"usersCompared\":%lld,\"since\":%lld,\"withoutId\":{\"live\":%lld,"
        "\"rebuilt\":%lld},\"lost\":%lld,\"missing\":%lld,\"altered\":%lld,",
        (long long)c->users, (long long)c->since, (long long)c->live_without_id,
        (long long)c->rebuilt_without_id, (long long)c->lost,
        (long long)c->missing, (long long)c->altered);
    add_users_json(text, c);
    buffer_append_text(text, "}\n");
}

/* --- as text -------------------------------------------------------------- */

static void add_users(struct buffer *text, const struct store_comparison *c)
{
    for (size_t i = 0; i < c->named; i++) {
        const struct store_difference *user = &c->differences[i];
        buffer_append_text(text, "  user ");
        if (user->user_id[0] != '\0')
            terminal_text(text, user->user_id, strlen(user->user_id), SIZE_MAX);
        else
            buffer_append_text(text, "(none)");
        buffer_append_format(text, ": %lld lost, %lld missing, %lld altered\n",
                             (long long)user->lost, (long long)user->missing,
                             (long long)user->altered);
    }
    if (c->named == STORE_COMPARE_NAMED)
        buffer_append_text(text, "  and maybe more\n");
}

static void write_text(struct buffer *text, const struct drill_report *report,
                       const char *backup)
{
    const struct store_comparison *c = &report->comparison;
    char live[STORE_DIGEST_TEXT_BYTES];
    char rebuilt[STORE_DIGEST_TEXT_BYTES];
    store_digest_format(&c->live, live);
    store_digest_format(&c->rebuilt, rebuilt);
    buffer_append_format(text, "%s\n", report->passed ? "PASS" : "FAIL");
    buffer_append_format(text, "backup           %s\n",
                         backup != NULL ? backup : "none: the stream alone");
    buffer_append_format(text,
                         "live store       %lld views, digest %s\n"
                         "rebuilt store    %lld views, digest %s\n",
                         (long long)c->live.rows, live,
                         (long long)c->rebuilt.rows, rebuilt);
    buffer_append_format(
        text,
        "compared         %lld users; %lld lost, %lld missing, %lld altered\n",
        (long long)c->users, (long long)c->lost, (long long)c->missing,
        (long long)c->altered);
    add_users(text, c);
    if (c->since > 0)
        buffer_append_format(text,
                             "not compared     %lld that came meanwhile\n",
                             (long long)c->since);
    if (c->live_without_id + c->rebuilt_without_id > 0)
        buffer_append_format(
            text, "without an id    %lld live, %lld rebuilt: not compared\n",
            (long long)c->live_without_id, (long long)c->rebuilt_without_id);
    buffer_append_text(text, "recovery point   ");
    add_time(text, report->point_ms);
    buffer_append_format(
        text,
        ": what came before comes back\n"
        "recovery time    %.1f s (restore %.1f s, replay of %lld in %.1f s)\n",
        (double)(report->restore_ms + report->replay_ms) / 1000,
        (double)report->restore_ms / 1000, (long long)report->read,
        (double)report->replay_ms / 1000);
}

/* --- the command ---------------------------------------------------------- */

/* The file to begin with, NULL for none. False after a complaint. */
static bool find_backup(const struct config *config, const char *from,
                        const char **backup, char path[PATH_MAX])
{
    struct fault fault = {0};
    int64_t made_s;
    if (from != NULL && (strcmp(from, "first") != 0 || *backup != NULL)) {
        (void)command_complain("drill", RESULT_MALFORMED,
                               "--from is first, and not with --backup");
        return false;
    }
    if (from != NULL || *backup != NULL || config->backup_dir[0] == '\0')
        return true;
    switch (backup_folder_newest(config->backup_dir, path, &made_s, &fault)) {
    case RESULT_OK:
        *backup = path;
        return true;
    case RESULT_NOT_FOUND:
        return true;
    default:
        (void)command_complain("drill", RESULT_UNAVAILABLE, "%s", fault.text);
        return false;
    }
}

/* Where there is room for a second store; in `room`, or another's. */
static const char *scratch_folder(const struct config *config,
                                  char room[PATH_MAX])
{
    if (store_is_in_file(config->db)) {
        (void)snprintf(room, PATH_MAX, "%s", config->db);
        return dirname(room);
    }
    if (config->backup_dir[0] != '\0')
        return config->backup_dir;
    const char *temporary = getenv("TMPDIR");
    return temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp";
}

static enum program_exit run(const struct config *config, const char *backup,
                             const char *scratch, bool json)
{
    static struct drill_report report;
    struct fault fault = {0};
    char room[PATH_MAX];
    struct amqp_options amqp = command_amqp(config, "history drill");
    struct drill_options options = {
        .amqp = &amqp,
        .store = config->db,
        .backup = backup,
        .scratch = scratch != NULL ? scratch : scratch_folder(config, room),
        .wait_ms = WAIT_MS,
        .progress = is_stopped,
    };
    CLEANUP(erased_set_done) struct erased_set erased = {0};
    options.erased = &erased;
    CLEANUP(removed_set_done) struct removed_set removed = {0};
    options.removed = &removed;
    (void)signal(SIGINT, ask_stop);
    (void)signal(SIGTERM, ask_stop);
    enum result r = command_erased(config, &erased, &fault);
    if (r == RESULT_OK)
        r = command_removed(config, &removed, &fault);
    if (r == RESULT_OK)
        r = drill(&options, &report, &fault);
    if (r != RESULT_OK) {
        (void)command_complain("drill", r, "%s", fault.text);
        return PROGRAM_CANNOT_START;
    }
    CLEANUP(buffer_done) struct buffer text = buffer_make(TEXT_BYTES_MAX);
    (json ? write_json : write_text)(&text, &report, backup);
    enum program_exit printed = program_print(&text);
    r = drill_result_write(config->db, &report, &fault);
    if (r != RESULT_OK)
        (void)command_complain("drill", r, "the service will not show it: %s",
                               fault.text);
    return report.passed ? printed : PROGRAM_FAILED;
}

enum program_exit command_drill(int words_count, char **words)
{
    if (command_help_asked(words_count, words))
        return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
    static struct config config;
    static char path[PATH_MAX];
    struct fault fault = {0};
    const char *from = NULL;
    const char *backup = NULL;
    const char *scratch = NULL;
    bool json = false;
    size_t names = 0;
    const struct command_option known[] = {
        {.name = "--from", .value = &from},
        {.name = "--backup", .value = &backup},
        {.name = "--scratch", .value = &scratch},
        {.name = "--json", .given = &json},
    };
    enum result r =
        command_words(words_count, words, known, sizeof known / sizeof known[0],
                      NULL, 0, 0, &names, &fault);
    if (r != RESULT_OK)
        return command_complain("drill", r, "%s", fault.text);
    enum program_exit code;
    if (!command_config(&config, &code))
        return code;
    if (!find_backup(&config, from, &backup, path))
        return from != NULL ? PROGRAM_MISUSED : PROGRAM_CANNOT_START;
    return run(&config, backup, scratch, json);
}
