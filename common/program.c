#include "program.h"

#include <stdio.h>

enum program_exit program_exit_of(enum result result)
{
    if (result == RESULT_OK)
        return PROGRAM_DONE;
    return result == RESULT_MALFORMED ? PROGRAM_MISUSED : PROGRAM_CANNOT_START;
}

void program_complain(const char *program, const char *words)
{
    (void)fprintf(stderr, "%s: %s\n", program, words);
}
