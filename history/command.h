#ifndef FLIXTUBE_HISTORY_COMMAND_H
#define FLIXTUBE_HISTORY_COMMAND_H

#include <stdbool.h>

#include "amqp_link.h"
#include "config.h"
#include "erased_set.h"
#include "program.h"
#include "removed_set.h"

/*
 * The commands of an operator, one file each: a thin top over the modules that
 * do the work. Results go to standard output, complaints and progress to
 * standard error. Besides the codes of program.h, each says what its 1 means
 * in its help.
 */
enum program_exit command_dead(int words_count, char **words);
enum program_exit command_verify(int words_count, char **words);
enum program_exit command_backup(int words_count, char **words);
enum program_exit command_restore(int words_count, char **words);
enum program_exit command_drill(int words_count, char **words);
enum program_exit command_erase(int words_count, char **words);
enum program_exit command_token(int words_count, char **words);
enum program_exit command_replay(int words_count, char **words);
enum program_exit command_import(int words_count, char **words);
enum program_exit command_copy(int words_count, char **words);

/* What commands share. */

/* Whether "--help" is all that was said. */
bool command_help_asked(int words_count, char **words);

/* As `history replay`, into HISTORY_DB, from what it is sure to have. */
enum program_exit command_replay_rest(const struct config *config);

/* Reads the settings; complains about the first wrong one. */
bool command_config(struct config *ret, enum program_exit *ret_exit);

/* Adds the tombstones of HISTORY_DB, as far as it can be read, and of the
 * files beside it and beside the backups. Errors: erased_files_read()'s. */
enum result command_erased(const struct config *config, struct erased_set *set,
                           struct fault *fault);

/* The same of what was removed. Errors: removed_files_read()'s. */
enum result command_removed(const struct config *config,
                            struct removed_set *set, struct fault *fault);

/* As `history serve` would connect. */
struct amqp_options command_amqp(const struct config *config, const char *name);

/* "history dead: …" on standard error; RESULT_MALFORMED is misuse. */
enum program_exit command_complain(const char *command, enum result result,
                                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
