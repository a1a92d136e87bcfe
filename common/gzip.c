#include "gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    BLOCK_BYTES = 4096,
    AS_GZIP = 16, /* zlib's sign for it, added to the window's bits */
};

static bool begin(z_stream *zlib, enum gzip_effort effort)
{
    static const struct {
        int level;
        int window_bits;
        int memory_level;
    } efforts[] = {[GZIP_QUICK] = {1, 13, 6}, [GZIP_SMALL] = {9, 15, 9}};
    *zlib = (z_stream){.next_in = NULL};
    return deflateInit2(zlib, efforts[effort].level, Z_DEFLATED,
                        efforts[effort].window_bits + AS_GZIP,
                        efforts[effort].memory_level,
                        Z_DEFAULT_STRATEGY) == Z_OK;
}

/* zlib reads its input, though its type does not say so. */
static void give(z_stream *zlib, const void *data, size_t bytes)
{
    zlib->next_in = (Bytef *)(uintptr_t)data;
    zlib->avail_in = (uInt)bytes;
}

bool gzip_all(const void *data, size_t bytes, enum gzip_effort effort,
              struct buffer *to)
{
    z_stream zlib;
    if (bytes > INT_MAX || !begin(&zlib, effort)) {
        to->failed = true;
        return false;
    }
    size_t room = deflateBound(&zlib, bytes);
    char *out = buffer_reserve(to, room);
    if (out != NULL) {
        give(&zlib, data, bytes);
        zlib.next_out = (Bytef *)out;
        zlib.avail_out = (uInt)room;
        /* It fits: that is what the bound promises. */
        to->failed = deflate(&zlib, Z_FINISH) != Z_STREAM_END;
        buffer_advance(to, to->failed ? 0 : zlib.total_out);
    }
    (void)deflateEnd(&zlib);
    return !to->failed;
}

struct gzip_stream {
    size_t (*more)(void *context, char *out, size_t out_bytes);
    void *context;
    z_stream zlib;
    bool begun;
    bool at_end; /* of what comes */
    bool ended;  /* and all of it was given */
    char block[BLOCK_BYTES];
};

struct gzip_stream *gzip_stream_make(size_t (*more)(void *context, char *out,
                                                    size_t out_bytes),
                                     void *context)
{
    struct gzip_stream *stream = malloc(sizeof *stream);
    if (stream == NULL)
        return NULL;
    stream->more = more;
    stream->context = context;
    stream->begun = false;
    stream->at_end = false;
    stream->ended = false;
    return stream;
}

void gzip_stream_free(struct gzip_stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->begun)
        (void)deflateEnd(&stream->zlib);
    free(stream);
}

/* False: there will be no more, before the end. */
static bool read_block(struct gzip_stream *stream)
{
    size_t bytes =
        stream->more(stream->context, stream->block, sizeof stream->block);
    if (bytes == GZIP_FAILED)
        return false;
    stream->at_end = bytes == 0;
    give(&stream->zlib, stream->block, bytes);
    return true;
}

size_t gzip_stream_more(struct gzip_stream *stream, char *out, size_t out_bytes)
{
    z_stream *zlib = &stream->zlib;
    if (!stream->begun && !begin(zlib, GZIP_QUICK))
        return GZIP_FAILED;
    stream->begun = true;
    zlib->next_out = (Bytef *)out;
    zlib->avail_out = (uInt)(out_bytes < INT_MAX ? out_bytes : INT_MAX);
    size_t room = zlib->avail_out;
    while (zlib->avail_out > 0 && !stream->ended) {
        if (zlib->avail_in == 0 && !stream->at_end && !read_block(stream))
            return GZIP_FAILED;
        int code = deflate(zlib, stream->at_end ? Z_FINISH : Z_NO_FLUSH);
        stream->ended = code == Z_STREAM_END;
        /* Z_BUF_ERROR: it needs more of either, and is given it. */
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return GZIP_FAILED;
    }
    return room - zlib->avail_out;
}
