#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "command.h"
#include "command_words.h"
#include "dead_operations.h"
#include "terminal_text.h"

enum {
    TEXT_BYTES_MAX = 16 << 20, /* of one answer */
    LINE_BODY_BYTES = 60,
};

static const char help[] =
    "history dead: the messages that could not be a view\n"
    "\n"
    "  history dead list [--limit N] [--json]   N of them (100, to 1000)\n"
    "  history dead show ID [--json]            one, with its body\n"
    "  history dead retry ID… | --all [--json]  send to history again\n"
    "  history dead discard ID… [--json]        remove for good\n"
    "\n"
    "A retry reaches history alone, under the same id, and removes the letter\n"
    "once the broker has the message. A letter is retried ten times at most.\n"
    "Settings: RABBIT, RABBIT_CA_FILE. Exit codes: 0 done, 1 a letter was not\n"
    "found, was refused, or the broker was lost on the way, 2 wrong usage or\n"
    "setting, 3 the broker is not reached.\n";

struct answer {
    struct buffer text;
    bool json;
    bool begun;
    size_t done;
    size_t failed;
};

static void separate(struct answer *answer)
{
    if (answer->json && answer->begun)
        buffer_append_text(&answer->text, ",\n");
    answer->begun = true;
}

static void add_time(struct buffer *text, int64_t ms)
{
    char seen[CLOCK_TEXT_BYTES] = "-";
    if (ms > 0 && ms <= CLOCK_MAX_MS)
        clock_format(ms, seen);
    buffer_append_format(text, "%-24s", seen);
}

static void add_line(void *context, const struct dead_found *found)
{
    struct answer *answer = context;
    struct buffer *text = &answer->text;
    separate(answer);
    if (answer->json) {
        dead_json_letter(text, found, DEAD_BODY_SHOWN);
        return;
    }
    char id[UUID_TEXT_BYTES];
    uuid_format(&found->id, id);
    buffer_append_format(text, "%s  ", id);
    add_time(text, found->seen_ms);
    buffer_append_format(text, "  %7lld  %7zu  ", (long long)found->retries,
                         found->body_bytes);
    terminal_text(text, found->reason, strlen(found->reason), SIZE_MAX);
    buffer_append_text(text, "  ");
    terminal_text(text, found->body, found->body_bytes, LINE_BODY_BYTES);
    buffer_append_text(text, "\n");
}

static void add_whole(void *context, const struct dead_found *found)
{
    struct answer *answer = context;
    struct buffer *text = &answer->text;
    if (answer->json) {
        dead_json_letter(text, found, SIZE_MAX);
        buffer_append_text(text, "\n");
        return;
    }
    char id[UUID_TEXT_BYTES];
    uuid_format(&found->id, id);
    buffer_append_format(text, "id          %s\nfirst seen  ", id);
    add_time(text, found->seen_ms);
    buffer_append_text(text, "\nreason      ");
    terminal_text(text, found->reason, strlen(found->reason), SIZE_MAX);
    buffer_append_text(text, "\nmessage-id  ");
    terminal_text(text, found->message_id, strlen(found->message_id), SIZE_MAX);
    buffer_append_text(text, "\ntype        ");
    terminal_text(text, found->content_type, strlen(found->content_type),
                  SIZE_MAX);
    buffer_append_format(text,
                         "\ndeliveries  %lld before\nretries     %lld of %d\n"
                         "body        %zu bytes%s\n\n",
                         (long long)found->deliveries,
                         (long long)found->retries, DEAD_QUEUE_RETRIES_MAX,
                         found->body_bytes, found->body_cut ? ", cut" : "");
    terminal_text(text, found->body, found->body_bytes, SIZE_MAX);
    buffer_append_text(text, "\n");
}

static void add_outcome(void *context, const struct dead_outcome *outcome)
{
    struct answer *answer = context;
    char id[UUID_TEXT_BYTES];
    separate(answer);
    if (outcome->result == RESULT_OK)
        answer->done++;
    else
        answer->failed++;
    if (answer->json) {
        dead_json_outcome(&answer->text, outcome);
        return;
    }
    uuid_format(&outcome->id, id);
    buffer_append_format(&answer->text, "%s  %s\n", id,
                         outcome->result == RESULT_OK ? "done"
                                                      : outcome->why.text);
}

static bool read_id(const char *command, const char *word, struct uuid *ret)
{
    if (uuid_parse(word, strlen(word), ret))
        return true;
    (void)command_complain(command, RESULT_MALFORMED, "no id of a letter: %s",
                           word);
    return false;
}

/* What failed after the broker was reached is no failed start. */
static enum program_exit end(const char *command, struct answer *answer,
                             enum result r, const struct fault *fault)
{
    if (r == RESULT_OK || answer->begun) {
        enum program_exit printed = program_print(&answer->text);
        if (r == RESULT_OK)
            return answer->failed > 0 ? PROGRAM_FAILED : printed;
    }
    enum program_exit code = command_complain(command, r, "%s", fault->text);
    return answer->begun || r == RESULT_NOT_FOUND ? PROGRAM_FAILED : code;
}

static enum program_exit list(const struct amqp_options *amqp,
                              struct answer *answer, const char *limit_text)
{
    struct fault fault = {0};
    char *rest = NULL;
    long limit = DEAD_LIST_DEFAULT;
    if (limit_text != NULL)
        limit = strtol(limit_text, &rest, 10);
    if (limit < 1 || limit > DEAD_LIST_MAX || (rest != NULL && *rest != '\0'))
        return command_complain("dead list", RESULT_MALFORMED,
                                "--limit is 1 to %d", DEAD_LIST_MAX);
    bool more = false;
    buffer_append_text(&answer->text,
                       answer->json ? "{\"letters\":["
                                    : "ID                                    "
                                      "FIRST SEEN                RETRIES    "
                                      "BYTES  REASON, BODY\n");
    enum result r =
        dead_list(amqp, (size_t)limit, add_line, answer, &more, &fault);
    if (answer->json)
        buffer_append_format(&answer->text, "],\"more\":%s}\n",
                             more ? "true" : "false");
    else if (more)
        buffer_append_text(&answer->text, "and more: see --limit\n");
    return end("dead list", answer, r, &fault);
}

static enum program_exit show(const struct amqp_options *amqp,
                              struct answer *answer, const char *const *words,
                              size_t count)
{
    struct fault fault = {0};
    struct uuid id;
    if (count != 1)
        return command_complain("dead show", RESULT_MALFORMED,
                                "name one letter");
    if (!read_id("dead show", words[0], &id))
        return PROGRAM_MISUSED;
    enum result r = dead_show(amqp, &id, add_whole, answer, &fault);
    return end("dead show", answer, r, &fault);
}

static enum program_exit act(const struct amqp_options *amqp,
                             struct answer *answer, const char *command,
                             struct dead_wish *wish, const char *const *words,
                             size_t count)
{
    struct fault fault = {0};
    if ((count == 0) != wish->all)
        return command_complain(command, RESULT_MALFORMED,
                                wish->act == DEAD_RETRY
                                    ? "name letters, or say --all"
                                    : "name the letters");
    for (size_t i = 0; i < count; i++)
        if (!read_id(command, words[i], &wish->ids[wish->count++]))
            return PROGRAM_MISUSED;
    if (answer->json)
        buffer_append_text(&answer->text, "{\"letters\":[");
    enum result r = dead_do(amqp, wish, add_outcome, answer, &fault);
    if (answer->json)
        buffer_append_text(&answer->text, "]}\n");
    else
        buffer_append_format(&answer->text, "%zu done, %zu not\n", answer->done,
                             answer->failed);
    return end(command, answer, r, &fault);
}

static enum program_exit run(const char *name, struct answer *answer,
                             char **words, int words_count)
{
    static struct config config;
    static struct dead_wish wish;
    static const char *names[DEAD_IDS_MAX];
    const char *limit = NULL;
    size_t count = 0;
    bool is_list = strcmp(name, "list") == 0;
    bool is_retry = strcmp(name, "retry") == 0;
    const struct command_option options[] = {
        {.name = "--json", .given = &answer->json},
        is_list ? (struct command_option){.name = "--limit", .value = &limit}
                : (struct command_option){.name = "--all", .given = &wish.all},
    };
    struct fault fault = {0};
    enum result r =
        command_words(words_count, words, options, is_list || is_retry ? 2 : 1,
                      names, 0, is_list ? 0 : DEAD_IDS_MAX, &count, &fault);
    if (r != RESULT_OK)
        return command_complain("dead", r, "%s", fault.text);
    enum program_exit code;
    if (!command_config(&config, &code))
        return code;
    struct amqp_options amqp = command_amqp(&config, "history dead");
    if (is_list)
        return list(&amqp, answer, limit);
    if (strcmp(name, "show") == 0)
        return show(&amqp, answer, names, count);
    wish.act = is_retry ? DEAD_RETRY : DEAD_DISCARD;
    if (is_retry || strcmp(name, "discard") == 0)
        return act(&amqp, answer, is_retry ? "dead retry" : "dead discard",
                   &wish, names, count);
    (void)fputs(help, stderr);
    return PROGRAM_MISUSED;
}

enum program_exit command_dead(int words_count, char **words)
{
    if (words_count == 1 && strcmp(words[0], "--help") == 0)
        return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
    if (words_count == 0) {
        (void)fputs(help, stderr);
        return PROGRAM_MISUSED;
    }
    struct answer answer = {.text = buffer_make(TEXT_BYTES_MAX)};
    enum program_exit code = run(words[0], &answer, words + 1, words_count - 1);
    buffer_done(&answer.text);
    return code;
}
