#include "result.h"

#include <stdarg.h>
#include <stdio.h>

enum result fault_set(struct fault *fault, enum result result,
                      const char *format, ...)
{
    if (fault != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(fault->text, sizeof fault->text, format, arguments);
        va_end(arguments);
    }
    return result;
}

const char *result_text(enum result result)
{
    switch (result) {
    case RESULT_OK:
        return "ok";
    case RESULT_MALFORMED:
        return "malformed";
    case RESULT_NOT_FOUND:
        return "not found";
    case RESULT_LIMIT:
        return "limit reached";
    case RESULT_UNAVAILABLE:
        return "unavailable";
    case RESULT_UNUSABLE:
        return "unusable";
    case RESULT_STOPPED:
        return "stopped";
    }
    return "unknown";
}
