#include "import_formats.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "viewed_batch.h"

enum {
    TEXT_BYTES = VIEWED_PATH_BYTES_MAX + 1,
    MS_PER_S = 1000,
};

/* What is longer is no text of ours. */
struct text {
    char text[TEXT_BYTES];
    size_t bytes; /* TEXT_BYTES: it is too long */
};

/* --- members -------------------------------------------------------------- */

bool import_member(const struct json_value *object, const char *name,
                   struct json_value *ret)
{
    const char *cursor = NULL;
    struct json_member member;
    while (json_pull_member(object, &cursor, &member))
        if (json_pull_is(&member.name, name, strlen(name))) {
            *ret = member.value;
            return ret->kind != JSON_WORD || ret->text[0] != 'n';
        }
    return false;
}

/* Line breaks and the like, which no name may have, become spaces. */
static void tame(struct text *text)
{
    for (size_t i = 0; i < text->bytes; i++)
        if ((unsigned char)text->text[i] < 0x20 || text->text[i] == 0x7f)
            text->text[i] = ' ';
    while (text->bytes > 0 && text->text[text->bytes - 1] == ' ')
        text->text[--text->bytes] = '\0';
}

/* A text, or a number as it is written; empty where it is neither. */
static void read_text(const struct json_value *object, const char *name,
                      struct text *ret)
{
    struct json_value value;
    ret->bytes = 0;
    ret->text[0] = '\0';
    if (!import_member(object, name, &value))
        return;
    if (value.kind == JSON_STRING)
        ret->bytes = json_pull_string(&value, ret->text, TEXT_BYTES);
    else if (value.kind == JSON_NUMBER)
        ret->bytes = (size_t)snprintf(ret->text, TEXT_BYTES, "%.*s",
                                      (int)value.bytes, value.text);
    if (ret->bytes >= TEXT_BYTES) {
        ret->text[0] = '\0';
        ret->bytes = TEXT_BYTES;
        return;
    }
    tame(ret);
}

static bool is_too_long(const struct text *text)
{
    return text->bytes == TEXT_BYTES;
}

static bool read_object(const struct json_value *object, const char *name,
                        struct json_value *ret)
{
    return import_member(object, name, ret) && ret->kind == JSON_OBJECT;
}

/* Writes a name of the view; false where it does not fit. */
static bool set_name(char *name, size_t name_bytes, const char *first,
                     const char *second)
{
    int bytes = snprintf(name, name_bytes, "%s%s", first, second);
    bool fits = bytes >= 0 && (size_t)bytes < name_bytes;
    if (!fits)
        name[0] = '\0';
    return fits;
}

static bool set_video(struct viewed *view, const char *kind, const char *id)
{
    return set_name(view->video_id, sizeof view->video_id, kind, id);
}

static bool set_title(struct viewed *view, const char *first,
                      const char *second)
{
    return set_name(view->video_path, sizeof view->video_path, first, second);
}

static bool set_time(struct viewed *view, const char *text)
{
    view->time_given = clock_parse(text, strlen(text), &view->viewed_at_ms);
    return view->time_given;
}

/* --- Google Takeout ------------------------------------------------------- */

/* The words differ by language, the name does not. Only what was seen as an
 * advert has details with a name. */
static bool is_advert(const struct json_value *item)
{
    struct json_value details;
    const char *detail;
    size_t bytes;
    size_t at = 0;
    struct text name;
    if (!import_member(item, "details", &details) || details.kind != JSON_ARRAY)
        return false;
    while (viewed_batch_element(details.text, details.bytes, &at, &detail,
                                &bytes)) {
        struct json_value value = json_pull_value(detail, bytes);
        if (value.kind != JSON_OBJECT)
            continue;
        read_text(&value, "name", &name);
        if (strstr(name.text, "Google") != NULL)
            return true;
    }
    return false;
}

static bool is_id_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Of …youtube.com/watch?v=ID, …/shorts/ID, …/live/ID and youtu.be/ID. */
static bool read_youtube_id(const char *url, char id[TEXT_BYTES])
{
    static const char *const marks[] = {"youtube.com/shorts/",
                                        "youtube.com/live/", "youtu.be/"};
    const char *at = NULL;
    size_t bytes = 0;
    const char *query = strstr(url, "youtube.com/watch?");
    if (query != NULL) {
        at = strstr(query, "?v=");
        at = at != NULL ? at : strstr(query, "&v=");
        at = at != NULL ? at + 3 : NULL;
    }
    for (size_t i = 0; at == NULL && i < sizeof marks / sizeof marks[0]; i++) {
        const char *mark = strstr(url, marks[i]);
        at = mark != NULL ? mark + strlen(marks[i]) : NULL;
    }
    while (at != NULL && is_id_byte(at[bytes]))
        bytes++;
    if (bytes == 0)
        return false;
    memcpy(id, at, bytes);
    id[bytes] = '\0';
    return true;
}

/* "Watched …" where it is in English; other languages' words stay. */
static const char *without_verb(const char *title)
{
    static const char verb[] = "Watched ";
    return strncmp(title, verb, sizeof verb - 1) == 0 ? title + sizeof verb - 1
                                                      : title;
}

enum import_skip import_takeout(const struct json_value *item,
                                struct viewed *view)
{
    struct text url;
    struct text title;
    struct text time;
    char id[TEXT_BYTES];
    read_text(item, "titleUrl", &url);
    read_text(item, "title", &title);
    read_text(item, "time", &time);
    if (is_advert(item))
        return IMPORT_ADVERT;
    if (!set_time(view, time.text))
        return IMPORT_NO_TIME;
    if (title.bytes == 0)
        return IMPORT_NO_TITLE;
    if (url.bytes == 0)
        return IMPORT_GONE;
    if (!read_youtube_id(url.text, id))
        return IMPORT_NO_VIDEO;
    /* A video that is there no more has its address for a title. */
    if (strstr(title.text, url.text) != NULL && !is_too_long(&url))
        return IMPORT_GONE;
    bool fits = !is_too_long(&title) && set_video(view, "youtube:", id) &&
                set_title(view, without_verb(title.text), "");
    return fits ? IMPORT_TAKEN : IMPORT_TOO_LONG;
}

/* --- Tautulli ------------------------------------------------------------- */

static bool set_seconds(struct viewed *view, const struct json_value *item,
                        const char *name)
{
    struct text text;
    int64_t seconds = 0;
    read_text(item, name, &text);
    if (text.bytes == 0 || text.bytes > 12)
        return false;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.text[i] < '0' || text.text[i] > '9')
            return false;
        seconds = seconds * 10 + (text.text[i] - '0');
    }
    view->time_given = seconds > 0 && seconds <= CLOCK_MAX_MS / MS_PER_S;
    view->viewed_at_ms = view->time_given ? seconds * MS_PER_S : 0;
    return view->time_given;
}

static bool is_playing(const struct json_value *item)
{
    struct text state;
    read_text(item, "state", &state);
    return strcmp(state.text, "playing") == 0 ||
           strcmp(state.text, "paused") == 0 ||
           strcmp(state.text, "buffering") == 0;
}

/* Its number stays when the user takes another name. */
static bool set_plex_user(struct viewed *view, const struct json_value *item)
{
    struct text user;
    read_text(item, "user_id", &user);
    if (user.bytes == 0)
        read_text(item, "user", &user);
    return set_name(view->user_id, sizeof view->user_id, user.text, "");
}

enum import_skip import_tautulli(const struct json_value *item,
                                 struct viewed *view)
{
    struct text media;
    struct text title;
    struct text key;
    bool fits = set_plex_user(view, item);
    read_text(item, "media_type", &media);
    read_text(item, "full_title", &title);
    read_text(item, "rating_key", &key);
    if (title.bytes == 0)
        read_text(item, "title", &title);
    if (is_playing(item))
        return IMPORT_PLAYING;
    if (strcmp(media.text, "track") == 0 || strcmp(media.text, "photo") == 0)
        return IMPORT_NO_VIDEO;
    if (!set_seconds(view, item, "started") && !set_seconds(view, item, "date"))
        return IMPORT_NO_TIME;
    if (title.bytes == 0)
        return IMPORT_NO_TITLE;
    fits = fits && !is_too_long(&title) && set_title(view, title.text, "");
    if (key.bytes > 0)
        fits = fits && !is_too_long(&key) && set_video(view, "plex:", key.text);
    return fits ? IMPORT_TAKEN : IMPORT_TOO_LONG;
}

/* --- Trakt ---------------------------------------------------------------- */

/* The first that it has, in this order; without one the title is the name. */
static bool set_trakt_video(struct viewed *view, const struct json_value *media,
                            const char *kind)
{
    static const char *const names[] = {"trakt", "imdb", "tmdb", "tvdb"};
    struct json_value ids;
    struct text id;
    char before[32];
    if (!read_object(media, "ids", &ids))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        read_text(&ids, names[i], &id);
        if (id.bytes == 0)
            continue;
        bool is_imdb = i == 1; /* its ids say of what they are */
        (void)snprintf(before, sizeof before, "%s:%s%s", names[i],
                       is_imdb ? "" : kind, is_imdb ? "" : ":");
        return !is_too_long(&id) && set_video(view, before, id.text);
    }
    return true;
}

static enum import_skip take_movie(const struct json_value *movie,
                                   struct viewed *view)
{
    struct text title;
    struct text year;
    char end[16] = "";
    read_text(movie, "title", &title);
    read_text(movie, "year", &year);
    if (title.bytes == 0)
        return IMPORT_NO_TITLE;
    if (year.bytes == 4)
        (void)snprintf(end, sizeof end, " (%.4s)", year.text);
    bool fits = !is_too_long(&title) && set_title(view, title.text, end) &&
                set_trakt_video(view, movie, "movie");
    return fits ? IMPORT_TAKEN : IMPORT_TOO_LONG;
}

/* "Show 2x03 Title" */
static enum import_skip take_episode(const struct json_value *item,
                                     const struct json_value *episode,
                                     struct viewed *view)
{
    struct json_value show;
    struct text title = {.bytes = 0};
    struct text season;
    struct text number;
    struct text own;
    char rest[32];
    if (read_object(item, "show", &show))
        read_text(&show, "title", &title);
    read_text(episode, "season", &season);
    read_text(episode, "number", &number);
    read_text(episode, "title", &own);
    if (title.bytes == 0)
        return IMPORT_NO_TITLE;
    if (is_too_long(&title) || is_too_long(&own) || season.bytes > 8 ||
        number.bytes > 8)
        return IMPORT_TOO_LONG;
    const char *space = own.bytes > 0 ? " " : "";
    if (season.bytes > 0 && number.bytes > 0)
        (void)snprintf(rest, sizeof rest, " %.8sx%s%.8s%s", season.text,
                       number.bytes == 1 ? "0" : "", number.text, space);
    else
        (void)snprintf(rest, sizeof rest, "%s", space);
    char name[TEXT_BYTES];
    bool fits = set_name(name, sizeof name, title.text, rest) &&
                set_title(view, name, own.text) &&
                set_trakt_video(view, episode, "episode");
    return fits ? IMPORT_TAKEN : IMPORT_TOO_LONG;
}

enum import_skip import_trakt(const struct json_value *item,
                              struct viewed *view)
{
    struct json_value media;
    struct text time;
    read_text(item, "watched_at", &time);
    /* 1970 is how a time that its user did not know is exported. */
    if (!set_time(view, time.text) || view->viewed_at_ms == 0)
        return IMPORT_NO_TIME;
    if (read_object(item, "movie", &media))
        return take_movie(&media, view);
    if (read_object(item, "episode", &media))
        return take_episode(item, &media, view);
    return IMPORT_NO_VIDEO;
}
