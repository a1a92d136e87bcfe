#include "bearer_token.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jwt.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "siphash.h"

enum {
    LOOK_MS = 1000,
    NAME_BYTES = 65,
};

struct key {
    char name[NAME_BYTES];
    jwt_alg_t algorithm;
    int bytes;
    unsigned char data[TOKEN_KEY_BYTES_MAX + 1]; /* with a NUL behind */
};

struct key_set {
    size_t count;
    uint64_t print; /* of the files' names, sizes and times */
    struct key keys[TOKEN_KEYS_MAX];
};

struct token_keys {
    char folder[PATH_MAX];
    char audience[TOKEN_SCOPE_BYTES];
    _Atomic int64_t looked_ms;
    pthread_rwlock_t lock; /* guards what follows */
    struct key_set *set;
    struct fault trouble; /* of the last look; no text: none */
};

static const struct {
    const char *ending;
    jwt_alg_t algorithm;
} kinds[] = {
    {".hs256", JWT_ALG_HS256},
    {".rs256.pem", JWT_ALG_RS256},
    {".es256.pem", JWT_ALG_ES256},
};

/* The name without its ending, or false: no key's name. */
static bool read_name(const char *file, struct key *key)
{
    size_t bytes = strlen(file);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t ending = strlen(kinds[i].ending);
        if (bytes <= ending || bytes - ending >= NAME_BYTES ||
            strcmp(file + bytes - ending, kinds[i].ending) != 0)
            continue;
        memcpy(key->name, file, bytes - ending);
        key->name[bytes - ending] = '\0';
        key->algorithm = kinds[i].algorithm;
        return true;
    }
    return false;
}

static ssize_t read_whole(int folder, const char *file, struct key *key)
{
    int fd = openat(folder, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t bytes = 0;
    ssize_t got;
    do {
        got = read(fd, key->data + bytes, sizeof key->data - bytes);
        if (got > 0)
            bytes += (size_t)got;
    } while (got > 0 && bytes < sizeof key->data);
    (void)close(fd);
    return got < 0 ? -1 : (ssize_t)bytes;
}

static enum result read_key(int folder, const char *file, struct key *key,
                            struct fault *fault)
{
    ssize_t bytes = read_whole(folder, file, key);
    if (bytes < 0)
        return fault_set(fault, RESULT_UNAVAILABLE,
                         "cannot read the key %s: %s", file, strerror(errno));
    if (bytes > TOKEN_KEY_BYTES_MAX)
        return fault_set(fault, RESULT_MALFORMED, "the key %s is over %d bytes",
                         file, TOKEN_KEY_BYTES_MAX);
    while (key->algorithm == JWT_ALG_HS256 && bytes > 0 &&
           (key->data[bytes - 1] == '\n' || key->data[bytes - 1] == '\r'))
        bytes--;
    key->data[bytes] = '\0';
    key->bytes = (int)bytes;
    if (key->algorithm == JWT_ALG_HS256 && bytes < TOKEN_SECRET_BYTES_MIN)
        return fault_set(fault, RESULT_MALFORMED,
                         "the secret %s is shorter than %d bytes", file,
                         TOKEN_SECRET_BYTES_MIN);
    if (key->algorithm != JWT_ALG_HS256 &&
        strstr((const char *)key->data, "-----BEGIN PUBLIC KEY-----") == NULL)
        return fault_set(fault, RESULT_MALFORMED,
                         "%s is not a public key in PEM", file);
    return RESULT_OK;
}

static void print_of(uint64_t *print, const char *name, const struct stat *st)
{
    static const struct siphash_key key = {0};
    uint64_t parts[] = {*print,
                        siphash(&key, name, strlen(name)),
                        (uint64_t)st->st_size,
                        (uint64_t)st->st_mtim.tv_sec,
                        (uint64_t)st->st_mtim.tv_nsec,
                        st->st_ino};
    *print = siphash(&key, parts, sizeof parts);
}

static int keys_only(const struct dirent *entry)
{
    struct key key;
    return read_name(entry->d_name, &key);
}

static enum result read_files(int folder, struct dirent *const *files,
                              size_t count, struct key_set *set,
                              struct fault *fault)
{
    for (size_t i = 0; i < count; i++) {
        struct key *key = &set->keys[i];
        struct stat st;
        (void)read_name(files[i]->d_name, key);
        if (fstatat(folder, files[i]->d_name, &st, 0) != 0)
            return fault_set(fault, RESULT_UNAVAILABLE,
                             "cannot read the key %s: %s", files[i]->d_name,
                             strerror(errno));
        print_of(&set->print, files[i]->d_name, &st);
        enum result r = read_key(folder, files[i]->d_name, key, fault);
        if (r != RESULT_OK)
            return r;
    }
    set->count = count;
    return RESULT_OK;
}

static enum result read_set(const char *path, struct key_set *set,
                            struct fault *fault)
{
    struct dirent **files = NULL;
    int count = scandir(path, &files, keys_only, alphasort);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum result r = RESULT_OK;
    if (count < 0 || folder < 0)
        r = fault_set(fault, RESULT_UNAVAILABLE,
                      "cannot read the keys' folder %s: %s", path,
                      strerror(errno));
    else if (count == 0 || count > TOKEN_KEYS_MAX)
        r = fault_set(fault, RESULT_MALFORMED,
                      "%s has %d keys; it takes 1 to %d, named NAME.hs256, "
                      "NAME.rs256.pem or NAME.es256.pem",
                      path, count, TOKEN_KEYS_MAX);
    else
        r = read_files(folder, files, (size_t)count, set, fault);
    for (int i = 0; i < count; i++)
        free(files[i]);
    free(files);
    if (folder >= 0)
        (void)close(folder);
    return r;
}

static void set_free(struct key_set *set)
{
    if (set != NULL)
        explicit_bzero(set, sizeof *set);
    free(set);
}

enum result token_keys_open(const char *folder, const char *audience,
                            struct token_keys **ret, struct fault *fault)
{
    struct token_keys *keys = calloc(1, sizeof *keys);
    struct key_set *set = calloc(1, sizeof *set);
    enum result r = RESULT_OK;
    if (keys == NULL || set == NULL)
        r = fault_set(fault, RESULT_UNAVAILABLE, "out of memory");
    if (r == RESULT_OK &&
        (strlen(folder) >= sizeof keys->folder ||
         (audience != NULL && strlen(audience) >= sizeof keys->audience)))
        r = fault_set(fault, RESULT_MALFORMED,
                      "the keys' folder or the audience is too long");
    if (r == RESULT_OK)
        r = read_set(folder, set, fault);
    if (r != RESULT_OK) {
        set_free(set);
        free(keys);
        return r;
    }
    memcpy(keys->folder, folder, strlen(folder) + 1);
    if (audience != NULL)
        memcpy(keys->audience, audience, strlen(audience) + 1);
    keys->looked_ms = clock_monotonic_ms();
    pthread_rwlock_init(&keys->lock, NULL);
    keys->set = set;
    *ret = keys;
    return RESULT_OK;
}

void token_keys_close(struct token_keys *keys)
{
    if (keys == NULL)
        return;
    pthread_rwlock_destroy(&keys->lock);
    set_free(keys->set);
    free(keys);
}

/* One thread a second looks; the others go on with what there is. */
static void look_again(struct token_keys *keys)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t looked_ms = keys->looked_ms;
    if (now_ms - looked_ms < LOOK_MS ||
        !atomic_compare_exchange_strong(&keys->looked_ms, &looked_ms, now_ms))
        return;
    struct fault fault = {0};
    struct key_set *set = calloc(1, sizeof *set);
    enum result r = RESULT_OK;
    if (set == NULL)
        r = fault_set(&fault, RESULT_UNAVAILABLE, "out of memory");
    if (r == RESULT_OK)
        r = read_set(keys->folder, set, &fault);
    pthread_rwlock_wrlock(&keys->lock);
    if (r != RESULT_OK) {
        keys->trouble = fault;
        pthread_rwlock_unlock(&keys->lock);
        set_free(set);
        return;
    }
    struct key_set *old = keys->set;
    if (old->print != set->print) {
        keys->set = set;
        set = old;
    }
    pthread_rwlock_unlock(&keys->lock);
    set_free(set);
}

bool token_keys_trouble(struct token_keys *keys, struct fault *ret)
{
    pthread_rwlock_wrlock(&keys->lock);
    bool trouble = keys->trouble.text[0] != '\0';
    if (trouble)
        *ret = keys->trouble;
    keys->trouble = (struct fault){0};
    pthread_rwlock_unlock(&keys->lock);
    return trouble;
}

/* Three parts of base64url, and not too much of it. */
static bool looks_like_token(const char *token)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t bytes = strnlen(token, TOKEN_BYTES_MAX + 1);
    if (bytes > TOKEN_BYTES_MAX)
        return false;
    const char *at = token;
    for (int part = 0; part < 3; part++) {
        size_t run = strspn(at, digits);
        if (run == 0 || at[run] != (part < 2 ? '.' : '\0'))
            return false;
        at += run + (part < 2 ? 1 : 0);
    }
    return true;
}

static jwt_t *verified_by(const struct key *key, const char *token)
{
    jwt_t *jwt = NULL;
    if (jwt_decode(&jwt, token, key->data, key->bytes) != 0)
        return NULL;
    if (jwt_get_alg(jwt) == key->algorithm)
        return jwt;
    jwt_free(jwt);
    return NULL;
}

/* NULL where no key made it. `head` is the token, unverified: it may say by
 * which key and which algorithm to try, and no more. */
static jwt_t *verified(struct token_keys *keys, const char *token, jwt_t *head)
{
    const char *named = jwt_get_header(head, "kid");
    const char *algorithm = jwt_get_header(head, "alg");
    jwt_t *jwt = NULL;
    if (algorithm == NULL)
        return NULL;
    pthread_rwlock_rdlock(&keys->lock);
    for (size_t i = 0; i < keys->set->count && jwt == NULL; i++) {
        const struct key *key = &keys->set->keys[i];
        if (key->algorithm == jwt_str_alg(algorithm) &&
            (named == NULL || strcmp(named, key->name) == 0))
            jwt = verified_by(key, token);
    }
    pthread_rwlock_unlock(&keys->lock);
    return jwt;
}

/* "" where the claim is not there; false where it is no text, or too long. */
static bool text_claim(jwt_t *jwt, const char *name, char *text, size_t bytes)
{
    errno = 0;
    const char *value = jwt_get_grant(jwt, name);
    text[0] = '\0';
    if (value == NULL)
        return errno == ENOENT;
    if (strlen(value) >= bytes)
        return false;
    memcpy(text, value, strlen(value) + 1);
    return true;
}

static enum result check_times(jwt_t *jwt, struct token_claims *claims,
                               struct fault *fault)
{
    int64_t now_s = clock_now_ms() / 1000;
    errno = 0;
    claims->expires_s = jwt_get_grant_int(jwt, "exp");
    if (errno != 0)
        return fault_set(fault, RESULT_MALFORMED,
                         "the token has no time of its end (exp)");
    if (claims->expires_s + TOKEN_LEEWAY_S <= now_s)
        return fault_set(fault, RESULT_MALFORMED, "the token has expired");
    errno = 0;
    int64_t begin_s = jwt_get_grant_int(jwt, "nbf");
    if (errno != 0 && errno != ENOENT)
        return fault_set(fault, RESULT_MALFORMED,
                         "the token's nbf is not an integer");
    if (errno == 0 && begin_s > now_s + TOKEN_LEEWAY_S)
        return fault_set(fault, RESULT_MALFORMED, "the token is not valid yet");
    return RESULT_OK;
}

static enum result read_claims(const struct token_keys *keys, jwt_t *jwt,
                               struct token_claims *ret, struct fault *fault)
{
    struct token_claims claims;
    char audience[TOKEN_SCOPE_BYTES];
    if (!text_claim(jwt, "sub", claims.subject, sizeof claims.subject) ||
        !text_claim(jwt, "scope", claims.scope, sizeof claims.scope))
        return fault_set(fault, RESULT_MALFORMED,
                         "the token's sub or scope is no text, or too long");
    if (keys->audience[0] != '\0' &&
        (!text_claim(jwt, "aud", audience, sizeof audience) ||
         strcmp(audience, keys->audience) != 0))
        return fault_set(fault, RESULT_MALFORMED,
                         "the token is for another audience");
    enum result r = check_times(jwt, &claims, fault);
    if (r == RESULT_OK)
        *ret = claims;
    return r;
}

enum result token_check(struct token_keys *keys, const char *token,
                        struct token_claims *ret, struct fault *fault)
{
    jwt_t *head = NULL;
    if (!looks_like_token(token) || jwt_decode(&head, token, NULL, 0) != 0)
        return fault_set(fault, RESULT_MALFORMED, "this is no JSON Web Token");
    look_again(keys);
    /* An extension that must be understood is one that we do not (RFC 7515
     * section 4.1.11). */
    char *critical = jwt_get_headers_json(head, "crit");
    jwt_t *jwt = critical != NULL ? NULL : verified(keys, token, head);
    free(critical);
    jwt_free(head);
    if (jwt == NULL)
        return fault_set(fault, RESULT_MALFORMED,
                         "the token is of none of this service's keys");
    enum result r = read_claims(keys, jwt, ret, fault);
    jwt_free(jwt);
    return r;
}

static char *make_text(const struct key *key, const char *subject,
                       const char *scope, const char *audience,
                       uint32_t lifetime_s)
{
    long now_s = (long)(clock_now_ms() / 1000);
    jwt_t *jwt = NULL;
    if (jwt_new(&jwt) != 0)
        return NULL;
    char *text = NULL;
    if (jwt_set_alg(jwt, key->algorithm, key->data, key->bytes) == 0 &&
        jwt_add_header(jwt, "kid", key->name) == 0 &&
        (subject[0] == '\0' || jwt_add_grant(jwt, "sub", subject) == 0) &&
        (scope[0] == '\0' || jwt_add_grant(jwt, "scope", scope) == 0) &&
        (audience[0] == '\0' || jwt_add_grant(jwt, "aud", audience) == 0) &&
        jwt_add_grant_int(jwt, "iat", now_s) == 0 &&
        jwt_add_grant_int(jwt, "exp", now_s + (long)lifetime_s) == 0)
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    return text;
}

enum result token_make(struct token_keys *keys, const char *subject,
                       const char *scope, uint32_t lifetime_s, char *token,
                       size_t token_bytes, struct fault *fault)
{
    look_again(keys);
    const struct key *key = NULL;
    char *text = NULL;
    pthread_rwlock_rdlock(&keys->lock);
    for (size_t i = 0; i < keys->set->count; i++)
        if (keys->set->keys[i].algorithm == JWT_ALG_HS256)
            key = &keys->set->keys[i];
    if (key != NULL)
        text = make_text(key, subject, scope, keys->audience, lifetime_s);
    pthread_rwlock_unlock(&keys->lock);
    if (key == NULL)
        return fault_set(fault, RESULT_NOT_FOUND,
                         "there is no HS256 key to make a token with");
    enum result r = RESULT_OK;
    if (text == NULL || strlen(text) >= token_bytes)
        r = fault_set(fault, RESULT_UNAVAILABLE, "the token cannot be made");
    else
        memcpy(token, text, strlen(text) + 1);
    free(text);
    return r;
}

bool token_has_scope(const struct token_claims *claims, const char *word)
{
    size_t bytes = strlen(word);
    for (const char *at = claims->scope; *at != '\0';) {
        size_t run = strcspn(at, " ");
        if (run == bytes && strncmp(at, word, bytes) == 0)
            return true;
        at += run + strspn(at + run, " ");
    }
    return false;
}
