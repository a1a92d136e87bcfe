#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void say(const char *format, ...)
{
    static const char mark[] = "reload: ";
    char line[SAY_LINE_BYTES];
    int used = snprintf(line, sizeof line, "%s", mark);
    size_t room =
        sizeof line - (size_t)used - 1; /* keeps the newline's place */
    size_t bytes;
    va_list arguments;

    va_start(arguments, format);
    int wanted = vsnprintf(line + used, room, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        return;
    bytes = (size_t)wanted < room ? (size_t)wanted : room - 1;
    bytes += (size_t)used;
    line[bytes++] = '\n';
    /* Nobody is left to tell when the terminal is gone. */
    if (write(STDERR_FILENO, line, bytes) < 0)
        return;
}
