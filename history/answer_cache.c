#include "answer_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "siphash.h"
#include "uuid.h"

enum {
    SHARD_BYTES = ANSWER_CACHE_BYTES / ANSWER_CACHE_SHARDS,
    ENTRY_BYTES = 128, /* what one costs beside its texts */
};

/* In a shard it has one reference; each who was given it has one more. */
struct entry {
    struct answer answer; /* first: a pointer to it is one to the entry */
    atomic_size_t references;
    uint64_t hash;
    uint64_t version;
    struct entry *next;  /* of its bucket */
    struct entry *newer; /* by when it was last asked for */
    struct entry *older;
    char *body;
    size_t key_bytes;
    char texts[]; /* the key, then the links and a NUL */
};

struct shard {
    pthread_mutex_t lock; /* guards all of it */
    struct entry *buckets[ANSWER_CACHE_BUCKETS];
    struct entry *newest;
    struct entry *oldest;
    size_t bytes;
    uint64_t found;
    uint64_t missed;
};

struct answer_cache {
    struct siphash_key hash_key;
    struct shard shards[ANSWER_CACHE_SHARDS];
};

enum result answer_cache_make(struct answer_cache **ret, struct fault *fault)
{
    struct answer_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return fault_set(fault, RESULT_UNAVAILABLE, "no memory");
    struct uuid random = uuid_make(); /* the latter half is */
    memcpy(&cache->hash_key.k0, random.bytes + 8, 8);
    random = uuid_make();
    memcpy(&cache->hash_key.k1, random.bytes + 8, 8);
    for (size_t i = 0; i < ANSWER_CACHE_SHARDS; i++)
        pthread_mutex_init(&cache->shards[i].lock, NULL);
    *ret = cache;
    return RESULT_OK;
}

void answer_release(const struct answer *answer)
{
    struct entry *entry = (struct entry *)(uintptr_t)answer;
    if (atomic_fetch_sub(&entry->references, 1) > 1)
        return;
    free(entry->body);
    free(entry);
}

void answer_cache_free(struct answer_cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < ANSWER_CACHE_SHARDS; i++) {
        struct entry *next;
        for (struct entry *e = cache->shards[i].newest; e != NULL; e = next) {
            next = e->older;
            answer_release(&e->answer);
        }
        pthread_mutex_destroy(&cache->shards[i].lock);
    }
    free(cache);
}

static struct shard *shard_of(struct answer_cache *cache, uint64_t hash)
{
    return &cache->shards[hash % ANSWER_CACHE_SHARDS];
}

static struct entry **bucket_of(struct shard *shard, uint64_t hash)
{
    return &shard->buckets[hash / ANSWER_CACHE_SHARDS % ANSWER_CACHE_BUCKETS];
}

static size_t cost(const struct entry *entry)
{
    return sizeof *entry + ENTRY_BYTES + entry->key_bytes +
           strlen(entry->answer.links) + entry->answer.body_bytes;
}

static void push(struct shard *shard, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = shard->newest;
    if (shard->newest != NULL)
        shard->newest->newer = entry;
    else
        shard->oldest = entry;
    shard->newest = entry;
}

static void pull(struct shard *shard, struct entry *entry)
{
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        shard->newest = entry->older;
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        shard->oldest = entry->newer;
}

static void drop(struct shard *shard, struct entry *entry)
{
    struct entry **at = bucket_of(shard, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    pull(shard, entry);
    shard->bytes -= cost(entry);
    answer_release(&entry->answer);
}

static struct entry *look_up(struct shard *shard, uint64_t hash,
                             const void *key, size_t key_bytes)
{
    struct entry *entry = *bucket_of(shard, hash);
    while (entry != NULL &&
           (entry->hash != hash || entry->key_bytes != key_bytes ||
            memcmp(entry->texts, key, key_bytes) != 0))
        entry = entry->next;
    return entry;
}

const struct answer *answer_cache_find(struct answer_cache *cache,
                                       const void *key, size_t key_bytes,
                                       uint64_t version)
{
    uint64_t hash = siphash(&cache->hash_key, key, key_bytes);
    struct shard *shard = shard_of(cache, hash);
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = look_up(shard, hash, key, key_bytes);
    /* One of another version stays for who puts the next: who asks may have
     * read the version a while ago. */
    if (entry != NULL && entry->version != version)
        entry = NULL;
    if (entry != NULL) {
        atomic_fetch_add(&entry->references, 1);
        if (entry != shard->newest) {
            pull(shard, entry);
            push(shard, entry);
        }
        shard->found++;
    } else {
        shard->missed++;
    }
    pthread_mutex_unlock(&shard->lock);
    return entry != NULL ? &entry->answer : NULL;
}

static struct entry *entry_make(const void *key, size_t key_bytes,
                                struct buffer *body, const char *links)
{
    size_t links_bytes = strlen(links) + 1;
    struct entry *entry = malloc(sizeof *entry + key_bytes + links_bytes);
    if (entry == NULL)
        return NULL;
    memcpy(entry->texts, key, key_bytes);
    memcpy(entry->texts + key_bytes, links, links_bytes);
    size_t bytes;
    char *data = buffer_take(body, &bytes);
    /* The buffer took more than it needed. */
    char *cut = data != NULL && bytes > 0 ? realloc(data, bytes) : NULL;
    entry->body = cut != NULL ? cut : data;
    entry->key_bytes = key_bytes;
    entry->answer =
        (struct answer){entry->body, bytes, entry->texts + key_bytes, false};
    atomic_init(&entry->references, 1);
    return entry;
}

static void keep(struct shard *shard, struct entry *entry)
{
    atomic_fetch_add(&entry->references, 1);
    struct entry **bucket = bucket_of(shard, entry->hash);
    entry->next = *bucket;
    *bucket = entry;
    push(shard, entry);
    shard->bytes += cost(entry);
    while (shard->bytes > SHARD_BYTES)
        drop(shard, shard->oldest);
}

const struct answer *answer_cache_put(struct answer_cache *cache,
                                      const void *key, size_t key_bytes,
                                      uint64_t version, struct buffer *body,
                                      bool gzipped, const char *links)
{
    struct entry *entry = entry_make(key, key_bytes, body, links);
    if (entry == NULL)
        return NULL;
    entry->hash = siphash(&cache->hash_key, key, key_bytes);
    entry->version = version;
    entry->answer.gzipped = gzipped;
    if (cost(entry) > ANSWER_BYTES_MAX)
        return &entry->answer;
    struct shard *shard = shard_of(cache, entry->hash);
    pthread_mutex_lock(&shard->lock);
    struct entry *old = look_up(shard, entry->hash, key, key_bytes);
    /* Versions only grow: who was slow does not take away what is newer. */
    if (old == NULL || old->version < version) {
        if (old != NULL)
            drop(shard, old);
        keep(shard, entry);
    }
    pthread_mutex_unlock(&shard->lock);
    return &entry->answer;
}

void answer_cache_stats(struct answer_cache *cache,
                        struct answer_cache_stats *ret)
{
    *ret = (struct answer_cache_stats){0};
    for (size_t i = 0; i < ANSWER_CACHE_SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        pthread_mutex_lock(&shard->lock);
        ret->found += shard->found;
        ret->missed += shard->missed;
        ret->bytes += shard->bytes;
        pthread_mutex_unlock(&shard->lock);
    }
}
