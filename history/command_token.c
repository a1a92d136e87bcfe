#include <stdio.h>
#include <string.h>

#include "access.h"
#include "command.h"
#include "command_words.h"
#include "decimal.h"

enum {
    LIFETIME_S_MAX = 10 * 366 * 86400,
};

#define LIFETIME_S_TEXT "3600"

static const char help[] =
    "history token: make a token with the newest HS256 key of AUTH_KEYS\n"
    "\n"
    "  history token [--user ID] [--scope \"history:write\"] [--seconds 3600]\n"
    "\n"
    "Prints it. A user's token reads and erases that user's history; the "
    "scope\n"
    "history:write may store views, history:admin may all. Settings: "
    "AUTH_KEYS,\n"
    "AUTH_AUDIENCE. Exit codes: 0 done, 2 wrong usage or setting, 3 no key.\n";

static enum program_exit print_token(const struct config *config,
                                     const char *user_id, const char *scope,
                                     uint32_t lifetime_s)
{
    struct fault fault = {0};
    struct token_keys *keys = NULL;
    char token[TOKEN_BYTES_MAX];
    enum result r = token_keys_open(config->auth_keys, config->auth_audience,
                                    &keys, &fault);
    if (r == RESULT_OK)
        r = token_make(keys, user_id, scope, lifetime_s, token, sizeof token,
                       &fault);
    token_keys_close(keys);
    if (r != RESULT_OK)
        return command_complain("token", RESULT_UNAVAILABLE, "%s", fault.text);
    return puts(token) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
}

static const char *trouble_of(const char *user_id, const char *scope,
                              const char *seconds, int64_t *ret_seconds)
{
    if (strlen(user_id) >= TOKEN_SUBJECT_BYTES ||
        strlen(scope) >= TOKEN_SCOPE_BYTES)
        return "the user's id or the scope is too long";
    if (user_id[0] == '\0' && scope[0] == '\0')
        return "say --user ID, or --scope, or both";
    if (!decimal_take(&seconds, ret_seconds) || *seconds != '\0' ||
        *ret_seconds < 1 || *ret_seconds > LIFETIME_S_MAX)
        return "--seconds is 1 to 316224000";
    return NULL;
}

enum program_exit command_token(int words_count, char **words)
{
    if (command_help_asked(words_count, words))
        return fputs(help, stdout) < 0 ? PROGRAM_FAILED : PROGRAM_DONE;
    static struct config config;
    struct fault fault = {0};
    const char *user_id = NULL;
    const char *scope = NULL;
    const char *seconds = NULL;
    int64_t lifetime_s = 0;
    size_t names = 0;
    const struct command_option known[] = {
        {.name = "--user", .value = &user_id},
        {.name = "--scope", .value = &scope},
        {.name = "--seconds", .value = &seconds}};
    enum result r =
        command_words(words_count, words, known, sizeof known / sizeof known[0],
                      NULL, 0, 0, &names, &fault);
    user_id = user_id != NULL ? user_id : "";
    scope = scope != NULL ? scope : "";
    seconds = seconds != NULL ? seconds : LIFETIME_S_TEXT;
    const char *trouble =
        r != RESULT_OK ? fault.text
                       : trouble_of(user_id, scope, seconds, &lifetime_s);
    if (trouble != NULL)
        return command_complain("token", RESULT_MALFORMED, "%s", trouble);
    enum program_exit code;
    if (!command_config(&config, &code))
        return code;
    if (config.auth_keys[0] == '\0')
        return command_complain("token", RESULT_MALFORMED,
                                "AUTH_KEYS names no folder of keys");
    return print_token(&config, user_id, scope, (uint32_t)lifetime_s);
}
