#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "erased_files.h"
#include "removed_files.h"
#include "store_look.h"

enum {
    CONNECT_TIMEOUT_MS = 5 * 1000,
};

enum program_exit command_complain(const char *command, enum result result,
                                   const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "history %s: ", command);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return program_exit_of(result);
}

bool command_help_asked(int words_count, char **words)
{
    return words_count == 1 && strcmp(words[0], "--help") == 0;
}

bool command_config(struct config *ret, enum program_exit *ret_exit)
{
    struct fault fault = {0};
    enum result r = config_read(ret, &fault);
    if (r == RESULT_OK)
        return true;
    *ret_exit = program_complain("history", r, fault.text);
    return false;
}

struct amqp_options command_amqp(const struct config *config, const char *name)
{
    return (struct amqp_options){
        .url = config->rabbit,
        .name = name,
        .ca_file =
            config->rabbit_ca_file[0] != '\0' ? config->rabbit_ca_file : NULL,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
    };
}

enum result command_erased(const struct config *config, struct erased_set *set,
                           struct fault *fault)
{
    struct store_look *look = NULL;
    enum result r = store_look_open(config->db, &look, NULL);
    if (r == RESULT_OK)
        r = store_look_erased(look, set, NULL);
    store_look_close(look);
    /* One that is missing or damaged has nothing to say; the files have. */
    return erased_files_read(config->db, config->backup_dir, set, fault);
}

enum result command_removed(const struct config *config,
                            struct removed_set *set, struct fault *fault)
{
    struct store_look *look = NULL;
    bool tidy;
    enum result r = store_look_open(config->db, &look, NULL);
    if (r == RESULT_OK)
        r = store_look_removals(look, set, NULL);
    store_look_close(look);
    r = removed_files_read(config->db, config->backup_dir, set, &tidy, fault);
    removed_set_sort(set);
    return r;
}
