#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "media_type.h"

static void the_extension_alone_says_the_type(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *type; /* NULL: no video */
    } rows[] = {
        {"", NULL},
        {".", NULL},
        {"a", NULL},
        {"mp4", NULL},
        {".mp4", NULL}, /* nothing but an extension is a hidden file */
        {"a.", NULL},
        {"a.mp", NULL},
        {"a.mp44", NULL},
        {"a.mp4.part", NULL},
        {"a.mp4 ", NULL},
        {"a.txt", NULL},
        {"README.md", NULL},
        {"a.mp4", "video/mp4"},
        {"a.MP4", "video/mp4"},
        {"a.b.mP4", "video/mp4"},
        {"..mp4", "video/mp4"},
        {"a.m4v", "video/mp4"},
        {"a.mov", "video/quicktime"},
        {"a.webm", "video/webm"},
        {"a.mkv", "video/matroska"},
        {"a.ogv", "video/ogg"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct media_type *type = media_type_of(rows[i].name);
        if ((type == NULL) != (rows[i].type == NULL) ||
            (type != NULL && strcmp(type->text, rows[i].type) != 0))
            fail_msg("\"%s\" is %s", rows[i].name,
                     type == NULL ? "none" : type->text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_extension_alone_says_the_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
