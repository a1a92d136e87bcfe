/* Items of files of any shape, and what they say as views. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "import_items.h"
#include "import_seen.h"
#include "import_view.h"

/* --- items ---------------------------------------------------------------- */

/* A text that comes in pieces. */
struct source {
    const char *text;
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
        memcpy(to, source->text, given);
    source->text += given;
    source->bytes -= given;
    *ret_bytes = given;
    return RESULT_OK;
}

/* All items with their numbers, "1:{…} 2:{…} ", or the fault. */
static void read_items(const char *text, size_t piece_bytes, char *told,
                       size_t told_bytes)
{
    struct source source = {text, strlen(text), piece_bytes};
    struct import_items *items = NULL;
    struct import_item item;
    struct fault fault = {""};
    size_t at = 0;
    told[0] = '\0';
    assert_int_equal(import_items_open(give, &source, &items, &fault),
                     RESULT_OK);
    enum result r;
    while ((r = import_items_next(items, &item, &fault)) == RESULT_OK)
        at += (size_t)snprintf(told + at, told_bytes - at, "%lld:%.*s ",
                               (long long)item.number, (int)item.bytes,
                               item.text);
    if (r != RESULT_NOT_FOUND) {
        assert_int_equal(r, RESULT_MALFORMED);
        (void)snprintf(told + at, told_bytes - at, "%s", fault.text);
    }
    import_items_close(items);
}

static void every_shape_of_text_gives_its_items(void **state)
{
    static const struct {
        const char *text;
        const char *told;
    } cases[] = {
        {"", ""},
        {" \n\n ", ""},
        {"{\"a\":1}\n{\"b\":\"\\\"}\"}\n", "1:{\"a\":1} 2:{\"b\":\"\\\"}\"} "},
        {"\xEF\xBB\xBF\n{\"a\":1}\r\n\n {\"b\":2}", "2:{\"a\":1} 4:{\"b\":2} "},
        {"[]", ""},
        {" [ {\"a\":[1,{}]} , {\"b\":\"],\"} ]\n",
         "1:{\"a\":[1,{}]}  2:{\"b\":\"],\"}  "},
        {"{\"response\":{\"result\":\"ok [{\",\"ids\":[1,2],\"data\":{\"n\":3,"
         "\"data\":[{\"a\":1},{\"a\":2}],\"draw\":[1]}}}",
         "1:{\"a\":1} 2:{\"a\":2} "},
        {"{\"response\":{\"data\":{\"data\":[]}}}", ""},
        {"{\"history\":[{\"a\":1}],\"next\":\"/x\"}\n", "1:{\"a\":1} "},
        {"plain", "this is no JSON: it begins with neither { nor ["},
        {"[1,2]", "there is no list of items in the text"},
        {"{\"data\":3}", "there is no list of items in the text"},
        {"{\"data\":\"x", "the text ends within a string"},
        {"[{\"a\":1}", "the text ends too early, behind item 0"},
        {"[{\"a\":1},", "1:{\"a\":1} the text ends too early, behind item 1"},
        {"[{\"a\":1}]]",
         "1:{\"a\":1} something follows where the text should end"},
        {"[{\"a\":1}{\"b\":1}]",
         "1:{\"a\":1}{\"b\":1} "}, /* which is no JSON: its reader says so */
        {"{\"data\":[{\"a\":1}]",
         "1:{\"a\":1} the text ends too early, behind item 1"},
    };
    char told[1024];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t piece = 1; piece < 40; piece += 6) {
            read_items(cases[i].text, piece, told, sizeof told);
            assert_string_equal(told, cases[i].told);
        }
}

/* A line, or a list, of items that are this long. */
static char *make_long(bool lines, size_t item_bytes, size_t count)
{
    char *text = malloc(count * (item_bytes + 2) + 4);
    size_t at = 0;
    assert_non_null(text);
    if (!lines)
        text[at++] = '[';
    for (size_t i = 0; i < count; i++) {
        memset(text + at, ' ', item_bytes);
        text[at] = '{';
        text[at + item_bytes - 1] = '}';
        at += item_bytes;
        text[at++] = lines ? '\n' : i + 1 < count ? ',' : ']';
    }
    text[at] = '\0';
    return text;
}

static void memory_is_bounded_by_the_longest_item(void **state)
{
    (void)state;
    for (int lines = 0; lines < 2; lines++)
        for (size_t over = 0; over < 2; over++) {
            char *text = make_long(lines == 1, IMPORT_ITEM_BYTES_MAX + over, 3);
            struct source source = {text, strlen(text), 5000};
            struct import_items *items = NULL;
            struct import_item item;
            struct fault fault = {""};
            int count = 0;
            enum result r;
            assert_int_equal(import_items_open(give, &source, &items, &fault),
                             RESULT_OK);
            while ((r = import_items_next(items, &item, &fault)) == RESULT_OK)
                assert_int_equal(item.number, ++count);
            assert_int_equal(count, over == 0 ? 3 : 0);
            assert_int_equal(r,
                             over == 0 ? RESULT_NOT_FOUND : RESULT_MALFORMED);
            if (over == 1)
                assert_string_equal(
                    fault.text, lines == 1 ? "line 1 is over 1048576 bytes"
                                           : "item 1 is over 1048576 bytes");
            import_items_close(items);
            free(text);
        }
}

/* --- what they say -------------------------------------------------------- */

/* "user|video|path|time", or the reason. */
static void say(const char *text, const char *user_id, char *told,
                size_t told_bytes)
{
    enum import_format format = IMPORT_UNKNOWN;
    enum import_skip skip = IMPORT_TAKEN;
    struct viewed view;
    struct fault fault = {""};
    char time[CLOCK_TEXT_BYTES];
    enum result r = import_recognise(text, strlen(text), &format, &fault);
    if (r == RESULT_OK)
        r = import_view(format, user_id, text, strlen(text), &view, &skip,
                        &fault);
    if (r != RESULT_OK) {
        (void)snprintf(told, told_bytes, "%s", fault.text);
        return;
    }
    if (skip != IMPORT_TAKEN) {
        (void)snprintf(told, told_bytes, "%s", import_skip_text(skip));
        return;
    }
    assert_true(view.time_given);
    assert_true(view.id_given);
    clock_format(view.viewed_at_ms, time);
    (void)snprintf(told, told_bytes, "%s %s|%s|%s|%s",
                   import_format_name(format), view.user_id, view.video_id,
                   view.video_path, time);
}

struct said {
    const char *text;
    const char *told;
};

static void assert_said(const struct said *cases, size_t count)
{
    char told[2048];
    for (size_t i = 0; i < count; i++) {
        say(cases[i].text, "anna", told, sizeof told);
        assert_string_equal(told, cases[i].told);
    }
}

#define COUNT(cases) (sizeof(cases) / sizeof((cases)[0]))

#define YOUTUBE                                                                \
    "\"header\":\"YouTube\",\"products\":[\"YouTube\"],"                       \
    "\"activityControls\":[\"YouTube watch history\"]"

static void takeout_gives_videos_and_says_why_not(void **state)
{
    static const struct said cases[] = {
        {"{" YOUTUBE ",\"title\":\"Watched Bees \\u0026 trees\\n\","
         "\"titleUrl\":\"https://www.youtube.com/watch?v\\u003dq3A_-x9\","
         "\"subtitles\":[{\"name\":\"Garden\",\"url\":\"https://x/y\"}],"
         "\"time\":\"2024-11-21T14:52:38.445Z\"}",
         "takeout anna|youtube:q3A_-x9|Bees & trees|2024-11-21T14:52:38.445Z"},
        {"{" YOUTUBE ",\"title\":\"Bienen angesehen\",\"titleUrl\":"
         "\"https://music.youtube.com/watch?list=x&v=abc&t=3\","
         "\"time\":\"2024-11-21T14:52:38Z\"}",
         "takeout anna|youtube:abc|Bienen angesehen|2024-11-21T14:52:38.000Z"},
        {"{\"title\":\"Watched A\",\"titleUrl\":\"https://youtu.be/abc\","
         "\"time\":\"2024-11-21T14:52:38+01:00\"}",
         "takeout anna|youtube:abc|A|2024-11-21T13:52:38.000Z"},
        {"{" YOUTUBE ",\"title\":\"Watched Buy\",\"titleUrl\":"
         "\"https://www.youtube.com/watch?v=abc\",\"details\":[{\"name\":"
         "\"From Google Ads\"}],\"time\":\"2024-11-21T14:52:38Z\"}",
         "an advert"},
        {"{" YOUTUBE ",\"title\":\"Watched a video that has been removed\","
         "\"time\":\"2024-11-21T14:52:38Z\"}",
         "the video is gone"},
        {"{" YOUTUBE ",\"title\":\"Watched https://www.youtube.com/watch?v=a\","
         "\"titleUrl\":\"https://www.youtube.com/watch?v=a\","
         "\"time\":\"2024-11-21T14:52:38Z\"}",
         "the video is gone"},
        {"{" YOUTUBE ",\"title\":\"Viewed a post\",\"titleUrl\":"
         "\"https://www.youtube.com/post/Ugkx\","
         "\"time\":\"2024-11-21T14:52:38Z\"}",
         "no video"},
        {"{" YOUTUBE ",\"title\":\"Watched A\",\"titleUrl\":"
         "\"https://www.youtube.com/watch?v=abc\"}",
         "no time"},
        {"{" YOUTUBE ",\"titleUrl\":\"https://www.youtube.com/watch?v=abc\","
         "\"time\":\"2024-11-21T14:52:38Z\"}",
         "no title"},
        {"{" YOUTUBE ",\"title\":7,\"titleUrl\":null,\"time\":[],"
         "\"details\":{}}",
         "no time"},
    };
    (void)state;
    assert_said(cases, COUNT(cases));
}

static void tautulli_gives_each_play_with_its_user(void **state)
{
    static const struct said cases[] = {
        {"{\"row_id\":12,\"date\":1700000000,\"started\":1700000001,"
         "\"stopped\":1700003600,\"user_id\":133788,\"user\":\"LordSnow\","
         "\"media_type\":\"episode\",\"rating_key\":4348,"
         "\"full_title\":\"A Show - Pilot\",\"title\":\"Pilot\","
         "\"watched_status\":1,\"state\":null}",
         "tautulli 133788|plex:4348|A Show - Pilot|2023-11-14T22:13:21.000Z"},
        {"{\"row_id\":12,\"date\":\"1700000000\",\"user\":\"LordSnow\","
         "\"rating_key\":\"\",\"title\":\"News\",\"media_type\":\"clip\"}",
         "tautulli LordSnow||News|2023-11-14T22:13:20.000Z"},
        {"{\"row_id\":12,\"date\":1700000000,\"rating_key\":1,"
         "\"title\":\"News\"}",
         "tautulli anna|plex:1|News|2023-11-14T22:13:20.000Z"},
        {"{\"row_id\":null,\"date\":1700000000,\"user_id\":1,"
         "\"rating_key\":1,\"title\":\"News\",\"state\":\"paused\"}",
         "still playing"},
        {"{\"row_id\":1,\"date\":1700000000,\"user_id\":1,\"rating_key\":1,"
         "\"title\":\"A song\",\"media_type\":\"track\"}",
         "no video"},
        {"{\"row_id\":1,\"date\":0,\"user_id\":1,\"rating_key\":1,"
         "\"title\":\"News\"}",
         "no time"},
        {"{\"row_id\":1,\"date\":17e8,\"user_id\":1,\"rating_key\":1,"
         "\"title\":\"News\"}",
         "no time"},
        {"{\"row_id\":1,\"date\":1700000000,\"user_id\":1,\"rating_key\":1}",
         "no title"},
    };
    (void)state;
    assert_said(cases, COUNT(cases));
}

static void trakt_gives_movies_and_episodes(void **state)
{
    static const struct said cases[] = {
        {"{\"id\":1,\"watched_at\":\"2014-03-31T09:28:53.000Z\","
         "\"action\":\"scrobble\",\"type\":\"movie\",\"movie\":{\"title\":"
         "\"A Film\",\"year\":2008,\"ids\":{\"trakt\":4,\"imdb\":\"tt1\"}}}",
         "trakt anna|trakt:movie:4|A Film (2008)|2014-03-31T09:28:53.000Z"},
        {"{\"watched_at\":\"2014-03-31T09:28:53.000Z\",\"type\":\"movie\","
         "\"movie\":{\"title\":\"A Film\",\"year\":null,"
         "\"ids\":{\"trakt\":null,\"imdb\":\"tt1\"}}}",
         "trakt anna|imdb:tt1|A Film|2014-03-31T09:28:53.000Z"},
        {"{\"id\":2,\"watched_at\":\"2014-03-31T09:28:53Z\",\"type\":"
         "\"episode\",\"episode\":{\"season\":2,\"number\":3,\"title\":"
         "\"The One\",\"ids\":{\"tmdb\":77}},\"show\":{\"title\":\"A Show\"}}",
         "trakt anna|tmdb:episode:77|A Show 2x03 The One|"
         "2014-03-31T09:28:53.000Z"},
        {"{\"watched_at\":\"2014-03-31T09:28:53Z\",\"episode\":{\"season\":12,"
         "\"number\":13,\"title\":null},\"show\":{\"title\":\"A Show\"}}",
         "trakt anna||A Show 12x13|2014-03-31T09:28:53.000Z"},
        {"{\"watched_at\":\"1970-01-01T00:00:00.000Z\",\"movie\":{\"title\":"
         "\"A Film\"}}",
         "no time"},
        {"{\"watched_at\":null,\"_id\":3,\"movie\":{\"title\":\"A Film\"}}",
         "_id must be a UUID in 36 characters"},
        {"{\"watched_at\":\"2014-03-31T09:28:53Z\",\"movie\":{\"year\":1999}}",
         "no title"},
        {"{\"watched_at\":\"2014-03-31T09:28:53Z\",\"episode\":{\"season\":1}}",
         "no title"},
        {"{\"watched_at\":\"2014-03-31T09:28:53Z\",\"show\":{\"title\":\"S\"}}",
         "no video"},
    };
    (void)state;
    assert_said(cases, COUNT(cases));
}

static void what_is_of_no_format_or_no_json_is_refused_in_words(void **state)
{
    static const struct said cases[] = {
        {"{\"name\":\"x\"}",
         "its format is not known: say --format flixtube, takeout, tautulli or "
         "trakt"},
        {"[]", "it is no JSON object"},
        {"{\"_id\":\"x\"}", "_id must be a UUID in 36 characters"},
        {"{\"viewedAt\":\"2026-01-31T12:00:00Z\",\"videoPath\":\"\"}",
         "videoPath is empty"},
        {"{\"viewedAt\":\"yesterday\",\"videoPath\":\"a\"}",
         "viewedAt must be an RFC 3339 date and time"},
        {"{\"viewedAt\":\"2026-01-31T12:00:00Z\"}", "no title"},
        {"{\"_id\":\"019c1234-5678-7abc-8def-0123456789ab\","
         "\"videoPath\":\"a\"}",
         "no time"},
    };
    (void)state;
    assert_said(cases, COUNT(cases));
}

static void names_are_cut_by_nobody(void **state)
{
    char text[4096];
    char title[VIEWED_PATH_BYTES_MAX + 2];
    char told[64];
    (void)state;
    memset(title, 'x', sizeof title - 1);
    title[sizeof title - 1] = '\0';
    (void)snprintf(text, sizeof text,
                   "{\"title\":\"%s\",\"titleUrl\":\"https://youtu.be/a\","
                   "\"time\":\"2024-11-21T14:52:38Z\"}",
                   title);
    say(text, "anna", told, sizeof told);
    assert_string_equal(told, "a name too long");
}

/* --- ids ------------------------------------------------------------------ */

static struct viewed view_of(enum import_format format, const char *user_id,
                             const char *text)
{
    enum import_skip skip = IMPORT_TAKEN;
    struct viewed view;
    struct fault fault = {""};
    assert_int_equal(
        import_view(format, user_id, text, strlen(text), &view, &skip, &fault),
        RESULT_OK);
    assert_int_equal(skip, IMPORT_TAKEN);
    return view;
}

static bool same_id(const struct viewed *a, const struct viewed *b)
{
    return memcmp(&a->id, &b->id, sizeof a->id) == 0;
}

#define FILM(time) "{\"watched_at\":\"" time "\",\"movie\":{\"title\":\"F\"}}"

static void an_id_is_made_of_user_video_and_time(void **state)
{
    char text[UUID_TEXT_BYTES];
    (void)state;
    struct viewed view =
        view_of(IMPORT_TRAKT, "anna", FILM("2014-03-31T09:28:53Z"));
    struct viewed again =
        view_of(IMPORT_TRAKT, "anna", FILM("2014-03-31T11:28:53+02:00"));
    struct viewed later =
        view_of(IMPORT_TRAKT, "anna", FILM("2014-03-31T09:28:54Z"));
    struct viewed others =
        view_of(IMPORT_TRAKT, "ben", FILM("2014-03-31T09:28:53Z"));
    assert_true(same_id(&view, &again));
    assert_false(same_id(&view, &later));
    assert_false(same_id(&view, &others));
    /* It never changes: files are imported again by it. */
    uuid_format(&view.id, text);
    assert_string_equal(text, "5345cf67-06f3-82a1-be7e-7e881727a077");
}

static void a_row_of_ours_is_read_as_it_was_written(void **state)
{
    static const char text[] =
        "{\"_id\":\"019c1234-5678-7abc-8def-0123456789ab\",\"videoPath\":"
        "\"./a/b.mp4\",\"video\":{\"id\":\"b.mp4\"},\"userId\":\"ben\","
        "\"viewedAt\":\"2026-01-31T12:00:00.123Z\",\"receivedAt\":"
        "\"2026-01-31T12:00:01.000Z\",\"position\":12.5,\"duration\":30,"
        "\"sessionId\":\"11111111-2222-4333-8444-555555555555\","
        "\"rule\":\"played\",\"idGiven\":false}";
    char id[UUID_TEXT_BYTES];
    (void)state;
    struct viewed view = view_of(IMPORT_FLIXTUBE, "anna", text);
    uuid_format(&view.id, id);
    assert_string_equal(id, "019c1234-5678-7abc-8def-0123456789ab");
    assert_false(view.id_given);
    assert_string_equal(view.user_id, "ben");
    assert_int_equal(view.position_ms, 12500);
    assert_int_equal(view.duration_ms, 30000);
    assert_true(view.session_given);
    assert_int_equal(view.rule, VIEWED_RULE_PLAYED);
    /* And so is what is sent to a service. */
    struct buffer line = buffer_make(4096);
    import_view_write(&view, &line);
    buffer_append(&line, "", 1);
    struct viewed again = view_of(IMPORT_FLIXTUBE, "", line.data);
    assert_true(same_id(&view, &again));
    assert_false(again.id_given);
    assert_string_equal(again.video_path, view.video_path);
    buffer_done(&line);
    /* Without an id one is made, the same each time. */
    view = view_of(IMPORT_FLIXTUBE, "anna",
                   "{\"viewedAt\":\"2026-01-31T12:00:00Z\","
                   "\"videoPath\":\"a\"}");
    again = view_of(IMPORT_FLIXTUBE, "anna",
                    "{\"viewedAt\":\"2026-01-31T12:00:00Z\","
                    "\"videoPath\":\"a\",\"rule\":\"bytes\"}");
    assert_true(same_id(&view, &again));
    assert_true(view.id_given);
    assert_string_equal(view.user_id, "anna");
}

static void ids_that_came_are_known_until_there_are_too_many(void **state)
{
    struct import_seen *seen = NULL;
    struct fault fault = {""};
    bool full = false;
    struct uuid ids[5000];
    (void)state;
    assert_int_equal(import_seen_make(4999, &seen, &fault), RESULT_OK);
    for (size_t i = 0; i < 4999; i++) {
        ids[i] = uuid_make();
        assert_false(import_seen_add(seen, &ids[i], &full));
    }
    assert_false(full);
    ids[4999] = uuid_make();
    assert_false(import_seen_add(seen, &ids[4999], &full));
    assert_true(full);
    for (size_t i = 0; i < 4999; i++)
        assert_true(import_seen_add(seen, &ids[i], &full));
    import_seen_free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_of_text_gives_its_items),
        cmocka_unit_test(memory_is_bounded_by_the_longest_item),
        cmocka_unit_test(takeout_gives_videos_and_says_why_not),
        cmocka_unit_test(tautulli_gives_each_play_with_its_user),
        cmocka_unit_test(trakt_gives_movies_and_episodes),
        cmocka_unit_test(what_is_of_no_format_or_no_json_is_refused_in_words),
        cmocka_unit_test(names_are_cut_by_nobody),
        cmocka_unit_test(an_id_is_made_of_user_video_and_time),
        cmocka_unit_test(a_row_of_ours_is_read_as_it_was_written),
        cmocka_unit_test(ids_that_came_are_known_until_there_are_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
