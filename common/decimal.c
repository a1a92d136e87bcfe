#include "decimal.h"

#include <errno.h>
#include <stdlib.h>

bool decimal_take(const char **text, int64_t *ret)
{
    const char *digits = **text == '-' ? *text + 1 : *text;
    /* strtoll would take white space and a plus as well. */
    if (*digits < '0' || *digits > '9')
        return false;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(*text, &end, 10);
    if (errno != 0)
        return false;
    *text = *end == ' ' || *end == '\n' ? end + 1 : end;
    *ret = value;
    return true;
}
