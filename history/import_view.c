#include "import_view.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "import_formats.h"
#include "json_read.h"
#include "siphash.h"

/* --- names ---------------------------------------------------------------- */

static const char *const format_names[] = {"unknown", "flixtube", "takeout",
                                           "tautulli", "trakt"};

enum {
    FORMATS = sizeof format_names / sizeof format_names[0],
};

enum import_format import_format_of(const char *name)
{
    for (size_t i = 1; i < FORMATS; i++)
        if (strcmp(name, format_names[i]) == 0)
            return (enum import_format)i;
    return IMPORT_UNKNOWN;
}

const char *import_format_name(enum import_format format)
{
    return format_names[format];
}

bool import_format_has_user(enum import_format format)
{
    return format == IMPORT_FLIXTUBE || format == IMPORT_TAUTULLI;
}

static const struct {
    const char *text;
    const char *name;
} skips[IMPORT_SKIPS] = {
    [IMPORT_TAKEN] = {"taken", "taken"},
    [IMPORT_NO_TIME] = {"no time", "noTime"},
    [IMPORT_NO_TITLE] = {"no title", "noTitle"},
    [IMPORT_NO_USER] = {"no user", "noUser"},
    [IMPORT_ADVERT] = {"an advert", "advert"},
    [IMPORT_GONE] = {"the video is gone", "videoGone"},
    [IMPORT_NO_VIDEO] = {"no video", "noVideo"},
    [IMPORT_PLAYING] = {"still playing", "playing"},
    [IMPORT_TOO_LONG] = {"a name too long", "tooLong"},
};

const char *import_skip_text(enum import_skip skip)
{
    return skips[skip].text;
}

const char *import_skip_name(enum import_skip skip)
{
    return skips[skip].name;
}

/* --- items ---------------------------------------------------------------- */

static enum result read_object(const char *text, size_t bytes,
                               struct json_value *ret, struct fault *fault)
{
    enum result r = json_check(text, bytes, fault);
    if (r != RESULT_OK)
        return r;
    *ret = json_pull_value(text, bytes);
    return ret->kind == JSON_OBJECT
               ? RESULT_OK
               : fault_set(fault, RESULT_MALFORMED, "it is no JSON object");
}

enum result import_recognise(const char *text, size_t bytes,
                             enum import_format *ret, struct fault *fault)
{
    static const struct {
        const char *member;
        enum import_format format;
    } signs[] = {
        {"watched_at", IMPORT_TRAKT},  {"_id", IMPORT_FLIXTUBE},
        {"viewedAt", IMPORT_FLIXTUBE}, {"rating_key", IMPORT_TAUTULLI},
        {"row_id", IMPORT_TAUTULLI},   {"full_title", IMPORT_TAUTULLI},
        {"titleUrl", IMPORT_TAKEOUT},  {"activityControls", IMPORT_TAKEOUT},
        {"products", IMPORT_TAKEOUT},  {"header", IMPORT_TAKEOUT},
    };
    struct json_value item;
    struct json_value value;
    enum result r = read_object(text, bytes, &item, fault);
    if (r != RESULT_OK)
        return r;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (import_member(&item, signs[i].member, &value)) {
            *ret = signs[i].format;
            return RESULT_OK;
        }
    return fault_set(fault, RESULT_MALFORMED,
                     "its format is not known: say --format flixtube, "
                     "takeout, tautulli or trakt");
}

/* --- the id --------------------------------------------------------------- */

/* Version 8 of RFC 9562: 122 bits of our own making. The keys never change:
 * what they make tells a file that is imported again. */
static struct uuid make_id(enum import_format format,
                           const struct viewed *viewed)
{
    static const struct siphash_key keys[2] = {
        {UINT64_C(0x666c697874756265), UINT64_C(0x696d706f72742d31)},
        {UINT64_C(0x696d706f72742d32), UINT64_C(0x666c697874756265)},
    };
    char text[VIEWED_USER_BYTES_MAX + VIEWED_PATH_BYTES_MAX + 64];
    struct uuid id;
    const char *video =
        viewed->video_id[0] != '\0' ? viewed->video_id : viewed->video_path;
    /* No name of a user or a video has a control character. */
    int bytes =
        snprintf(text, sizeof text, "%s\n%s\n%s\n%lld", format_names[format],
                 viewed->user_id, video, (long long)viewed->viewed_at_ms);
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        uint64_t half = siphash(&keys[i / 8], text, (size_t)bytes);
        id.bytes[i] = (uint8_t)(half >> (8 * (i % 8)));
    }
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x80);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

/* --- rows of ours --------------------------------------------------------- */

static enum result read_own(const struct json_value *item, struct viewed *view,
                            bool *has_id, enum import_skip *skip,
                            struct fault *fault)
{
    struct json_value value;
    char id[UUID_TEXT_BYTES] = "";
    struct viewed_envelope envelope = {.message_id = id};
    struct uuid known;
    if (import_member(item, "_id", &value)) {
        size_t bytes = value.kind == JSON_STRING
                           ? json_pull_string(&value, id, sizeof id)
                           : 0;
        if (!uuid_parse(id, bytes, &known))
            return fault_set(fault, RESULT_MALFORMED,
                             "_id must be a UUID in 36 characters");
    }
    if (!import_member(item, "viewedAt", &value))
        *skip = IMPORT_NO_TIME;
    else if (!import_member(item, "video", &value) &&
             !import_member(item, "videoPath", &value))
        *skip = IMPORT_NO_TITLE;
    if (*skip != IMPORT_TAKEN)
        return RESULT_OK;
    enum result r =
        viewed_decode(item->text, item->bytes, &envelope, view, fault);
    *has_id = r == RESULT_OK && view->id_given;
    if (*has_id && import_member(item, "idGiven", &value))
        view->id_given = value.bytes == 4; /* true */
    return r;
}

/* --- all of them ---------------------------------------------------------- */

enum result import_view(enum import_format format, const char *user_id,
                        const char *text, size_t bytes, struct viewed *ret,
                        enum import_skip *ret_skip, struct fault *fault)
{
    struct json_value item;
    struct viewed view = {.position_ms = -1, .duration_ms = -1};
    enum import_skip skip = IMPORT_TAKEN;
    bool has_id = false;
    enum result r = read_object(text, bytes, &item, fault);
    if (r == RESULT_OK && format == IMPORT_FLIXTUBE)
        r = read_own(&item, &view, &has_id, &skip, fault);
    if (r != RESULT_OK)
        return r;
    if (format == IMPORT_TAKEOUT)
        skip = import_takeout(&item, &view);
    else if (format == IMPORT_TAUTULLI)
        skip = import_tautulli(&item, &view);
    else if (format == IMPORT_TRAKT)
        skip = import_trakt(&item, &view);
    if (view.user_id[0] == '\0')
        (void)snprintf(view.user_id, sizeof view.user_id, "%s", user_id);
    if (skip == IMPORT_TAKEN && view.user_id[0] == '\0' &&
        format != IMPORT_FLIXTUBE)
        skip = IMPORT_NO_USER;
    *ret_skip = skip;
    if (skip != IMPORT_TAKEN)
        return RESULT_OK;
    if (!has_id) {
        view.id = make_id(format, &view);
        view.id_given = true;
    }
    *ret = view;
    return RESULT_OK;
}

void import_view_write(const struct viewed *viewed, struct buffer *buffer)
{
    viewed_encode(viewed, buffer);
    if (viewed->id_given || buffer->failed)
        return;
    buffer->bytes--; /* the brace */
    buffer_append_text(buffer, ",\"idGiven\":false}");
}
