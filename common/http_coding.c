#include "http_coding.h"

#include <pthread.h>
#include <stdlib.h>

#include "gzip.h"

_Static_assert(GZIP_FAILED == HTTP_MORE_FAILED,
               "one is handed on as the other");

struct kept_text {
    const void *text;
    char *data; /* compressed */
    size_t bytes;
};

struct http_coder {
    pthread_mutex_t lock; /* guards all of it */
    struct kept_text texts[HTTP_CODER_TEXTS_MAX];
    size_t count;
};

struct http_coder *http_coder_make(void)
{
    struct http_coder *coder = calloc(1, sizeof *coder);
    if (coder != NULL)
        pthread_mutex_init(&coder->lock, NULL);
    return coder;
}

void http_coder_free(struct http_coder *coder)
{
    if (coder == NULL)
        return;
    for (size_t i = 0; i < coder->count; i++)
        free(coder->texts[i].data);
    pthread_mutex_destroy(&coder->lock);
    free(coder);
}

/* Under the lock. NULL: no room, or no memory. */
static const struct kept_text *keep_text(struct http_coder *coder,
                                         const void *text, size_t bytes)
{
    struct kept_text *kept = &coder->texts[coder->count];
    struct buffer small = buffer_make(bytes + bytes / 8 + 1024);
    if (coder->count == HTTP_CODER_TEXTS_MAX ||
        !gzip_all(text, bytes, GZIP_SMALL, &small)) {
        buffer_done(&small);
        return NULL;
    }
    kept->text = text;
    kept->data = buffer_take(&small, &kept->bytes);
    coder->count++;
    return kept;
}

static const struct kept_text *kept_text(struct http_coder *coder,
                                         const void *text, size_t bytes)
{
    const struct kept_text *kept = NULL;
    pthread_mutex_lock(&coder->lock);
    for (size_t i = 0; i < coder->count && kept == NULL; i++)
        if (coder->texts[i].text == text)
            kept = &coder->texts[i];
    if (kept == NULL)
        kept = keep_text(coder, text, bytes);
    pthread_mutex_unlock(&coder->lock);
    return kept;
}

static bool code_text(struct http_coder *coder, struct http_reply *reply)
{
    const struct kept_text *kept =
        kept_text(coder, reply->mapped, reply->mapped_bytes);
    if (kept == NULL)
        return false;
    reply->mapped = kept->data;
    reply->mapped_bytes = kept->bytes;
    return true;
}

bool http_reply_gzip(struct http_reply *reply)
{
    struct buffer *body = &reply->body;
    struct buffer small = buffer_make(body->limit_bytes);
    if (body->failed ||
        !gzip_all(body->data, body->bytes, GZIP_QUICK, &small)) {
        buffer_done(&small);
        return false;
    }
    buffer_done(body);
    *body = small;
    return true;
}

/* A body that comes bit by bit. */
struct coded_stream {
    struct gzip_stream *gzip;
    void (*released)(void *release_context);
    void *release_context;
};

static size_t coded_more(void *context, char *out, size_t out_bytes)
{
    struct coded_stream *stream = context;
    return gzip_stream_more(stream->gzip, out, out_bytes);
}

static void coded_released(void *context)
{
    struct coded_stream *stream = context;
    if (stream->released != NULL)
        stream->released(stream->release_context);
    gzip_stream_free(stream->gzip);
    free(stream);
}

static bool code_stream(struct http_reply *reply)
{
    struct coded_stream *stream = malloc(sizeof *stream);
    struct gzip_stream *gzip =
        gzip_stream_make(reply->more, reply->more_context);
    if (stream == NULL || gzip == NULL) {
        free(stream);
        gzip_stream_free(gzip);
        return false;
    }
    *stream =
        (struct coded_stream){gzip, reply->released, reply->release_context};
    reply->more = coded_more;
    reply->more_context = stream;
    reply->released = coded_released;
    reply->release_context = stream;
    return true;
}

bool http_gzip_pays(enum http_wish wish, size_t bytes)
{
    return wish == HTTP_WISH_GZIP_ALONE ||
           (wish == HTTP_WISH_GZIP && bytes >= HTTP_GZIP_BYTES_MIN);
}

static bool code(struct http_coder *coder, enum http_wish wish,
                 struct http_reply *reply)
{
    if (reply->more != NULL)
        return wish != HTTP_WISH_IDENTITY && code_stream(reply);
    if (reply->mapped != NULL)
        return http_gzip_pays(wish, reply->mapped_bytes) &&
               reply->released == NULL && code_text(coder, reply);
    return http_gzip_pays(wish, reply->body.bytes) && http_reply_gzip(reply);
}

void http_coder_apply(struct http_coder *coder, enum http_wish wish,
                      struct http_reply *reply)
{
    bool coded = code(coder, wish, reply);
    reply->coding = coded ? HTTP_CODING_GZIP : HTTP_CODING_IDENTITY;
    http_reply_header(reply, "Vary", "Accept-Encoding");
}
