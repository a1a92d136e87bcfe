#ifndef FLIXTUBE_TESTS_FUZZ_H
#define FLIXTUBE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* What a fuzzer defines; returns 0. The data is the caller's and has no NUL
 * after it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* A property of the fuzzed code. Ends the process, and the runner says and
 * keeps the input that did it. */
#define FUZZ_HOLDS(condition)                                                  \
    do {                                                                       \
        if (!(condition)) {                                                    \
            (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__,      \
                          __LINE__, #condition);                               \
            abort();                                                           \
        }                                                                      \
    } while (0)

#endif
