#include <stdio.h>
#include <string.h>

#include "bearer_token.h"
#include "cleanup.h"
#include "command.h"
#include "command_words.h"
#include "erase.h"
#include "http_query.h"
#include "local_request.h"
#include "store_look.h"

enum {
    TEXT_BYTES_MAX = 64 * 1024,
    TOKEN_S = 60,
    TIMEOUT_S = 600, /* a user with very many views */
};

static const char help[] =
    "history erase: remove all views of a user, for good\n"
    "\n"
    "  history erase --user ID\n"
    "\n"
    "Prints a receipt as JSON. What was viewed until \"refusedUntil\" is\n"
    "never stored again, by no redelivery, replay or restore. While history\n"
    "serves the store, the service is asked, which takes ADMIN_API=on there,\n"
    "or an HS256 key in AUTH_KEYS. Settings: HISTORY_DB, BACKUP_DIR, PORT,\n"
    "BIND. Exit codes: 0 done, 1 it failed, or the receipt says that a part\n"
    "was not done, 2 wrong usage or setting, 3 the store or the service is\n"
    "not reached.\n";

/* Where the service wants tokens, one of its own keys' makes ours. */
static enum result make_token(const struct config *config, const char *user_id,
                              char token[TOKEN_BYTES_MAX], struct fault *fault)
{
    struct token_keys *keys = NULL;
    enum result r =
        token_keys_open(config->auth_keys, config->auth_audience, &keys, fault);
    if (r == RESULT_OK)
        r = token_make(keys, user_id, "", TOKEN_S, token, TOKEN_BYTES_MAX,
                       fault);
    token_keys_close(keys);
    return r;
}

static enum program_exit ask_service(const struct config *config,
                                     const char *user_id)
{
    CLEANUP(buffer_done) struct buffer target = buffer_make(TEXT_BYTES_MAX);
    CLEANUP(buffer_done) struct buffer answer = buffer_make(TEXT_BYTES_MAX);
    struct fault fault = {0};
    unsigned status = 0;
    buffer_append_text(&target, "/history?userId=");
    http_query_encode(&target, user_id);
    buffer_append(&target, "", 1);
    if (target.failed)
        return command_complain("erase", RESULT_UNAVAILABLE, "out of memory");
    char token[TOKEN_BYTES_MAX];
    bool tokens = config->auth_keys[0] != '\0';
    enum result r = RESULT_OK;
    if (tokens)
        r = make_token(config, user_id, token, &fault);
    if (r == RESULT_OK)
        r = local_request(config->bind, config->port, "DELETE", target.data,
                          tokens ? token : NULL, TIMEOUT_S, &status, &answer,
                          &fault);
    if (r != RESULT_OK)
        return command_complain("erase", r, "the store is in use, and %s",
                                fault.text);
    if (status == 200)
        return program_print(&answer);
    (void)command_complain(
        "erase", RESULT_UNAVAILABLE, "the service answers with %u: %.*s",
        status, (int)answer.bytes, answer.data != NULL ? answer.data : "");
    return status == 403 ? PROGRAM_CANNOT_START : PROGRAM_FAILED;
}

static enum program_exit erase_here(const struct config *config,
                                    const char *user_id)
{
    CLEANUP(buffer_done) struct buffer text = buffer_make(TEXT_BYTES_MAX);
    static struct erase_receipt receipt;
    struct fault fault = {0};
    enum result r = erase_in_file(config->db, config->backup_dir, user_id,
                                  &receipt, &fault);
    if (r != RESULT_OK)
        return command_complain("erase", r, "%s", fault.text);
    erase_receipt_json(&text, &receipt);
    enum program_exit printed = program_print(&text);
    /* What a server writes over, and when, is its own matter. */
    bool done = receipt.noted &&
                (receipt.erasure.overwritten || !store_is_in_file(config->db));
    return done ? printed : PROGRAM_FAILED;
}

enum program_exit command_erase(int words_count, char **words)
{
    if (command_help_asked(words_count, words))
        return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
    static struct config config;
    struct fault fault = {0};
    const char *user_id = NULL;
    size_t names = 0;
    const struct command_option known[] = {
        {.name = "--user", .value = &user_id}};
    enum result r =
        command_words(words_count, words, known, 1, NULL, 0, 0, &names, &fault);
    if (r != RESULT_OK || user_id == NULL || user_id[0] == '\0')
        return command_complain("erase", RESULT_MALFORMED, "%s",
                                r != RESULT_OK ? fault.text : "say --user ID");
    enum program_exit code;
    if (!command_config(&config, &code))
        return code;
    return store_is_open(config.db) ? ask_service(&config, user_id)
                                    : erase_here(&config, user_id);
}
