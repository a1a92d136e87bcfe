#include "live_event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json_write.h"
#include "row_json.h"

struct live_place live_place_of(int64_t seq, const struct uuid *id)
{
    struct live_place place = {.seq = seq};
    memcpy(&place.check, id->bytes + sizeof id->bytes - sizeof place.check,
           sizeof place.check);
    return place;
}

void live_cursor_format(const struct live_place *place,
                        char text[LIVE_CURSOR_BYTES])
{
    (void)snprintf(text, LIVE_CURSOR_BYTES, "s%016" PRIx64 "%016" PRIx64,
                   (uint64_t)place->seq, place->check);
}

static bool hex_read(const char *text, uint64_t *ret)
{
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret = value;
    return true;
}

bool live_cursor_parse(const char *text, struct live_place *ret)
{
    uint64_t seq;
    uint64_t check;
    if (strlen(text) != LIVE_CURSOR_BYTES - 1 || text[0] != 's' ||
        !hex_read(text + 1, &seq) || !hex_read(text + 17, &check) ||
        seq > INT64_MAX)
        return false;
    *ret = (struct live_place){(int64_t)seq, check};
    return true;
}

static void add_id(struct buffer *buffer, const struct live_place *place)
{
    char cursor[LIVE_CURSOR_BYTES];
    live_cursor_format(place, cursor);
    buffer_append(buffer, "id: ", 4);
    buffer_append(buffer, cursor, sizeof cursor - 1);
    buffer_append(buffer, "\n", 1);
}

void live_event_hello(struct buffer *buffer, const struct live_place *place)
{
    buffer_append_format(buffer, "retry: %d\n", LIVE_RETRY_MS);
    live_event_alive(buffer, place);
}

/* Without data no event is dispatched, but the id is kept. */
void live_event_alive(struct buffer *buffer, const struct live_place *place)
{
    buffer_append_text(buffer, ": alive\n");
    add_id(buffer, place);
    buffer_append(buffer, "\n", 1);
}

void live_event_view(struct buffer *buffer, const struct store_row *row)
{
    struct live_place place = live_place_of(row->place.seq, &row->id);
    add_id(buffer, &place);
    buffer_append_text(buffer, "event: view\ndata: ");
    row_json_write(buffer, row);
    buffer_append(buffer, "\n\n", 2);
}

void live_event_erased(struct buffer *buffer, const char *user_id)
{
    buffer_append_text(buffer, "event: erased\ndata: {\"userId\":");
    json_write_text(buffer, user_id);
    buffer_append_text(buffer, "}\n\n");
}

void live_event_deleted(struct buffer *buffer, const struct uuid *id)
{
    char text[UUID_TEXT_BYTES];
    uuid_format(id, text);
    buffer_append_format(buffer, "event: deleted\ndata: {\"_id\":\"%s\"}\n\n",
                         text);
}

void live_event_reset(struct buffer *buffer)
{
    buffer_append_text(buffer,
                       "event: reset\ndata: {\"reason\":\"the id is not of "
                       "this log: read the history again\"}\n\n");
}

void live_event_behind(struct buffer *buffer, int64_t views)
{
    buffer_append_format(buffer, "event: behind\ndata: {\"views\":%lld}\n\n",
                         (long long)views);
}

void live_event_end(struct buffer *buffer, const char *reason)
{
    buffer_append_format(buffer, "event: end\ndata: {\"reason\":\"%s\"}\n\n",
                         reason);
}
