#ifndef FLIXTUBE_HISTORY_COMMAND_WORDS_H
#define FLIXTUBE_HISTORY_COMMAND_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "program.h"
#include "result.h"

/* "--force", or with a value "--from first" and "--from=first". One of the
 * two pointers is set; what they point to changes where the option is given. */
struct command_option {
    const char *name;
    bool *given;
    const char **value;
};

/*
 * Takes the words of a command apart: options, each at most once, and in any
 * place the others, of which there are least to most. The texts stay argv's. A
 * name that begins with a dash is given as ./-name, or after --; a dash alone
 * is a name.
 * Errors: RESULT_MALFORMED.
 */
enum result command_words(int words_count, char **words,
                          const struct command_option *options,
                          size_t options_count, const char **names,
                          size_t least, size_t most, size_t *ret_names,
                          struct fault *fault);

/* Complains and returns the code: MALFORMED is misuse, NOT_FOUND and LIMIT a
 * start that cannot work, all else a failure. */
enum program_exit command_failed(enum result result, const struct fault *fault);

/* The same, and how the command is called. */
enum program_exit command_misused(const char *usage, const struct fault *fault);

#endif
