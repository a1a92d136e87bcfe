#include "mp4_duration.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "viewed_message.h"

enum {
    HEADER_BYTES = 8,        /* size and type, each 32 bits */
    LARGE_HEADER_BYTES = 16, /* and a size of 64 bits */
    MVHD_BYTES_MAX = 32,     /* of its body, up to the duration */
};

/* Where the bytes come from. */
struct source {
    bool (*read)(const struct source *source, uint64_t offset, void *data,
                 size_t bytes);
    const uint8_t *memory;
    int file;
    unsigned boxes_left;
};

/* A box's body, or the whole file: the bytes from `offset` to before `end`. */
struct span {
    uint64_t offset;
    uint64_t end;
};

static bool read_file(const struct source *source, uint64_t offset, void *data,
                      size_t bytes)
{
    char *at = data;
    while (bytes > 0) {
        ssize_t n = pread(source->file, at, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false; /* the file became shorter, or the disk failed */
        at += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return true;
}

static bool read_memory(const struct source *source, uint64_t offset,
                        void *data, size_t bytes)
{
    memcpy(data, source->memory + offset, bytes);
    return true;
}

/* False if the bytes do not all lie in the span. */
static bool read_span(const struct source *source, struct span span, void *data,
                      size_t bytes)
{
    return bytes <= span.end - span.offset &&
           source->read(source, span.offset, data, bytes);
}

static uint32_t big_endian_32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
           (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];
}

static uint64_t big_endian_64(const uint8_t *bytes)
{
    return (uint64_t)big_endian_32(bytes) << 32 | big_endian_32(bytes + 4);
}

struct box {
    char type[4];
    struct span body;
};

/* Takes the box at the front of `row`, which then begins behind it. */
static bool next_box(struct source *source, struct span *row, struct box *ret)
{
    uint8_t header[LARGE_HEADER_BYTES];
    if (source->boxes_left == 0 ||
        !read_span(source, *row, header, HEADER_BYTES))
        return false;
    source->boxes_left--;

    uint64_t header_bytes = HEADER_BYTES;
    uint64_t box_bytes = big_endian_32(header);
    if (box_bytes == 0) { /* to the end */
        box_bytes = row->end - row->offset;
    } else if (box_bytes == 1) {
        if (!read_span(source, *row, header, LARGE_HEADER_BYTES))
            return false;
        header_bytes = LARGE_HEADER_BYTES;
        box_bytes = big_endian_64(header + HEADER_BYTES);
    }
    if (box_bytes < header_bytes || box_bytes > row->end - row->offset)
        return false;
    memcpy(ret->type, header + 4, sizeof ret->type);
    ret->body.offset = row->offset + header_bytes;
    ret->body.end = row->offset + box_bytes;
    row->offset = ret->body.end;
    return true;
}

static bool find_box(struct source *source, struct span row, const char *type,
                     struct span *ret)
{
    struct box box;
    while (row.offset < row.end && next_box(source, &row, &box))
        if (memcmp(box.type, type, sizeof box.type) == 0) {
            *ret = box.body;
            return true;
        }
    return false;
}

static int64_t ticks_to_ms(uint64_t ticks, uint32_t ticks_per_s)
{
    if (ticks_per_s == 0)
        return MP4_DURATION_UNKNOWN;
    uint64_t whole_s = ticks / ticks_per_s;
    if (whole_s >= VIEWED_SECONDS_MAX) /* also "unknown", which is all ones */
        return MP4_DURATION_UNKNOWN;
    uint64_t ms = whole_s * 1000 + ticks % ticks_per_s * 1000 / ticks_per_s;
    return ms == 0 ? MP4_DURATION_UNKNOWN : (int64_t)ms;
}

/*
 * Version (1 byte), flags (3), time made, time changed, ticks per second (4),
 * duration. Times and duration have 4 bytes in version 0 and 8 in version 1.
 */
static int64_t read_mvhd(const struct source *source, struct span body)
{
    uint8_t data[MVHD_BYTES_MAX];
    if (!read_span(source, body, data, 20))
        return MP4_DURATION_UNKNOWN;
    if (data[0] == 0) {
        uint32_t ticks = big_endian_32(data + 16);
        return ticks == UINT32_MAX
                   ? MP4_DURATION_UNKNOWN
                   : ticks_to_ms(ticks, big_endian_32(data + 12));
    }
    if (data[0] != 1 || !read_span(source, body, data, MVHD_BYTES_MAX))
        return MP4_DURATION_UNKNOWN;
    return ticks_to_ms(big_endian_64(data + 24), big_endian_32(data + 20));
}

static int64_t read_duration(struct source *source, uint64_t bytes)
{
    struct span moov;
    struct span mvhd;
    source->boxes_left = MP4_BOXES_MAX;
    if (!find_box(source, (struct span){0, bytes}, "moov", &moov) ||
        !find_box(source, moov, "mvhd", &mvhd))
        return MP4_DURATION_UNKNOWN;
    return read_mvhd(source, mvhd);
}

int64_t mp4_duration_of_file(int file, uint64_t file_bytes)
{
    struct source source = {.read = read_file, .file = file};
    if (file_bytes > INT64_MAX)
        return MP4_DURATION_UNKNOWN;
    return read_duration(&source, file_bytes);
}

int64_t mp4_duration_of_memory(const void *data, size_t bytes)
{
    struct source source = {.read = read_memory, .memory = data, .file = -1};
    return read_duration(&source, bytes);
}
