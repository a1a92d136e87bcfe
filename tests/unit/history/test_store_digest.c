#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "store_digest.h"

static struct store_row make_row(uint8_t n)
{
    struct store_row row = {
        .place = {1767225600000 + n, n},
        .id_given = true,
        .time_given = true,
        .user_id = "anna",
        .user_id_bytes = 4,
        .video_id = "a.mp4",
        .video_id_bytes = 5,
        .video_path = "./a.mp4",
        .video_path_bytes = 7,
        .received_ms = 1767225600100 + n,
        .position_ms = 12500,
        .duration_ms = 30000,
        .session_given = true,
        .rule = VIEWED_RULE_PLAYED,
    };
    memset(row.id.bytes, n, sizeof row.id.bytes);
    memset(row.session_id.bytes, 77, sizeof row.session_id.bytes);
    return row;
}

struct text {
    char of[STORE_DIGEST_TEXT_BYTES];
};

static struct text digest_of(const struct store_row *rows, size_t count)
{
    struct store_digest digest = {{0, 0}, 0};
    struct text text;
    for (size_t i = 0; i < count; i++)
        store_digest_add(&digest, &rows[i]);
    store_digest_format(&digest, text.of);
    return text;
}

static void the_order_of_rows_does_not_matter(void **state)
{
    (void)state;
    const struct store_row one[] = {make_row(1), make_row(2), make_row(3)};
    const struct store_row other[] = {make_row(3), make_row(1), make_row(2)};
    assert_string_equal(digest_of(one, 3).of, digest_of(other, 3).of);
}

static void a_row_that_is_missing_or_twice_there_changes_it(void **state)
{
    (void)state;
    const struct store_row rows[] = {make_row(1), make_row(2), make_row(2)};
    assert_string_not_equal(digest_of(rows, 2).of, digest_of(rows, 1).of);
    assert_string_not_equal(digest_of(rows, 2).of, digest_of(rows, 3).of);
    assert_string_not_equal(digest_of(rows, 1).of, digest_of(rows, 0).of);
}

static void assert_differs(struct store_row changed)
{
    const struct store_row row = make_row(1);
    assert_string_not_equal(digest_of(&changed, 1).of, digest_of(&row, 1).of);
}

#define DIFFERS_WITH(change)                                                   \
    do {                                                                       \
        struct store_row row = make_row(1);                                    \
        row.change;                                                            \
        assert_differs(row);                                                   \
    } while (0)

static void each_field_of_the_message_changes_it(void **state)
{
    (void)state;
    DIFFERS_WITH(id.bytes[0] ^= 1);
    DIFFERS_WITH(id.bytes[15] ^= 1);
    DIFFERS_WITH(id_given = false);
    DIFFERS_WITH(place.viewed_at_ms++);
    DIFFERS_WITH(time_given = false);
    DIFFERS_WITH(user_id = "anne");
    DIFFERS_WITH(user_id_bytes = 0);
    DIFFERS_WITH(video_id = "b.mp4");
    DIFFERS_WITH(video_id_bytes = 0);
    DIFFERS_WITH(video_path = "./b.mp4");
    DIFFERS_WITH(video_path_bytes = 0);
    DIFFERS_WITH(position_ms = -1);
    DIFFERS_WITH(position_ms = 12501);
    DIFFERS_WITH(duration_ms = -1);
    DIFFERS_WITH(duration_ms = 12500);
    DIFFERS_WITH(session_given = false);
    DIFFERS_WITH(session_id.bytes[15] ^= 1);
    DIFFERS_WITH(rule = VIEWED_RULE_BYTES);
    DIFFERS_WITH(trace.given = true);
}

static void texts_do_not_stand_for_each_other(void **state)
{
    (void)state;
    struct store_row row = make_row(1);
    row.user_id = "a.mp4";
    row.user_id_bytes = 5;
    row.video_id = "anna";
    row.video_id_bytes = 4;
    assert_differs(row);
}

static void what_the_publisher_did_not_say_does_not_count(void **state)
{
    (void)state;
    struct store_row row = make_row(1);
    struct store_row again = make_row(1);
    again.place.seq = 99;
    again.received_ms += 5000;
    assert_string_equal(digest_of(&row, 1).of, digest_of(&again, 1).of);

    row.id_given = again.id_given = false;
    row.time_given = again.time_given = false;
    memset(again.id.bytes, 5, sizeof again.id.bytes);
    again.place.viewed_at_ms += 5000;
    assert_string_equal(digest_of(&row, 1).of, digest_of(&again, 1).of);
}

/* Digests are written down and compared by later versions: "1" stays "1". */
static void the_definition_never_changes(void **state)
{
    (void)state;
    const struct store_row rows[] = {make_row(1), make_row(2)};
    assert_string_equal(digest_of(rows, 0).of,
                        "1-00000000000000000000000000000000");
    assert_string_equal(digest_of(rows, 2).of,
                        "1-d699118be2869463179a8be72b05e4d0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_rows_does_not_matter),
        cmocka_unit_test(a_row_that_is_missing_or_twice_there_changes_it),
        cmocka_unit_test(each_field_of_the_message_changes_it),
        cmocka_unit_test(texts_do_not_stand_for_each_other),
        cmocka_unit_test(what_the_publisher_did_not_say_does_not_count),
        cmocka_unit_test(the_definition_never_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
