/* Reads messages, one a line, and says of each whether viewed_decode() takes
 * it: "ok", or "refused: why". For viewed_schema.py. */
#include <stdio.h>
#include <stdlib.h>

#include "viewed_message.h"

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t bytes;
    const struct viewed_envelope envelope = {.received_ms = 0};
    while ((bytes = getline(&line, &capacity, stdin)) > 0) {
        size_t body_bytes = (size_t)bytes - (line[bytes - 1] == '\n' ? 1 : 0);
        struct viewed viewed;
        struct fault fault = {""};
        enum result result =
            viewed_decode(line, body_bytes, &envelope, &viewed, &fault);
        if (result == RESULT_OK)
            (void)puts("ok");
        else
            (void)printf("refused: %s\n", fault.text);
    }
    free(line);
    return ferror(stdin) || fflush(stdout) != 0 ? 1 : 0;
}
