#include "command_words.h"

#include <stdio.h>
#include <string.h>

static const struct command_option *find(const char *word, size_t name_bytes,
                                         const struct command_option *options,
                                         size_t options_count)
{
    for (size_t i = 0; i < options_count; i++)
        if (strlen(options[i].name) == name_bytes &&
            strncmp(options[i].name, word, name_bytes) == 0)
            return &options[i];
    return NULL;
}

/* *at is the option's word; it moves on where the value is the next one. */
static enum result take_option(int words_count, char **words, int *at,
                               const struct command_option *options,
                               size_t options_count, struct fault *fault)
{
    const char *word = words[*at];
    size_t name_bytes = strcspn(word, "=");
    const struct command_option *option =
        find(word, name_bytes, options, options_count);
    if (option == NULL)
        return fault_set(fault, RESULT_MALFORMED, "no such option: %s", word);
    bool has_value = word[name_bytes] == '=';
    if (option->given != NULL ? *option->given : *option->value != NULL)
        return fault_set(fault, RESULT_MALFORMED, "%s is given twice",
                         option->name);
    if (option->given != NULL && has_value)
        return fault_set(fault, RESULT_MALFORMED, "%s takes no value",
                         option->name);
    if (option->given != NULL) {
        *option->given = true;
        return RESULT_OK;
    }
    if (!has_value && *at + 1 == words_count)
        return fault_set(fault, RESULT_MALFORMED, "%s needs a value",
                         option->name);
    *option->value = has_value ? word + name_bytes + 1 : words[++*at];
    return RESULT_OK;
}

enum result command_words(int words_count, char **words,
                          const struct command_option *options,
                          size_t options_count, const char **names,
                          size_t least, size_t most, size_t *ret_names,
                          struct fault *fault)
{
    size_t count = 0;
    bool only_names = false;
    for (int i = 0; i < words_count; i++) {
        if (!only_names && strcmp(words[i], "--") == 0) {
            only_names = true;
        } else if (!only_names && words[i][0] == '-' && words[i][1] != '\0') {
            enum result result = take_option(words_count, words, &i, options,
                                             options_count, fault);
            if (result != RESULT_OK)
                return result;
        } else if (count == most) {
            return fault_set(fault, RESULT_MALFORMED, "too many words: %s",
                             words[i]);
        } else {
            names[count++] = words[i];
        }
    }
    if (count < least)
        return fault_set(fault, RESULT_MALFORMED, "a word is missing");
    *ret_names = count;
    return RESULT_OK;
}

enum program_exit command_failed(enum result result, const struct fault *fault)
{
    (void)program_complain("history", result, fault->text);
    switch (result) {
    case RESULT_MALFORMED:
        return PROGRAM_MISUSED;
    case RESULT_NOT_FOUND:
    case RESULT_LIMIT:
        return PROGRAM_CANNOT_START;
    default:
        return PROGRAM_FAILED;
    }
}

enum program_exit command_misused(const char *usage, const struct fault *fault)
{
    (void)program_complain("history", RESULT_MALFORMED, fault->text);
    (void)fprintf(stderr, "usage: history %s\n", usage);
    return PROGRAM_MISUSED;
}
