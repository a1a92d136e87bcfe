#ifndef FLIXTUBE_COMMON_BEARER_TOKEN_H
#define FLIXTUBE_COMMON_BEARER_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "result.h"

/*
 * Bearer tokens (RFC 6750) that are JSON Web Tokens (RFC 7519), checked by the
 * keys of a folder. The one module that uses libjwt. All of it may be called
 * by any thread.
 *
 * A key is a file; what stands before its ending is the key's id (`kid`):
 *   NAME.hs256      a secret of at least TOKEN_SECRET_BYTES_MIN bytes, HS256
 *   NAME.rs256.pem  a public key, RS256
 *   NAME.es256.pem  a public key on P-256, ES256
 * Other files are left alone. A key serves its own algorithm alone, whatever
 * a token says of itself (RFC 8725 section 3.1). All keys of the folder are
 * good at once and the folder is looked at again, at most once a second: a key
 * is changed by adding the new, waiting until no token of the old is about,
 * and removing the old.
 */
enum {
    TOKEN_BYTES_MAX = 4096,
    TOKEN_SUBJECT_BYTES = 129,   /* a user's id, with its NUL */
    TOKEN_SCOPE_BYTES = 256,     /* with its NUL */
    TOKEN_SECRET_BYTES_MIN = 32, /* RFC 7518 section 3.2 */
    TOKEN_KEY_BYTES_MAX = 8192,
    TOKEN_KEYS_MAX = 32,
    TOKEN_LEEWAY_S = 30, /* by which clocks may differ */
};

struct token_claims {
    char subject[TOKEN_SUBJECT_BYTES]; /* "" where the token has none */
    char scope[TOKEN_SCOPE_BYTES];     /* words with a space between */
    int64_t expires_s;                 /* Unix time; always given */
};

struct token_keys;

/*
 * Reads the folder's keys. `audience` is what a token's `aud` must then be;
 * NULL or "": it is not looked at. On success the caller owns *ret and ends
 * it with token_keys_close(). Errors: RESULT_MALFORMED (a key that is none, or
 * no key at all), RESULT_UNAVAILABLE (not readable), naming the file.
 */
enum result token_keys_open(const char *folder, const char *audience,
                            struct token_keys **ret, struct fault *fault);
void token_keys_close(struct token_keys *keys); /* NULL is fine */

/*
 * Whether the token is of one of these keys, and in its time. RESULT_MALFORMED
 * says in `fault` why not, in words that hold nothing of the token or the
 * keys. Where the folder cannot be read any more, the keys read last stay.
 */
enum result token_check(struct token_keys *keys, const char *token,
                        struct token_claims *ret, struct fault *fault);

/*
 * Makes a token of the HS256 key whose name sorts last (so names that begin
 * with a date go well), for lifetime_s from now.
 * Writes at most token_bytes with the NUL. Errors: RESULT_NOT_FOUND (no HS256
 * key), RESULT_UNAVAILABLE.
 */
enum result token_make(struct token_keys *keys, const char *subject,
                       const char *scope, uint32_t lifetime_s, char *token,
                       size_t token_bytes, struct fault *fault);

/* Why the folder could not be read again, once for each time: then true. */
bool token_keys_trouble(struct token_keys *keys, struct fault *ret);

/* Whether the word is among the scope's. Pure. */
bool token_has_scope(const struct token_claims *claims, const char *word);

#endif
