/*
 * import_items_next() and import_view(). However a text comes, in one piece or
 * in many, its items are the same, and each lies within it; what is taken as a
 * view can be one, and a line that is written of it is read as the same view.
 */
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "fuzz.h"
#include "import_items.h"
#include "import_view.h"
#include "utf8.h"

struct source {
    const uint8_t *data;
    size_t bytes;
    size_t piece_bytes;
};

static enum result give(void *context, char *to, size_t bytes,
                        size_t *ret_bytes, struct fault *fault)
{
    struct source *source = context;
    size_t given = source->bytes < bytes ? source->bytes : bytes;
    (void)fault;
    if (given > source->piece_bytes)
        given = source->piece_bytes;
    if (given > 0)
        memcpy(to, source->data, given);
    source->data += given;
    source->bytes -= given;
    *ret_bytes = given;
    return RESULT_OK;
}

static void check_name(const char *name, size_t bytes_max)
{
    size_t bytes = strlen(name);
    FUZZ_HOLDS(bytes <= bytes_max);
    FUZZ_HOLDS(utf8_is_valid(name, bytes));
    for (size_t i = 0; i < bytes; i++)
        FUZZ_HOLDS((unsigned char)name[i] >= 0x20 && name[i] != 0x7f);
}

static void check_view(const struct viewed *view)
{
    FUZZ_HOLDS(view->video_id[0] != '\0' || view->video_path[0] != '\0');
    FUZZ_HOLDS(view->time_given);
    FUZZ_HOLDS(view->viewed_at_ms >= CLOCK_MIN_MS);
    FUZZ_HOLDS(view->viewed_at_ms <= CLOCK_MAX_MS);
    check_name(view->user_id, VIEWED_USER_BYTES_MAX);
    check_name(view->video_id, VIEWED_VIDEO_BYTES_MAX);
    check_name(view->video_path, VIEWED_PATH_BYTES_MAX);
}

static void check_again(const struct viewed *view)
{
    struct buffer line = buffer_make(VIEWED_BODY_BYTES_MAX);
    enum import_skip skip = IMPORT_TAKEN;
    struct viewed again;
    import_view_write(view, &line);
    FUZZ_HOLDS(!line.failed);
    FUZZ_HOLDS(import_view(IMPORT_FLIXTUBE, "", line.data, line.bytes, &again,
                           &skip, NULL) == RESULT_OK);
    FUZZ_HOLDS(skip == IMPORT_TAKEN);
    buffer_done(&line);
    FUZZ_HOLDS(memcmp(&again.id, &view->id, sizeof again.id) == 0);
    FUZZ_HOLDS(again.id_given == view->id_given);
    FUZZ_HOLDS(again.viewed_at_ms == view->viewed_at_ms);
    FUZZ_HOLDS(strcmp(again.user_id, view->user_id) == 0);
    FUZZ_HOLDS(strcmp(again.video_id, view->video_id) == 0);
    FUZZ_HOLDS(strcmp(again.video_path, view->video_path) == 0);
}

static void check_item(const struct import_item *item)
{
    static const enum import_format all[] = {IMPORT_FLIXTUBE, IMPORT_TAKEOUT,
                                             IMPORT_TAUTULLI, IMPORT_TRAKT};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        enum import_skip skip = IMPORT_TAKEN;
        struct viewed view;
        struct fault fault = {""};
        enum result r = import_view(all[i], "user", item->text, item->bytes,
                                    &view, &skip, &fault);
        FUZZ_HOLDS(r == RESULT_OK || r == RESULT_MALFORMED);
        FUZZ_HOLDS(r == RESULT_OK || fault.text[0] != '\0');
        FUZZ_HOLDS(skip < IMPORT_SKIPS);
        if (r != RESULT_OK || skip != IMPORT_TAKEN)
            continue;
        check_view(&view);
        check_again(&view);
    }
}

/* A number for all items and how they ended. */
static uint64_t read_items(const uint8_t *data, size_t bytes,
                           size_t piece_bytes, bool checks)
{
    struct source source = {data, bytes, piece_bytes};
    struct import_items *items = NULL;
    struct import_item item;
    struct fault fault = {""};
    uint64_t sum = UINT64_C(14695981039346656037);
    size_t all_bytes = 0;
    enum result r;
    if (import_items_open(give, &source, &items, &fault) != RESULT_OK)
        return 0;
    while ((r = import_items_next(items, &item, &fault)) == RESULT_OK) {
        for (size_t i = 0; i < item.bytes; i++)
            sum = (sum ^ (uint8_t)item.text[i]) * UINT64_C(1099511628211);
        sum = (sum ^ (uint64_t)item.number) * UINT64_C(1099511628211);
        all_bytes += item.bytes;
        if (checks)
            check_item(&item);
    }
    FUZZ_HOLDS(all_bytes <= bytes);
    FUZZ_HOLDS(r == RESULT_NOT_FOUND || r == RESULT_MALFORMED);
    FUZZ_HOLDS(r == RESULT_NOT_FOUND || fault.text[0] != '\0');
    import_items_close(items);
    return sum ^ (uint64_t)r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    uint64_t whole = read_items(data, bytes, SIZE_MAX, true);
    FUZZ_HOLDS(whole == read_items(data, bytes, 7, false));
    return 0;
}
