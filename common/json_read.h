#ifndef FLIXTUBE_COMMON_JSON_READ_H
#define FLIXTUBE_COMMON_JSON_READ_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "result.h"

enum {
    JSON_DEPTH_MAX = 32, /* ours have 3; keeps the parser's stack small */
    /* RFC 8259 section 9 lets us limit numbers: cJSON up to 1.7.17 cuts
     * longer ones. No double needs more than 24. */
    JSON_NUMBER_BYTES_MAX = 63,
};

/*
 * Whether the text is one JSON value by RFC 8259 to the letter: UTF-8 without
 * a BOM, no raw control characters, no lone surrogates, no \u0000 (it would
 * cut a C string), no leading zeros, nothing after the value but white space,
 * at most JSON_DEPTH_MAX levels, no number longer than JSON_NUMBER_BYTES_MAX.
 * Names may repeat: whoever reads the tree decides. The fault names the byte
 * offset.
 * Pure; any thread. Errors: RESULT_MALFORMED.
 */
enum result json_check(const char *text, size_t bytes, struct fault *fault);

/*
 * json_check(), then cJSON's tree, which the caller ends with json_done().
 * Errors: RESULT_MALFORMED; RESULT_UNAVAILABLE without memory.
 */
enum result json_read(const char *text, size_t bytes, cJSON **ret_json,
                      struct fault *fault);

void json_done(cJSON **json); /* for CLEANUP; NULL inside is fine */

#endif
