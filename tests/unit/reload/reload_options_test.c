#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "options.h"

enum {
    WORDS_MAX = 160,
};

struct line {
    char *words[WORDS_MAX + 1];
    int count;
};

/* Splits a copy of `text` at its spaces, as argv. */
static struct line make_line(char *copy)
{
    struct line line = {.words = {"reload"}, .count = 1};

    for (char *word = strtok(copy, " "); word != NULL;
         word = strtok(NULL, " ")) {
        assert_true(line.count < WORDS_MAX);
        line.words[line.count++] = word;
    }
    return line;
}

static bool read_line(const char *text, struct options *options,
                      struct reason *reason)
{
    static char copy[4096];
    static struct line line; /* the options borrow from it */

    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    line = make_line(copy);
    return options_read(line.count, line.words, options, reason);
}

static void a_full_line_is_read(void **state)
{
    struct options options;
    struct reason reason;

    (void)state;
    assert_true(read_line("--watch common history --ignore *.md build "
                          "--watch CMakeLists.txt --poll-ms 50 --settle-ms 0 "
                          "--grace-ms 1 --build-timeout-ms 3600000 "
                          "--build make --run bin/history serve --watch --run",
                          &options, &reason));
    assert_int_equal(options.watches_count, 3);
    assert_string_equal(options.watches[2], "CMakeLists.txt");
    assert_int_equal(options.ignores_count, 2);
    assert_string_equal(options.ignores[1], "build");
    assert_string_equal(options.build, "make");
    assert_int_equal(options.poll_ms, 50);
    assert_int_equal(options.settle_ms, 0);
    assert_int_equal(options.grace_ms, 1);
    assert_int_equal(options.build_timeout_ms, 3600000);
    /* All behind --run is the program's, options of ours included. */
    assert_string_equal(options.run[0], "bin/history");
    assert_string_equal(options.run[3], "--run");
    assert_null(options.run[4]);
}

static void defaults_are_those_of_the_help(void **state)
{
    struct options options;
    struct reason reason;

    (void)state;
    assert_true(read_line("--watch . --build true --run x", &options, &reason));
    assert_int_equal(options.poll_ms, 250);
    assert_int_equal(options.settle_ms, 100);
    assert_int_equal(options.grace_ms, 10000);
    assert_int_equal(options.build_timeout_ms, 600000);
    assert_non_null(strstr(options_help, "(250)"));
    assert_non_null(strstr(options_help, "(100)"));
    assert_non_null(strstr(options_help, "(10000)"));
    assert_non_null(strstr(options_help, "(600000)"));
}

static void wrong_usage_is_named(void **state)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"", "nothing to watch"},
        {"--watch . --run x", "nothing to build"},
        {"--watch . --build b", "nothing to run"},
        {"--watch . --build b --run", "--run needs a program"},
        {"--watch --build b --run x", "nothing to watch"},
        {"stray", "what is 'stray'"},
        {"--watch . --build b stray --run x", "what is 'stray'"},
        {"--wacth .", "unknown option '--wacth'"},
        {"--build", "--build needs a value"},
        {"--build a --build b", "--build is given twice"},
        {"--poll-ms", "--poll-ms needs a value"},
        {"--poll-ms 9", "--poll-ms takes a number from 10 to 3600000"},
        {"--poll-ms 3600001", "--poll-ms takes"},
        {"--poll-ms 99999999999999999999", "--poll-ms takes"},
        {"--settle-ms -1", "--settle-ms takes"},
        {"--grace-ms +1", "--grace-ms takes"},
        {"--grace-ms 1s", "--grace-ms takes"},
        {"--build-timeout-ms 0", "--build-timeout-ms takes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct options options;
        struct reason reason;

        print_message("reload %s\n", rows[i].line);
        assert_false(read_line(rows[i].line, &options, &reason));
        assert_non_null(strstr(reason.text, rows[i].words));
    }
}

static void more_paths_than_the_limit_are_refused(void **state)
{
    char *words[OPTIONS_WATCHES_MAX + 4] = {"reload", "--watch"};
    struct options options;
    struct reason reason;

    (void)state;
    for (int i = 0; i <= OPTIONS_WATCHES_MAX; i++)
        words[2 + i] = "x";
    assert_false(
        options_read(OPTIONS_WATCHES_MAX + 3, words, &options, &reason));
    assert_non_null(strstr(reason.text, "more than 64"));
}

static void help_asks_for_nothing_else(void **state)
{
    struct options options;
    struct reason reason;

    (void)state;
    assert_true(read_line("--help", &options, &reason));
    assert_true(options.help);
    assert_true(read_line("--version", &options, &reason));
    assert_true(options.version);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_line_is_read),
        cmocka_unit_test(defaults_are_those_of_the_help),
        cmocka_unit_test(wrong_usage_is_named),
        cmocka_unit_test(more_paths_than_the_limit_are_refused),
        cmocka_unit_test(help_asks_for_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
