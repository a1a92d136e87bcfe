#include "terminal_text.h"

#include "utf8.h"

static bool is_control(const unsigned char *at, size_t length)
{
    return at[0] < 0x20 || at[0] == 0x7f || at[0] == '\\' ||
           (length == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

void terminal_text(struct buffer *buffer, const char *text, size_t bytes,
                   size_t bytes_max)
{
    size_t at = 0;
    while (at < bytes && at < bytes_max) {
        const unsigned char *here = (const unsigned char *)text + at;
        size_t length = utf8_sequence(text + at, bytes - at);
        if (length > 0 && !is_control(here, length)) {
            buffer_append(buffer, here, length);
        } else {
            length = length > 0 ? length : 1;
            for (size_t i = 0; i < length; i++)
                buffer_append_format(buffer, "\\x%02x", (unsigned)here[i]);
        }
        at += length;
    }
    if (at < bytes)
        buffer_append_text(buffer, "…");
}
