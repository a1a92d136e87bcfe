#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jwt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bearer_token.h"
#include "temp_folder.h"

enum {
    PEM_BYTES = 8192,
};

static const char secret[] = "a secret of no less than 32 bytes";
static const char other_secret[] = "another secret, which no one knows";

struct fixture {
    char folder[PATH_MAX];
    struct token_keys *keys;
};

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[PATH_MAX];
    assert_true(snprintf(path, sizeof path, "%s/%s", folder, name) <
                (int)sizeof path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *folder, const char *name)
{
    char path[PATH_MAX];
    assert_true(snprintf(path, sizeof path, "%s/%s", folder, name) <
                (int)sizeof path);
    assert_int_equal(unlink(path), 0);
}

static void read_file(const char *path, char text[PEM_BYTES])
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t bytes = fread(text, 1, PEM_BYTES - 1, file);
    text[bytes] = '\0';
    (void)fclose(file);
}

/* The private key stays in private/, which the folder's reader leaves alone. */
static void make_key_pair(const char *folder, const char *options,
                          const char *public_name, char private_pem[PEM_BYTES])
{
    char command[3 * PATH_MAX];
    char path[PATH_MAX];
    assert_true(snprintf(path, sizeof path, "%s/%s.private", folder,
                         public_name) < (int)sizeof path);
    assert_true(snprintf(command, sizeof command,
                         "openssl genpkey %s -out %s 2>/dev/null && "
                         "openssl pkey -in %s -pubout -out %s/%s",
                         options, path, path, folder,
                         public_name) < (int)sizeof command);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
    read_file(path, private_pem);
}

static jwt_t *claims_of(const char *subject, const char *scope, long lifetime_s)
{
    jwt_t *jwt = NULL;
    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_add_grant(jwt, "sub", subject), 0);
    assert_int_equal(jwt_add_grant(jwt, "scope", scope), 0);
    assert_int_equal(
        jwt_add_grant_int(jwt, "exp", (long)time(NULL) + lifetime_s), 0);
    return jwt;
}

/* Takes the claims over. */
static char *sign(jwt_t *jwt, jwt_alg_t algorithm, const char *key)
{
    assert_int_equal(jwt_set_alg(jwt, algorithm, (const unsigned char *)key,
                                 key != NULL ? (int)strlen(key) : 0),
                     0);
    char *token = jwt_encode_str(jwt);
    assert_non_null(token);
    jwt_free(jwt);
    return token;
}

/* Takes the token over. */
static bool is_taken(struct token_keys *keys, char *token)
{
    struct token_claims claims;
    struct fault fault = {0};
    enum result r = token_check(keys, token, &claims, &fault);
    if (r != RESULT_OK) {
        assert_int_equal(r, RESULT_MALFORMED);
        assert_true(fault.text[0] != '\0');
        assert_null(strstr(fault.text, "eyJ")); /* how every token begins */
    }
    free(token);
    return r == RESULT_OK;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fault fault = {0};
    temp_folder_make(fixture.folder);
    write_file(fixture.folder, "first.hs256", secret);
    write_file(fixture.folder, "README", "no key");
    assert_int_equal(
        token_keys_open(fixture.folder, NULL, &fixture.keys, &fault),
        RESULT_OK);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    token_keys_close(fixture->keys);
    temp_folder_remove(fixture->folder);
    return 0;
}

static void a_token_says_who_and_what(void **state)
{
    struct fixture *fixture = *state;
    struct token_claims claims;
    struct fault fault = {0};
    char *token = sign(claims_of("anna", "history:write history:admin", 60),
                       JWT_ALG_HS256, secret);
    assert_int_equal(token_check(fixture->keys, token, &claims, &fault),
                     RESULT_OK);
    free(token);
    assert_string_equal(claims.subject, "anna");
    assert_true(token_has_scope(&claims, "history:write"));
    assert_true(token_has_scope(&claims, "history:admin"));
    assert_false(token_has_scope(&claims, "history"));
    assert_false(token_has_scope(&claims, "history:adm"));
    assert_false(token_has_scope(&claims, ""));
}

static void our_own_token_is_taken(void **state)
{
    struct fixture *fixture = *state;
    char token[TOKEN_BYTES_MAX];
    struct token_claims claims;
    struct fault fault = {0};
    assert_int_equal(
        token_make(fixture->keys, "anna", "", 60, token, sizeof token, &fault),
        RESULT_OK);
    assert_int_equal(token_check(fixture->keys, token, &claims, &fault),
                     RESULT_OK);
    assert_string_equal(claims.subject, "anna");
    assert_string_equal(claims.scope, "");
    assert_int_equal(
        token_make(fixture->keys, "anna", "", 60, token, 20, &fault),
        RESULT_UNAVAILABLE);
}

static void a_token_out_of_its_time_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_false(is_taken(fixture->keys, sign(claims_of("anna", "", -60),
                                              JWT_ALG_HS256, secret)));
    jwt_t *later = claims_of("anna", "", 600);
    assert_int_equal(jwt_add_grant_int(later, "nbf", (long)time(NULL) + 300),
                     0);
    assert_false(is_taken(fixture->keys, sign(later, JWT_ALG_HS256, secret)));
    jwt_t *endless = NULL;
    assert_int_equal(jwt_new(&endless), 0);
    assert_int_equal(jwt_add_grant(endless, "sub", "anna"), 0);
    assert_false(is_taken(fixture->keys, sign(endless, JWT_ALG_HS256, secret)));
}

static void a_token_of_another_key_or_algorithm_is_refused(void **state)
{
    struct fixture *fixture = *state;
    assert_false(is_taken(fixture->keys, sign(claims_of("anna", "", 60),
                                              JWT_ALG_HS256, other_secret)));
    assert_false(is_taken(
        fixture->keys, sign(claims_of("anna", "", 60), JWT_ALG_HS512, secret)));
    assert_false(is_taken(fixture->keys,
                          sign(claims_of("anna", "", 60), JWT_ALG_NONE, NULL)));
    jwt_t *named = claims_of("anna", "", 60);
    assert_int_equal(jwt_add_header(named, "kid", "second"), 0);
    assert_false(is_taken(fixture->keys, sign(named, JWT_ALG_HS256, secret)));
    jwt_t *critical = claims_of("anna", "", 60);
    assert_int_equal(jwt_add_headers_json(critical, "{\"crit\":[\"b64\"]}"), 0);
    assert_false(
        is_taken(fixture->keys, sign(critical, JWT_ALG_HS256, secret)));
}

static void every_cut_and_every_changed_character_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char *token = sign(claims_of("anna", "", 60), JWT_ALG_HS256, secret);
    size_t bytes = strlen(token);
    for (size_t cut = 0; cut < bytes; cut++) {
        char *copy = strndup(token, cut);
        assert_non_null(copy);
        assert_false(is_taken(fixture->keys, copy));
    }
    /* Of the last character two bits are unused: it may say the same. */
    for (size_t at = 0; at + 1 < bytes; at++) {
        char *copy = strdup(token);
        assert_non_null(copy);
        copy[at] = copy[at] == 'A' ? 'B' : 'A';
        assert_false(is_taken(fixture->keys, copy));
    }
    free(token);
}

static void keys_in_pairs_serve_their_own_algorithm_alone(void **state)
{
    struct fixture *fixture = *state;
    char rsa[PEM_BYTES];
    char ec[PEM_BYTES];
    char public[PEM_BYTES];
    char path[PATH_MAX];
    struct token_keys *keys = NULL;
    struct fault fault = {0};
    make_key_pair(fixture->folder,
                  "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "r.rs256.pem",
                  rsa);
    make_key_pair(fixture->folder,
                  "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
                  "e.es256.pem", ec);
    assert_int_equal(token_keys_open(fixture->folder, NULL, &keys, &fault),
                     RESULT_OK);
    assert_true(
        is_taken(keys, sign(claims_of("anna", "", 60), JWT_ALG_RS256, rsa)));
    assert_true(
        is_taken(keys, sign(claims_of("anna", "", 60), JWT_ALG_ES256, ec)));
    assert_true(
        is_taken(keys, sign(claims_of("anna", "", 60), JWT_ALG_HS256, secret)));
    assert_false(
        is_taken(keys, sign(claims_of("anna", "", 60), JWT_ALG_RS512, rsa)));
    /* The public key, which everybody has, is no secret to sign with. */
    assert_true(snprintf(path, sizeof path, "%s/r.rs256.pem", fixture->folder) <
                (int)sizeof path);
    read_file(path, public);
    assert_false(
        is_taken(keys, sign(claims_of("anna", "", 60), JWT_ALG_HS256, public)));
    token_keys_close(keys);
}

static void a_token_for_another_audience_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct token_keys *keys = NULL;
    struct fault fault = {0};
    assert_int_equal(token_keys_open(fixture->folder, "history", &keys, &fault),
                     RESULT_OK);
    assert_false(
        is_taken(keys, sign(claims_of("anna", "", 60), JWT_ALG_HS256, secret)));
    jwt_t *other = claims_of("anna", "", 60);
    assert_int_equal(jwt_add_grant(other, "aud", "shop"), 0);
    assert_false(is_taken(keys, sign(other, JWT_ALG_HS256, secret)));
    jwt_t *ours = claims_of("anna", "", 60);
    assert_int_equal(jwt_add_grant(ours, "aud", "history"), 0);
    assert_true(is_taken(keys, sign(ours, JWT_ALG_HS256, secret)));
    token_keys_close(keys);
}

static bool becomes(struct fixture *fixture, const char *key, bool taken)
{
    for (int look = 0; look < 200; look++) {
        if (is_taken(fixture->keys, sign(claims_of("anna", "", 60),
                                         JWT_ALG_HS256, key)) == taken)
            return true;
        struct timespec pause = {.tv_nsec = 50 * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static void keys_are_changed_while_tokens_are_checked(void **state)
{
    struct fixture *fixture = *state;
    struct fault fault = {0};
    write_file(fixture->folder, "second.hs256", other_secret);
    assert_true(becomes(fixture, other_secret, true));
    assert_true(becomes(fixture, secret, true));
    remove_file(fixture->folder, "first.hs256");
    assert_true(becomes(fixture, secret, false));
    assert_false(token_keys_trouble(fixture->keys, &fault));
    write_file(fixture->folder, "third.hs256", "too short");
    bool told = false;
    for (int look = 0; look < 200 && !told; look++) {
        assert_true(becomes(fixture, other_secret, true));
        told = token_keys_trouble(fixture->keys, &fault);
        struct timespec pause = {.tv_nsec = 50 * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    assert_true(told);
    assert_non_null(strstr(fault.text, "third.hs256"));
}

static void a_folder_that_cannot_serve_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct token_keys *keys = NULL;
    struct fault fault = {0};
    assert_int_equal(token_keys_open("/nowhere", NULL, &keys, &fault),
                     RESULT_UNAVAILABLE);
    write_file(fixture->folder, "x.rs256.pem", "no key");
    assert_int_equal(token_keys_open(fixture->folder, NULL, &keys, &fault),
                     RESULT_MALFORMED);
    assert_non_null(strstr(fault.text, "x.rs256.pem"));
    remove_file(fixture->folder, "x.rs256.pem");
    remove_file(fixture->folder, "first.hs256");
    assert_int_equal(token_keys_open(fixture->folder, NULL, &keys, &fault),
                     RESULT_MALFORMED);
    assert_null(keys);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_token_says_who_and_what),
        CLAIM(our_own_token_is_taken),
        CLAIM(a_token_out_of_its_time_is_refused),
        CLAIM(a_token_of_another_key_or_algorithm_is_refused),
        CLAIM(every_cut_and_every_changed_character_is_refused),
        CLAIM(keys_in_pairs_serve_their_own_algorithm_alone),
        CLAIM(a_token_for_another_audience_is_refused),
        CLAIM(keys_are_changed_while_tokens_are_checked),
        CLAIM(a_folder_that_cannot_serve_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
